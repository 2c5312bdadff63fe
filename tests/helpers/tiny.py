"""Shared by the tests of the science: tiny pictures, a hand-made pyramid, networks written out by hand."""

from __future__ import annotations

import math

import torch
from hypothesis import settings
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from singan.geometry import PyramidGeometry, Size
from singan.networks import Discriminator, Generator
from singan.pyramid import Pyramid, TrainedLevel

CPU = torch.device("cpu")

SHRINK = 0.75
"""Ratio of the tiny pyramid's levels; its powers are exact, so sizes can be worked out by hand."""

unhurried = settings(deadline=None, max_examples=40)
"""Hypothesis without its clock: a busy machine is not a failure."""


def picture(size: Size, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """A random 8-bit picture `[1, 3, H, W]` in [-1, 1]."""
    source = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (1, 3, *size), generator=source)
    return pixels.to(dtype) / 127.5 - 1


def randomise(network: nn.Module, seed: int) -> None:
    """Weights and running statistics far from their initial values, so that every one of them matters.

    Drawn in float64 whatever the network's precision, so that equal seeds mean equal networks.
    """
    source = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        drawn = torch.empty(tensor.shape, dtype=torch.float64)
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif name.endswith("running_var") or "norm.weight" in name:
            tensor.copy_(drawn.uniform_(0.5, 1.5, generator=source))
        else:
            tensor.copy_(drawn.normal_(0.0, 0.2, generator=source))


def trained_level(
    level: int, size: Size, *, width: int = 4, dtype: torch.dtype = torch.float64, seed: int = 0
) -> TrainedLevel:
    """A level that looks trained: z* is one repeated channel at level 0 and zeros above."""
    generator, discriminator = Generator(width).to(dtype), Discriminator(width).to(dtype)
    randomise(generator, 100 * seed + 2 * level)
    randomise(discriminator, 100 * seed + 2 * level + 1)
    anchor = torch.zeros(1, 3, *size, dtype=dtype)
    if level == 0:
        anchor += torch.randn(1, 1, *size, generator=torch.Generator().manual_seed(seed)).to(dtype)
    return TrainedLevel(generator, discriminator, 1.0 if level == 0 else 0.25 / level, anchor)


def tiny_pyramid(
    depth: int = 3, *, trained: int = 0, width: int = 4, dtype: torch.dtype = torch.float64
) -> Pyramid:
    """Levels of a 20x24 picture, 12x14 and 15x18 below it when `depth` is 3.

    The real images are unrelated to each other, so that taking the wrong one shows.
    """
    sizes = tuple(
        Size(*(math.ceil(side * SHRINK ** (depth - 1 - n)) for side in (24, 20))) for n in range(depth)
    )
    reals = tuple(picture(size, n, dtype) for n, size in enumerate(sizes))
    levels = tuple(trained_level(n, sizes[n], width=width, dtype=dtype) for n in range(trained))
    return Pyramid(PyramidGeometry(sizes, SHRINK), reals, levels)


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the network's parameters and buffers."""
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two network states are equal bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def draw(size: Size, source: torch.Generator, channels: int = 3) -> Tensor:
    """Noise `[1, 3, H, W]`, one repeated channel if asked for."""
    return torch.randn(1, channels, *size, generator=source).expand(1, 3, *size)


class ByHand:
    """A network of algorithm.md 3 written out: convolutions, BatchNorm formula, leak, from a state dict."""

    BLOCKS = ("head", "body.block1", "body.block2", "body.block3")

    def __init__(self, network: nn.Module) -> None:
        self.values = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        for name, _ in network.named_parameters():
            self.values[name].requires_grad_(True)

    @property
    def without_effect(self) -> set[str]:
        """Biases that training cannot feel: BatchNorm takes away what those before it add, and a difference
        of scores what the discriminator's last adds to both.
        """
        return {"tail.bias", *(f"{block}.conv.bias" for block in self.BLOCKS)} & self.values.keys()

    @property
    def trained(self) -> list[Tensor]:
        """Parameters with an effect."""
        parameters = (name for name, value in self.values.items() if value.requires_grad)
        return [self.values[name] for name in parameters if name not in self.without_effect]

    def score(self, image: Tensor, *, training: bool, count: bool = True) -> Tensor:
        """All five convolutions; in training by the batch's statistics, counted into the running ones."""
        for block in self.BLOCKS:
            image = self._convolve(f"{block}.conv", image)
            image = self._normalise(f"{block}.norm", image, training=training, count=count)
            image = torch.where(image > 0, image, 0.2 * image)
        return self._convolve("tail.0" if "tail.0.weight" in self.values else "tail", image)

    def generate(self, mixed: Tensor, previous: Tensor, *, training: bool, count: bool = True) -> Tensor:
        """The generator's output: everything padded by 5, the skip connection cropped by 5."""
        mixed, previous = pad(mixed, (5, 5, 5, 5)), pad(previous, (5, 5, 5, 5))
        detail: Tensor = torch.tanh(self.score(mixed, training=training, count=count))
        return detail + previous[..., 5:-5, 5:-5]

    def _convolve(self, name: str, image: Tensor) -> Tensor:
        return conv2d(image, self.values[f"{name}.weight"], self.values[f"{name}.bias"])

    def _normalise(self, name: str, image: Tensor, *, training: bool, count: bool) -> Tensor:
        mean, variance = self.values[f"{name}.running_mean"], self.values[f"{name}.running_var"]
        if training:
            batch_mean = image.mean(dim=(0, 2, 3))
            batch_variance = ((image - batch_mean[:, None, None]) ** 2).mean(dim=(0, 2, 3))
            if count:
                number = image[:, 0].numel()  # running variances are unbiased, the batch's own is not
                unbiased = batch_variance.detach() * number / (number - 1)
                self.values[f"{name}.running_mean"] = 0.9 * mean + 0.1 * batch_mean.detach()
                self.values[f"{name}.running_var"] = 0.9 * variance + 0.1 * unbiased
                self.values[f"{name}.num_batches_tracked"] = self.values[f"{name}.num_batches_tracked"] + 1
            mean, variance = batch_mean, batch_variance
        scale, shift = self.values[f"{name}.weight"], self.values[f"{name}.bias"]
        normal = (image - mean[:, None, None]) / torch.sqrt(variance + 1e-5)[:, None, None]
        scaled: Tensor = normal * scale[:, None, None] + shift[:, None, None]
        return scaled
