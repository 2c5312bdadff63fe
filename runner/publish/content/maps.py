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
"""Steps of grey a level of difference is shown as: 64 levels reach black or white."""
MOST_DELTA_E = 40.0
"""Has the last colour of `_HEAT`, and so has what is beyond; the viewer's own maps begin with the same."""

_HEAT = ((0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164))
"""From no difference to the most: the stops of static/viewer-maps.js."""

_QUALITY = 60

_Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DifferenceMap(ABC):
    """A picture that is computed from two."""

    picture: PictureFile
    other: PictureFile
    width: int
    height: int
    """Pixels of the map."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """First word of its file name."""

    @property
    def url(self) -> str:
        """Where it lies on the site."""
        sizes = f"{self.width}x{self.height}"
        return f"maps/{self.kind}-{digest_of(self.picture.digest, self.other.digest, sizes)}.webp"

    @property
    def urls(self) -> tuple[str, ...]:
        """Its one file."""
        return (self.url,)

    @abstractmethod
    def make(self) -> tuple[bytes, ...]:
        """The file."""


@dataclass(frozen=True)
class ResidualMap(DifferenceMap):
    """A result made as small as its input, less the input (`other`, enlarged by repeating pixels).

    Grey is equal. Shrunk by Pillow's antialiased bicubic filter, which is the study's own resize but for the
    outermost pixels.
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
    """The colour difference CIEDE2000 of a result and the original's (`other`), at half their size."""

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
