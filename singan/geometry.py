"""How many pyramid levels there are and how large each is (algorithm.md 1, SR mode)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from singan.errors import UserError

MIN_SIZE_px = 18
"""Short side of level 0."""

MAX_SIZE_px = 250
"""Long side of the working image: a larger input is shrunk to it first."""

MAX_FACTOR = 16.0
"""Largest super-resolution factor: x16 of a 250 px image is 4000 px, about what memory allows."""

_TIE = 1e-9
"""Slack for quantities that are whole numbers but for rounding: the side of level 0 is 18 * (1 + 1e-16), and
one ulp must not make it 19."""


def factor_text(factor: float) -> str:
    """A super-resolution factor with as many digits as tell it from every other: `8`, `1.5`, `2.6666666`."""
    return repr(float(factor)).removesuffix(".0")


class Size(NamedTuple):
    """Height and width in pixels."""

    height: int
    width: int

    def __str__(self) -> str:
        """Width first, as people write picture sizes: `80x120`."""
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class PyramidGeometry:
    """Sizes of a pyramid: `sizes[n]` is level n, `shrink` the ratio r of neighbouring levels (0 < r <= 1)."""

    sizes: tuple[Size, ...]
    shrink: float

    @property
    def last(self) -> int:
        """Index N of the last (finest) level."""
        return len(self.sizes) - 1

    @property
    def working(self) -> Size:
        """Size of the working image, which is level N."""
        return self.sizes[-1]

    def scale_of(self, level: int) -> float:
        """Scale that makes the real image of `level` out of the working image: r^(N - n)."""
        return self.shrink ** (self.last - level)


def scaled(size: Size, scale: float) -> Size:
    """Size after resizing by `scale`: each side is `ceil(side * scale)`, but for rounding noise."""
    return Size(*(math.ceil(side * scale - _TIE) for side in size))


def sr_steps(factor: float) -> int:
    """Number of super-resolution steps k = round(3 log2 s); 8 -> 9, 4 -> 6.

    Raises `UserError` for a factor that leaves no step, or asks for more than `MAX_FACTOR`.
    """
    smallest = 2 ** (1 / 6)
    valid = f"give a factor of at least {math.ceil(smallest * 100) / 100} and at most {MAX_FACTOR:g}"
    if not math.isfinite(factor) or factor <= 1:
        raise UserError(f"factor {factor_text(factor)} does not enlarge the picture", right=valid)
    if factor > MAX_FACTOR:
        raise UserError(f"factor {factor_text(factor)} is too large", right=valid)
    steps = round(3 * math.log2(factor))
    if steps < 1:
        raise UserError(
            f"factor {factor_text(factor)} is less than half a super-resolution step (2^(1/3) each)",
            right=valid,
        )
    return steps


def step_ratio(factor: float) -> float:
    """Enlargement of one super-resolution step, s^(1/k); about 1.26."""
    return float(factor ** (1 / sr_steps(factor)))


def sr_step_sizes(working: Size, factor: float) -> tuple[Size, ...]:
    """Size of each super-resolution step: that of resizing the working image 1..k times (algorithm.md 6)."""
    sizes = [working]
    for _ in range(sr_steps(factor)):
        sizes.append(scaled(sizes[-1], step_ratio(factor)))
    return tuple(sizes[1:])


def sr_output_size(working: Size, factor: float) -> Size:
    """Size of the super-resolved picture: floor(s * side)."""
    return Size(*(math.floor(side * factor + _TIE) for side in working))


def working_size(image: Size) -> Size:
    """Size at which an input is trained: its long side limited to `MAX_SIZE_px`."""
    return scaled(image, working_scale(image))


def working_scale(image: Size) -> float:
    """Scale from the input to the working image, at most 1."""
    return min(MAX_SIZE_px / max(image), 1.0)


def pyramid_geometry(image: Size, factor: float) -> PyramidGeometry:
    """Geometry for an input of this size and a super-resolution factor (algorithm.md 1).

    The factor matters only through the nominal shrink, so 2, 4 and 8 give the same pyramid.

    Raises `UserError` when the working image would be smaller than `MIN_SIZE_px`.
    """
    working = working_size(image)
    if min(working) < MIN_SIZE_px:
        at = "" if working == image else f" ({working} once its long side is {MAX_SIZE_px} px)"
        raise UserError(
            f"a picture of {image} pixels is too small{at}",
            right=f"its short side must be at least {MIN_SIZE_px} px",
        )
    nominal = 1 / step_ratio(factor)
    number = _trunc(math.log(MIN_SIZE_px / min(image)) / math.log(nominal)) + 1
    last = number - _levels_cut(image, nominal)
    if last < 1:  # the cut may take every level of a long, narrow picture
        raise UserError(
            f"a picture of {image} pixels leaves no level to train",
            right=f"crop its long side, or shrink it to {MAX_SIZE_px} px",
        )
    shrink = float((MIN_SIZE_px / min(working)) ** (1 / last))
    sizes = tuple(scaled(working, shrink ** (last - level)) for level in range(last + 1))
    return PyramidGeometry(sizes, shrink)


def _levels_cut(image: Size, nominal: float) -> int:
    """Levels left out because the working image is limited to `MAX_SIZE_px`.

    Quirk: the published code means the longer side but reads the batch axis for the height, so only the
    width counts and a portrait image gets extra levels.
    """
    longest_as_published = max(1, image.width)
    return _trunc(math.log(min(MAX_SIZE_px, max(image)) / longest_as_published) / math.log(nominal))


def _trunc(value: float) -> int:
    """Truncate, taking a value within rounding noise of a whole number as that number."""
    nearest = round(value)
    return nearest if abs(value - nearest) < _TIE else math.trunc(value)
