"""Pictures as files."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import PIL.Image


def lossless_webp(pixels: npt.NDArray[np.uint8]) -> bytes:
    """`[H, W, 3]` RGB as WebP that decodes to the same pixels: a comparison must not compare codecs."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=60, method=4, exact=True)
    return buffer.getvalue()
