"""A network that learns to upsample into one level (algorithm.md 8).

Bicubic resizing knows nothing of the picture. The detail it misses can be learned from two images that the
pyramid has anyway: the real image of the level below, enlarged, and the level's own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from singan.networks import LEAK

HIDDEN_CHANNELS = 16
LEARNING_RATE = 1e-3
_TURNS = 4


class Upsampler(nn.Module):
    """Adds detail to a bicubically enlarged image: `[B, 3, H, W]` to the same size, at least 2x2."""

    def __init__(self) -> None:
        super().__init__()
        # PyTorch's layers draw their default weights from the global state, which is not ours to advance.
        with torch.random.fork_rng(devices=[]):
            self.first = _convolution(3, HIDDEN_CHANNELS)
            self.second = _convolution(HIDDEN_CHANNELS, HIDDEN_CHANNELS)
            self.third = _convolution(HIDDEN_CHANNELS, 3)

    def forward(self, enlarged: Tensor) -> Tensor:
        """`enlarged` plus a residual. The sum may leave [-1, 1], as a generator's may."""
        hidden = nn.functional.leaky_relu(self.first(enlarged), LEAK)
        hidden = nn.functional.leaky_relu(self.second(hidden), LEAK)
        return enlarged + self.third(hidden)  # type: ignore[no-any-return]


def train_upsampler(enlarged: Tensor, real: Tensor, steps: int, generator: torch.Generator) -> Upsampler:
    """Train on one pair `[1, 3, H, W]`: the real image of the level below, enlarged, and the level's own.

    Each of the `steps` of Adam sees the pair in all its flips and rotations; the loss is the mean squared
    error. Fresh weights are drawn from `generator`. With `steps` 0 the network adds nothing.
    """
    upsampler = fresh_upsampler(generator, real)
    adam = torch.optim.Adam(upsampler.parameters(), lr=LEARNING_RATE)
    pairs = tuple(zip(flips_and_rotations(enlarged), flips_and_rotations(real), strict=True))
    for _ in range(steps):
        adam.zero_grad()
        losses = [nn.functional.mse_loss(upsampler(image), truth) for image, truth in pairs]
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        adam.step()
    upsampler.requires_grad_(False)
    return upsampler


def fresh_upsampler(generator: torch.Generator, like: Tensor) -> Upsampler:
    """An untrained upsampler on the device and of the dtype of `like`.

    Its last convolution is zero, so it adds nothing. The others are U(-b, b) with b = 1 / sqrt(fan in),
    PyTorch's default.
    """
    upsampler = Upsampler().to(device=like.device, dtype=like.dtype)
    with torch.no_grad():
        for convolution in (upsampler.first, upsampler.second):
            bound = 1 / math.sqrt(convolution.weight[0].numel())
            for parameter in convolution.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
        for parameter in upsampler.third.parameters():
            parameter.zero_()
    return upsampler


def flips_and_rotations(image: Tensor) -> tuple[Tensor, Tensor]:
    """All eight flips and rotations of `[1, 3, H, W]`: `[4, 3, H, W]`, and turned sideways `[4, 3, W, H]`."""
    both = torch.cat([image, image.flip(-1)])
    turned = [torch.rot90(both, turns, (-2, -1)) for turns in range(_TURNS)]
    return torch.cat(turned[::2]), torch.cat(turned[1::2])


def _convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode="reflect")
