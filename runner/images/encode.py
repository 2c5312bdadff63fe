"""Encode pictures as files: equal to the pixel where the format can, and of the same size always."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
import PIL.Image

_OPTIONS: Mapping[str, Mapping[str, object]] = {
    "WEBP": {"lossless": True, "quality": 60, "method": 4, "exact": True},
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}
"""Options with which Pillow loses as little as it can, by format."""

_KNOWN_TO_LOSE = {"JPEG", "AVIF"}
"""Formats that are asked for by name although they lose something: no option of Pillow's prevents it."""

_TRIAL = np.random.default_rng(0).integers(0, 256, (29, 37, 3), dtype=np.uint8)
"""More colours than a palette holds, and no size that a format is likely to round to."""


def lossless_webp(pixels: npt.NDArray[np.uint8]) -> bytes:
    """`[H, W, 3]` RGB as WebP that decodes to the same pixels: a comparison must not compare codecs."""
    return encoded(PIL.Image.fromarray(pixels), ".webp")


def encoded(picture: PIL.Image.Image, suffix: str) -> bytes:
    """The RGB picture as a file of this suffix; raises whatever Pillow raises when it cannot write one."""
    PIL.Image.init()
    kind = PIL.Image.EXTENSION[suffix]
    buffer = io.BytesIO()
    picture.save(buffer, kind, **_OPTIONS.get(kind, {}))
    return buffer.getvalue()


@cache
def objection(suffix: str) -> str | None:
    """Why pictures should not be written to files of this suffix; None if there is no reason.

    Found by trying: some formats Pillow knows by name only, some come back smaller or in fewer colours.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            file = encoded(PIL.Image.fromarray(_TRIAL), suffix)
            with PIL.Image.open(io.BytesIO(file)) as picture:
                found = np.asarray(picture.convert("RGB"))
    except Exception:  # (an encoder that cannot raises almost anything)
        return f'cannot write a "{suffix}" picture'
    if found.shape != _TRIAL.shape:
        return f'a "{suffix}" picture would have another size'
    if PIL.Image.EXTENSION[suffix] not in _KNOWN_TO_LOSE and not np.array_equal(found, _TRIAL):
        return f'a "{suffix}" picture would have other colours'
    return None
