"""Super-resolution with the last level's generator (algorithm.md 6; paper section 4.1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from singan.geometry import sr_output_size, sr_steps, step_ratio
from singan.inference import fold
from singan.pyramid import Generating, TrainedLevel
from singan.randomness import level_noise
from singan.resize import crop, resize, size_of

StepObserver = Callable[[int, int], None]
"""Called after each step with (steps done, steps in all)."""


def super_resolve(
    top: TrainedLevel,
    working: Tensor,
    factor: float,
    generator: torch.Generator,
    observe: StepObserver | None = None,
    generators: Generating | None = None,
) -> Tensor:
    """Enlarge the working image `[1, 3, h, w]` to `[1, 3, floor(s h), floor(s w)]` in [-1, 1].

    In each of the k steps, the image is resized by s^(1/k), and passes the last level's upsampler, if it has
    one, and its generator, with fresh noise. `generators`, if given, are used instead of that generator.
    Two seeds differ by 24-29 dB PSNR, so the seed belongs beside every figure.
    """
    steps = sr_steps(factor)
    generator_of_step = generators or fold(top)
    image = working
    with torch.inference_mode():
        for step in range(steps):
            image = resize(image, step_ratio(factor))
            if top.upsampler is not None:
                image = top.upsampler(image)
            # One channel at the first step, as at level 0.
            noise = level_noise(step, size_of(image), generator)
            image = generator_of_step.generate(noise, image)
            if observe is not None:
                observe(step + 1, steps)
    return crop(image, sr_output_size(size_of(working), factor)).clamp(-1, 1)
