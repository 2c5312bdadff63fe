"""Grey samples of more than 8 bits as 8 bits, by the range that the file declares and by no guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import PIL.Image
from PIL.TiffImagePlugin import TiffImageFile

from singan.errors import UserError

_BITS_PER_SAMPLE, _PHOTOMETRIC, _MIN_SAMPLE, _MAX_SAMPLE, _SAMPLE_FORMAT = 258, 262, 280, 281, 339
"""Tags of TIFF 6.0, sections 8 and 19."""

_UNSIGNED = 1
_WHITE_IS_ZERO = 0

_SCALED_TO_16_BITS = {"PNG", "PPM", "JPEG2000"}
"""Formats of unsigned samples whose depth is declared, and from which Pillow scales them to 16 bits."""

_FULL_RANGES = {2**bits - 1 for bits in range(1, 32)}


@dataclass(frozen=True)
class SampleRange:
    """The range of a file's samples, from 0 to `top`, and which end of it is white."""

    top: int
    white_is_zero: bool = False


def declared_range(picture: PIL.Image.Image) -> SampleRange | None:
    """The range of an opened file's integer samples; None if it declares none.

    A TIFF of at most 16 bits uses the full range. One of 32 bits has to name its largest sample, which has to
    be all ones: other numbers are the largest of the picture, not of the range.
    """
    if not isinstance(picture, TiffImageFile):
        return SampleRange(0xFFFF) if picture.format in _SCALED_TO_16_BITS else None
    white_is_zero = _number(picture, _PHOTOMETRIC) == _WHITE_IS_ZERO
    bits = _number(picture, _BITS_PER_SAMPLE) or 1
    if (_number(picture, _SAMPLE_FORMAT) or _UNSIGNED) == _UNSIGNED and bits <= 16:
        return SampleRange(2**bits - 1, white_is_zero)
    top = _number(picture, _MAX_SAMPLE)
    if top in _FULL_RANGES and not _number(picture, _MIN_SAMPLE):
        return SampleRange(top, white_is_zero)
    return None


def _number(picture: TiffImageFile, tag: int) -> int:
    """The first value of a tag, 0 if it is not there or no whole number."""
    value = picture.tag_v2.get(tag, 0)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else 0


def eight_bits(picture: PIL.Image.Image, declared: SampleRange | None, where: str) -> PIL.Image.Image:
    """The picture with samples of 8 bits; one that has them comes back as it is.

    Raises `UserError` for floating-point samples, and for integers of no declared range or outside it.
    """
    if picture.mode == "F":
        raise UserError("has floating-point samples", where=where, right="save it with 8 bits")
    if not picture.mode.startswith("I"):
        return picture
    if declared is None:
        raise UserError(
            "has grey samples of more than 8 bits, and does not say which of them is white",
            where=where,
            right="save it with 8 bits, or 16 without sign",
        )
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > declared.top:
        raise UserError(
            f"has samples outside the range of 0 to {declared.top} that it declares",
            where=where,
            right="save it with 8 bits",
        )
    if declared.white_is_zero:
        values = declared.top - values
    grey = PIL.Image.fromarray(np.round(values / (declared.top / 255)).astype(np.uint8))
    grey.info = picture.info
    return grey
