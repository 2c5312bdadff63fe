"""Where random numbers come from: named streams, one set per level task, never torch's global state.

A stream is seeded by (seed, image, level, purpose). Experiments therefore share their random numbers and
differ only by what they change: one that draws less for its feed still sees the same training noise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from singan.geometry import Size

NOISE_CHANNELS = 3


def stream(seed: int, *names: str | int, device: torch.device) -> torch.Generator:
    """Generator on `device` for this seed and purpose; equal arguments give equal numbers."""
    text = "/".join(map(str, (seed, *names)))
    digest = hashlib.sha256(text.encode()).digest()
    # 63 bits, as many as fit a signed integer.
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)


@dataclass(frozen=True)
class LevelStreams:
    """The streams of one level: fresh weights, the epochs' noise, and the adversarial inputs' noise."""

    init: torch.Generator
    noise: torch.Generator
    feed: torch.Generator

    @classmethod
    def of(cls, seed: int, image_digest: str, level: int, device: torch.device) -> LevelStreams:
        names = ("init", "noise", "feed")
        return cls(*(stream(seed, image_digest, level, name, device=device) for name in names))


def noise_map(size: Size, generator: torch.Generator, *, channels: int = NOISE_CHANNELS) -> Tensor:
    """Standard normal `[1, 3, H, W]`; with `channels=1` one channel repeated (as at level 0)."""
    drawn = torch.randn(1, channels, *size, generator=generator, device=generator.device)
    return drawn.expand(1, NOISE_CHANNELS, *size)


def level_noise(level: int, size: Size, generator: torch.Generator) -> Tensor:
    """Noise as a level is fed it: three independent channels, except one repeated at level 0."""
    return noise_map(size, generator, channels=1 if level == 0 else NOISE_CHANNELS)
