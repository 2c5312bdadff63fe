"""Generator and discriminator of one pyramid level (algorithm.md 3; paper section 2.1).

Module names are those of the published implementation, so that its checkpoints load by name.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

PADDING_px = 5
"""Five 3x3 convolutions without padding eat 5 pixels on each side; G's input is zero-padded by as much."""

LEAK = 0.2
_INIT_STD = 0.02


class ConvBlock(nn.Sequential):
    """3x3 convolution, BatchNorm, LeakyReLU."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            OrderedDict[str, nn.Module](
                conv=nn.Conv2d(in_channels, out_channels, 3),
                norm=nn.BatchNorm2d(out_channels),
                act=nn.LeakyReLU(LEAK),
            )
        )


def _body(width: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict((f"block{i}", ConvBlock(width, width)) for i in (1, 2, 3)))


class _Network(nn.Module):
    """Four blocks and a tail; the first block takes a picture of three channels."""

    def __init__(self, width: int, make_tail: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.width = width
        # PyTorch's layers draw their default weights from the global state, which is not ours to advance.
        with torch.random.fork_rng(devices=[]):
            self.head = ConvBlock(3, width)
            self.body = _body(width)
            self.tail = make_tail()

    @property
    def blocks(self) -> tuple[ConvBlock, ...]:
        """The four blocks, input side first."""
        return (self.head, *(block for block in self.body if isinstance(block, ConvBlock)))

    @property
    def last(self) -> nn.Conv2d:
        """The convolution after the blocks."""
        convolution = self.tail[0] if isinstance(self.tail, nn.Sequential) else self.tail
        assert isinstance(convolution, nn.Conv2d)
        return convolution

    @property
    def biases_without_effect(self) -> tuple[Tensor, ...]:
        """Biases whose gradient in training is zero: BatchNorm takes away what the biases before it add."""
        return tuple(_bias_of(block.conv) for block in self.blocks)


class Generator(_Network):
    """Adds detail to an image: `[B, 3, H, W]` to the same size."""

    def __init__(self, width: int) -> None:
        super().__init__(width, lambda: nn.Sequential(nn.Conv2d(width, 3, 3), nn.Tanh()))

    def forward(self, mixed: Tensor, previous: Tensor) -> Tensor:
        """`mixed` is sigma * z + previous; the network's output is added to `previous`.

        Padding happens here, once, for noise and image alike: the published code pads both before adding
        them and crops the skip connection back, which is the same. The sum may leave [-1, 1].
        """
        padded = nn.functional.pad(mixed, (PADDING_px,) * 4)
        return self.tail(self.body(self.head(padded))) + previous  # type: ignore[no-any-return]


class Discriminator(_Network):
    """Scores patches: `[B, 3, H, W]` to a map `[B, 1, H - 10, W - 10]`; no final activation (WGAN)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, lambda: nn.Conv2d(width, 1, 3))

    def forward(self, image: Tensor) -> Tensor:
        return self.tail(self.body(self.head(image)))  # type: ignore[no-any-return]

    @property
    def biases_without_effect(self) -> tuple[Tensor, ...]:
        """The biases before BatchNorm, and the last one, which cancels in a loss that is a difference."""
        return (*super().biases_without_effect, _bias_of(self.last))


def _bias_of(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Fresh weights: convolutions N(0, 0.02), BatchNorm scale N(1, 0.02) and shift 0.

    Convolution biases keep PyTorch's default, U(-b, b) with b = 1 / sqrt(fan in), as in the published code.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.normal_(0.0, _INIT_STD, generator=generator)
                bound = 1 / math.sqrt(module.weight[0].numel())
                _bias_of(module).uniform_(-bound, bound, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.normal_(1.0, _INIT_STD, generator=generator)
                module.bias.zero_()


@contextmanager
def frozen_statistics(network: nn.Module) -> Iterator[None]:
    """Context in which train-mode forwards normalise by the batch but leave running statistics alone."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
