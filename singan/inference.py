"""A trained generator made ready for use: the same function from fewer passes over memory.

BatchNorm with running statistics is a scale and a shift per channel, which the convolution before it can do
at no cost. Large pictures pass through in strips of rows, so that what lies between two convolutions stays in
cache, and peak memory does not grow with the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from singan.kernels import jit
from singan.kernels.convolutions import convolve
from singan.networks import LEAK, PADDING_px
from singan.pyramid import TrainedLevel

_STRIP_floats = 2**22
"""Most activations of a strip between two convolutions: 16 MB in float32. Smaller strips repeat more rows."""

_FEWEST_ROWS = 16
"""Fewest rows of a strip; each strip repeats up to 10 rows of its neighbours."""


@dataclass(frozen=True)
class _Convolution:
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class FoldedGenerator:
    """A trained level's generator, folded; gives what `TrainedLevel.generate` gives, up to rounding."""

    layers: tuple[_Convolution, ...]
    noise_amplitude: float

    def generate(self, noise: Tensor, previous: Tensor) -> Tensor:
        """G_n(sigma_n * z + x, x) with running statistics; everything `[B, 3, H, W]`, any H and W."""
        with torch.inference_mode():
            mixed = self.noise_amplitude * noise + previous
            padded = nn.functional.pad(mixed, (PADDING_px,) * 4)
            padded = padded.contiguous(memory_format=_best_layout(padded.device))
            result = torch.empty_like(previous, memory_format=torch.contiguous_format)

            def fill(top: int, rows: int) -> None:
                strip = padded[:, :, top : top + rows + 2 * PADDING_px]
                result[:, :, top : top + rows] = self._detail(strip)

            _work_through(self._strips(previous), fill, _workers(previous.device))
            return result.add_(previous)

    def _detail(self, images: Tensor) -> Tensor:
        """What the network adds, `[B, 3, H, W]` from `[B, 3, H + 10, W + 10]`."""
        *blocks, last = self.layers
        for layer in blocks:
            images = convolve(images, layer.weight, layer.bias)
            images = nn.functional.leaky_relu_(images, LEAK)
        return torch.tanh_(convolve(images, last.weight, last.bias))

    def _strips(self, images: Tensor) -> Iterator[tuple[int, int]]:
        """First row and number of rows of each strip. A GPU takes the whole picture at once."""
        batch, _, height, width = images.shape
        rows = height
        if images.device.type == "cpu":
            channels = self.layers[0].weight.shape[0]
            largest = _STRIP_floats // (batch * channels * width) - 2 * PADDING_px
            rows = max(_FEWEST_ROWS, min(largest, -(-height // _workers(images.device))))
        return ((top, min(rows, height - top)) for top in range(0, height, rows))


def fold(level: TrainedLevel) -> FoldedGenerator:
    """Fold BatchNorm of a trained level's generator into its convolutions."""
    generator = level.generator
    layers = [_folded(block.conv, block.norm) for block in generator.blocks]
    layers.append(_of(generator.last.weight.detach(), _bias(generator.last)))
    return FoldedGenerator(tuple(layers), level.noise_amplitude)


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> _Convolution:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias.detach() + (_bias(conv) - norm.running_mean) * scale
    return _of(conv.weight.detach() * scale[:, None, None, None], shift)


def _of(weight: Tensor, bias: Tensor) -> _Convolution:
    return _Convolution(weight.contiguous(memory_format=_best_layout(weight.device)), bias)


def _is_compiled(device: torch.device) -> bool:
    """Whether convolutions are compiled loops: they use one thread, so every thread has its own strip."""
    return device.type == "cpu" and jit.is_available()


def _workers(device: torch.device) -> int:
    """Number of strips computed at the same time."""
    return torch.get_num_threads() if _is_compiled(device) else 1


def _best_layout(device: torch.device) -> torch.memory_format:
    """Forward passes of PyTorch's own convolutions are faster with channels innermost."""
    return torch.contiguous_format if _is_compiled(device) else torch.channels_last


def _work_through(strips: Iterator[tuple[int, int]], work: Callable[[int, int], None], workers: int) -> None:
    """Do `work` once for each strip; several `workers` are threads, in each of which PyTorch uses one."""
    if workers == 1:
        for strip in strips:
            work(*strip)
        return

    def alone(strip: tuple[int, int]) -> None:
        with torch.inference_mode():  # each thread has to enter it
            work(*strip)

    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(alone, strips))  # raises what a strip raised
    finally:
        torch.set_num_threads(before)  # the workers' number has become the default of new threads


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach()
