"""Super-resolution that uses lower levels' generators where they suit a region better (algorithm.md 8).

A level's generator has learned details of one size. Each one's result is shrunk back and compared with the
input: the better they agree around a pixel, the more that generator weighs there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from singan.geometry import sr_step_sizes, step_ratio
from singan.inference import fold
from singan.pyramid import TrainedLevel
from singan.resize import crop, resize, size_of
from singan.settings import Regional

_REGION_px = 5
"""Side of the square over which errors, and then weights, are averaged; in pixels of the input."""


class RegionalGenerators:
    """Several levels' generators, mixed pixel by pixel, to be used instead of the last level's generator."""

    def __init__(
        self, levels: Sequence[TrainedLevel], working: Tensor, factor: float, settings: Regional
    ) -> None:
        """The last `settings.levels` of `levels` (coarsest first) take part."""
        self._generators = tuple(map(fold, levels[-settings.levels :]))
        self._working, self._temperature = working, settings.temperature
        sizes = sr_step_sizes(size_of(working), factor)
        self._shrink = {size: step_ratio(factor) ** -step for step, size in enumerate(sizes, start=1)}

    def generate(self, noise: Tensor, previous: Tensor) -> Tensor:
        """Weighted sum of what each generator makes of the same input, `[1, 3, H, W]` of a step's size."""
        candidates = [generator.generate(noise, previous) for generator in self._generators]
        errors = torch.cat([self.local_error(candidate) for candidate in candidates])
        weights = nn.functional.interpolate(
            self.weights(errors), size_of(previous), mode="bilinear", align_corners=False
        )
        return torch.stack([w * c[0] for w, c in zip(weights, candidates, strict=True)]).sum(0, keepdim=True)

    def local_error(self, candidate: Tensor) -> Tensor:
        """Mean squared difference of the shrunk candidate from the input near each pixel, `[1, 1, h, w]`."""
        shrunk = resize(candidate, self._shrink[size_of(candidate)])
        difference = crop(shrunk, size_of(self._working)) - self._working
        return _local_mean((difference**2).mean(1, keepdim=True))

    def weights(self, errors: Tensor) -> Tensor:
        """Weights `[M, 1, h, w]` of M candidates, from their errors; at each pixel they sum to 1."""
        return _local_mean(torch.softmax(-errors / self._temperature, dim=0))


def _local_mean(images: Tensor) -> Tensor:
    """Mean over the square around each pixel; at the edge, over the part of it that is inside."""
    side = _REGION_px
    return nn.functional.avg_pool2d(images, side, stride=1, padding=side // 2, count_include_pad=False)
