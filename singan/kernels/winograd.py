"""3 x 3 convolutions of stride 1 by Winograd's F(4 x 4, 3 x 3), on one processor core.

After Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks*, CVPR 2016 (arXiv 1509.09308): a
tile of 4 x 4 output pixels comes from the window `x` of 6 x 6 input pixels under it as (section 4.3)

    y = A^T [(G w G^T) * (B^T x B)] A

with 36 products where the definition takes 144. Summed over channels, the elementwise product becomes 36
matrix products, which take most of the time. The gradient by the weight is the adjoint, summed over tiles:

    dw = G^T [(A dy A^T) * (B^T x B)] G

Polynomials are evaluated at 0, +-3/4, +-3/2 and infinity: with these points, rounding stays near that of the
direct sum, which it does not with the customary +-1, +-2. See Barabasz et al., *Error Analysis and Improving
the Accuracy of Winograd Convolution for Deep Neural Networks*, 2020 (arXiv 1803.10986).

Here are the convolution and its two gradients as functions of tensors, and the buffers that they work in; the
loops over tiles are in `winograd_loops`.

Needs numba (extra `fast`), and channels in multiples of 4.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from singan.kernels import winograd_loops as loops
from singan.kernels.jit import Floats, address
from singan.kernels.simd import LANES
from singan.kernels.winograd_loops import PADDING, Grid

CHANNEL_MULTIPLE = 4
LARGEST_CHUNK = 216
"""Most tiles in a chunk; measured with 512 KiB of L2 and 32 MiB of L3 cache."""


class _Buffers(threading.local):
    """A thread's buffers, kept because fresh memory costs more than the arithmetic of a small picture."""

    def __init__(self) -> None:
        self._kept: dict[str, Floats] = {}

    def get(self, name: str, size: int) -> Floats:
        """A buffer of at least `size` floats; it holds what its last user left."""
        if name not in self._kept or len(self._kept[name]) < size:
            self._kept[name] = torch.zeros(size).numpy()
        return self._kept[name]

    def of(self, grid: Grid, k_count: int, c_count: int) -> tuple[Floats, ...]:
        """Buffers of a weight, `planes` and `u`, and of a chunk: `q` (the cells of one channel), `v`, `m`."""
        size = k_count * c_count
        cells = max((grid.row // grid.pitch + 4) * grid.pitch + PADDING, grid.row)
        return (
            self.get("planes", 9 * size),
            self.get("u", 36 * (size + PADDING)),
            self.get("q", 16 * cells),
            self.get("v", 36 * (c_count * grid.row + PADDING)),
            self.get("m", 36 * (k_count * grid.row + PADDING)),
        )


_buffers = _Buffers()


def pays(shape: Sequence[int]) -> bool:
    """Whether this is faster than oneDNN, by measurement, for inputs `[B, C, H, W]` and C output channels."""
    _, channels, height, width = shape
    return channels >= 32 and channels % CHANNEL_MULTIPLE == 0 and height * width >= 400


def forward(x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution `[B, K, H - 2, W - 2]` of `x [B, C, H, W]` with `w [K, C, 3, 3]` and `bias [K]`.

    Here and below, tensors are float32, on the CPU, and nothing is recorded for differentiation.
    """
    return _correlation(x, w, bias, w.shape[0], padding=0)


def input_gradient(dy: Tensor, w: Tensor) -> Tensor:
    """Gradient `[B, C, H, W]` with respect to the input, from `dy [B, K, H - 2, W - 2]`."""
    return _correlation(dy, w, None, w.shape[1], padding=2, turned=True)


def weight_gradient(*pairs: tuple[Tensor, Tensor]) -> Tensor:
    """Gradient `[K, C, 3, 3]` with respect to the weight, summed over pairs `(x, dy)` of equal sizes."""
    k_count, (_, c_count, height, width) = pairs[0][1].shape[1], pairs[0][0].shape
    _check_channels(k_count, c_count)
    size, grid = k_count * c_count, _grid(height, width, padding=0)
    planes, u, *chunk = _buffers.of(grid, k_count, c_count)
    u[: 36 * (size + PADDING)] = 0
    for pair in pairs:
        x, dy = (one.contiguous() for one in pair)
        loops.correlate_with_output(address(x), address(dy), len(x), k_count, c_count, grid, u, *chunk)
    w = torch.empty(k_count, c_count, 3, 3)
    loops.transform_weight_back(u, planes, address(w), size)
    return w


def _correlation(
    x: Tensor, w: Tensor, bias: Tensor | None, k_count: int, *, padding: int, turned: bool = False
) -> Tensor:
    images, c_count, height, width = x.shape
    _check_channels(k_count, c_count)
    grid = _grid(height, width, padding)
    x, w = x.contiguous(), w.contiguous()
    y = torch.empty(images, k_count, height + 2 * padding - 2, width + 2 * padding - 2)
    loops.correlate(
        address(x), address(w), address(bias), address(y),
        images, k_count, c_count, turned, grid, *_buffers.of(grid, k_count, c_count),
    )  # fmt: skip
    return y


def _check_channels(*counts: int) -> None:
    if any(count % CHANNEL_MULTIPLE for count in counts):
        raise ValueError(f"channels {counts} are not multiples of {CHANNEL_MULTIPLE}")


def _grid(height: int, width: int, padding: int) -> Grid:
    """The grid of an input, its tiles shared evenly among as few chunks as `LARGEST_CHUNK` allows."""
    pitch = (width + 2 * padding + 3) // 4
    tiles = (height + 2 * padding + 1) // 4 * pitch
    chunks = -(-tiles // LARGEST_CHUNK)
    row = -(-tiles // (chunks * LANES)) * LANES
    return Grid(height, width, padding, pitch, tiles, row)
