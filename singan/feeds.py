"""What a level is fed: the study's subject (algorithm.md 5). The switches themselves are in `switches`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from singan.pyramid import Generating, Pyramid
from singan.randomness import level_noise, noise_map
from singan.resize import crop, resize
from singan.switches import LevelFeed

NoiseOfLevel = Callable[[int], Tensor]
"""Noise `[B, 3, H, W]` for a trained level, by its index."""


def adversarial_input(feed: LevelFeed, pyramid: Pyramid, generator: torch.Generator, step: int = 0) -> Tensor:
    """A fresh adversarial input `prev` `[1, 3, H, W]` for the pyramid's next level; zeros at level 0.

    `step` counts the D steps of an epoch from 0: `mixed` feeds the first ones from the real image.
    """
    return _alike(feed.at_step(step), pyramid, generator, 1, pyramid.levels)


def adversarial_inputs(
    feed: LevelFeed,
    pyramid: Pyramid,
    generator: torch.Generator,
    count: int,
    trained: Sequence[Generating] | None = None,
) -> Tensor:
    """Fresh adversarial inputs `[count, 3, H, W]` of an epoch's D steps, equal to those drawn one by one.

    `trained`, if given, is used instead of the pyramid's trained levels; it holds the same ones, folded.
    """
    steps = Counter(feed.at_step(step) for step in range(count))  # keeps the order of the steps
    parts = [
        _alike(fed, pyramid, generator, times, trained or pyramid.levels) for fed, times in steps.items()
    ]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _alike(
    feed: LevelFeed, pyramid: Pyramid, generator: torch.Generator, count: int, trained: Sequence[Generating]
) -> Tensor:
    """Adversarial inputs `[count, 3, H, W]` that are all fed the same way."""
    level, from_real = pyramid.next_level, feed.adversarial == "real_train"
    upsampled = feed.adversarial_upsample in {"sr", "sr_noise"} and level > 0
    noised = feed.adversarial_upsample == "sr_noise" and level > 0
    draws: dict[int, list[Tensor]] = defaultdict(list)
    added: list[Tensor] = []
    # All noise first, in the order in which inputs computed one by one would draw it.
    for _ in range(count):
        for below in range(_start(pyramid, from_real), level):
            draws[below].append(level_noise(below, pyramid.size(below), generator))
        if upsampled:
            # Three channels even when the generator below is level 0's.
            draws[level].append(noise_map(pyramid.size(level), generator))
        if noised:
            added.append(noise_map(pyramid.size(level), generator))
    learned = feed.adversarial_upsample == "learned"
    image = _ascend(pyramid, trained, from_real, lambda below: torch.cat(draws[below]), learned, count)
    if upsampled:
        image = trained[-1].generate(torch.cat(draws[level]), image)
    if noised:
        image = image + pyramid.levels[-1].noise_amplitude * torch.cat(added)
    return image


def reconstruction_inputs(feed: LevelFeed, pyramid: Pyramid) -> tuple[Tensor, ...]:
    """The reconstruction inputs `rec_prev` that the G steps of an epoch take in turn: one or two."""
    modes = feed.reconstruction_modes
    return tuple(reconstruction_input(replace(feed, reconstruction=mode), pyramid) for mode in modes)


def reconstruction_input(feed: LevelFeed, pyramid: Pyramid) -> Tensor:
    """The reconstruction input `rec_prev` `[1, 3, H, W]` for the pyramid's next level; zeros at level 0.

    With `mixed_rec`, it is the first of the two, that of `rec`.
    """

    def anchor(level: int) -> Tensor:
        return pyramid.levels[level].anchor_noise

    learned = feed.reconstruction_upsample == "learned"
    image = _ascend(pyramid, pyramid.levels, feed.reconstruction == "real_train_rec", anchor, learned)
    if feed.reconstruction_upsample in {"sr", "sr_noise"} and pyramid.levels:
        image = pyramid.levels[-1].generate(torch.zeros_like(image), image)  # z*_n is zeros for n > 0
    return image


def _start(pyramid: Pyramid, from_real: bool) -> int:
    """Index of the trained level that an ascent starts at: 0, or with a real image the last trained one."""
    return max(pyramid.next_level - 1, 0) if from_real else 0


def _ascend(
    pyramid: Pyramid,
    trained: Sequence[Generating],
    from_real: bool,
    noise_of: NoiseOfLevel,
    learned: bool,
    count: int = 1,
) -> Tensor:
    """Climb to the next level's size: through all trained levels from zeros, or (`from_real`) only through
    the last trained one, starting at its real image. Level 0 starts from zeros in either case.

    If `learned`, every image resized to a level's size passes through that level's upsampler, if it has one.
    """
    start = _start(pyramid, from_real)
    image = torch.zeros_like(pyramid.reals[0]) if start == 0 else pyramid.reals[start]
    image = image.expand(count, -1, -1, -1)
    for level in range(start, pyramid.next_level):
        # The crop after the resize already leaves the level's own size, so none is needed before it.
        image = trained[level].generate(noise_of(level), image)
        image = enlarge(image, pyramid, level + 1)
        upsampler = pyramid.upsampler_into(level + 1) if learned else None
        if upsampler is not None:
            with torch.no_grad():
                image = upsampler(image)
    return image


def enlarge(image: Tensor, pyramid: Pyramid, level: int) -> Tensor:
    """Resize an image of the level below to the size of `level`."""
    return crop(resize(image, 1 / pyramid.geometry.shrink), pyramid.size(level))
