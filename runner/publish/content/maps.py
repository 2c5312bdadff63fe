"""Pictures of differences that are made with the site: a page opened from the disk may not read pixels."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image
from skimage.color import deltaE_ciede2000, rgb2lab

from runner.publish.data.decode import decoded
from runner.publish.data.model import PictureFile, digest_of

RESIDUAL_GAIN = 2
"""Grey levels that a difference of one level is shown as: differences of 64 levels reach black or white."""
MOST_DELTA_E = 40.0
"""From this difference on, the last colour of `_HEAT` is shown; the viewer's own maps begin with the same."""

_HEAT = ((0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164))
"""Colours from no difference to the largest, the same as the stops of static/viewer-maps.js."""

_QUALITY = 60

_Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DifferenceMap(ABC):
    """A picture that is computed from two."""

    picture: PictureFile
    other: PictureFile
    width: int
    height: int
    """Of the map, in pixels, as `width`."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """First word of its file name."""

    @property
    def url(self) -> str:
        """Its path on the site."""
        sizes = f"{self.width}x{self.height}"
        return f"maps/{self.kind}-{digest_of(self.picture.digest, self.other.digest, sizes)}.webp"

    @property
    def urls(self) -> tuple[str, ...]:
        """The path of its one file."""
        return (self.url,)

    @abstractmethod
    def make(self) -> tuple[bytes, ...]:
        """The content of its one file."""


@dataclass(frozen=True)
class ResidualMap(DifferenceMap):
    """A result made as small as its input, less the input (`other`, enlarged by repeating pixels).

    Grey means equal. The result is shrunk by Pillow's antialiased bicubic filter, which equals the study's
    own resize but for the outermost pixels.
    """

    kind = "residual"

    def make(self) -> tuple[bytes, ...]:
        difference = self._shrunk() - self._input()
        pixels = np.clip(np.round(128 + RESIDUAL_GAIN * difference), 0, 255).astype(np.uint8)
        return (_webp(pixels, lossless=True),)

    def _shrunk(self) -> _Values:
        size = self.width, self.height
        channels = [
            np.asarray(channel.convert("F").resize(size, PIL.Image.Resampling.BICUBIC))
            for channel in decoded(self.picture).split()
        ]
        return np.clip(np.stack(channels, axis=-1).astype(np.float64), 0, 255)

    def _input(self) -> _Values:
        pixels = np.asarray(decoded(self.other), dtype=np.float64)
        rows = ((np.arange(self.height) + 0.5) * pixels.shape[0] / self.height).astype(int)
        columns = ((np.arange(self.width) + 0.5) * pixels.shape[1] / self.width).astype(int)
        found: _Values = pixels[rows][:, columns]
        return found


@dataclass(frozen=True)
class ColourMap(DifferenceMap):
    """The CIEDE2000 colour difference between a result and the original's (`other`), at half their size."""

    kind = "colour"

    def make(self) -> tuple[bytes, ...]:
        size = self.width, self.height
        both = [np.asarray(decoded(each).resize(size)) for each in (self.picture, self.other)]
        apart = deltaE_ciede2000(*map(rgb2lab, both))  # type: ignore[no-untyped-call]
        shares = np.clip(apart / MOST_DELTA_E, 0, 1)
        places = np.linspace(0, 1, len(_HEAT))
        channels = [np.interp(shares, places, values) for values in zip(*_HEAT, strict=True)]
        return (_webp(np.round(np.stack(channels, axis=-1)).astype(np.uint8), lossless=False),)


def _webp(pixels: npt.NDArray[np.uint8], *, lossless: bool) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "WEBP", lossless=lossless, quality=_QUALITY, method=4)
    return buffer.getvalue()
