"""A pyramid: its real images, and the levels trained so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from singan.geometry import PyramidGeometry, Size, working_scale
from singan.networks import Discriminator, Generator
from singan.resize import resize, size_of
from singan.upsampling import Upsampler


@dataclass(frozen=True)
class TrainedLevel:
    """One trained level: its networks in eval mode, sigma_n, and its anchor noise z*_n `[1, 3, H, W]`."""

    generator: Generator
    discriminator: Discriminator
    noise_amplitude: float
    anchor_noise: Tensor
    upsampler: Upsampler | None = None
    """The network that learned to upsample into this level; None where upsampling is only bicubic."""

    def __post_init__(self) -> None:
        for network in (self.generator, self.discriminator, self.upsampler):
            if network is not None:
                network.eval().requires_grad_(False)

    def generate(self, noise: Tensor, previous: Tensor) -> Tensor:
        """G_n(sigma_n * z + x, x) with running statistics; everything `[B, 3, H, W]`, any H and W."""
        with torch.no_grad():
            return self.generator(self.noise_amplitude * noise + previous, previous)  # type: ignore[no-any-return]


class Generating(Protocol):
    """The part of a trained level that super-resolution and the drawing of inputs use."""

    def generate(self, noise: Tensor, previous: Tensor) -> Tensor:
        """See `TrainedLevel.generate`."""


@dataclass(frozen=True)
class Pyramid:
    """Real images of every level and the trained levels 0..n-1; level n is the next to train."""

    geometry: PyramidGeometry
    reals: tuple[Tensor, ...]
    levels: tuple[TrainedLevel, ...] = ()
    upsampler: Upsampler | None = None
    """The network that learned to upsample into the next level; None where there is none."""

    @property
    def next_level(self) -> int:
        """Index n of the level that comes next."""
        return len(self.levels)

    def size(self, level: int) -> Size:
        """Size of a level."""
        return self.geometry.sizes[level]

    def with_level(self, level: TrainedLevel) -> Pyramid:
        """The pyramid with one more trained level."""
        return replace(self, levels=(*self.levels, level), upsampler=None)

    def upsampler_into(self, level: int) -> Upsampler | None:
        """The network that upsamples into a trained level or into the next one; None where there is none."""
        return self.upsampler if level == self.next_level else self.levels[level].upsampler


def build_pyramid(image: Tensor, geometry: PyramidGeometry) -> Pyramid:
    """Untrained pyramid of an input `[1, 3, H, W]` in [-1, 1] (algorithm.md 1).

    Every level is resized from the working image, not from its neighbour.
    """
    working = resize(image, working_scale(size_of(image)))
    reals = tuple(resize(working, geometry.scale_of(n)) for n in range(geometry.last + 1))
    return Pyramid(geometry, reals)
