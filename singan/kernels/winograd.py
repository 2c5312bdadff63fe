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

Pictures are taken apart into cells of 4 x 4 pixels: 16 planes, of one pixel a cell, so that a vector holds
the same pixel of 8 cells side by side. Tile `p` starts at cell `p`; rows of cells are `pitch` apart. Tiles go
through the three stages (transform, products, transform back) in chunks that the caches hold, in buffers that
are kept. Arrays are flat, and their 36 planes `PADDING` floats apart:

    v [36, C, row]  windows of the input, transformed        u [36, K, C]  weight, transformed
    m [36, K, row]  tiles of the output, before the transform back; or tiles of its gradient, transformed

Needs numba (extra `fast`), and channels in multiples of 4. The vector code is emitted by `simd`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from singan.kernels import simd
from singan.kernels.jit import Address, Floats, address, code, compiled, emitted, floats
from singan.kernels.simd import LANES, Matrix

CHANNEL_MULTIPLE = 4
PADDING = 16
"""Floats between planes, without which all 36 would compete for the same lines of the cache."""
LARGEST_CHUNK = 216
"""Most tiles in a chunk; measured with 512 KiB of L2 and 32 MiB of L3 cache."""
LONGEST_SUM = 64
"""Most channels summed up at a time: adding up such partial sums rounds less than one long sum."""

_A2, _B2 = (3 / 4) ** 2, (3 / 2) ** 2
_POINTS = (0, 3 / 4, -3 / 4, 3 / 2, -3 / 2)
_NORMS = (_A2 * _B2, *(2 * _A2 * (_A2 - _B2),) * 2, *(2 * _B2 * (_B2 - _A2),) * 2)
"""For each point, the product of its differences from the other points."""
INPUT_TRANSFORM: Matrix = (
    (_A2 * _B2, 0, -_A2 - _B2, 0, 1, 0),
    *((0, -p * _B2, -_B2, p, 1, 0) for p in _POINTS[1:3]),
    *((0, -p * _A2, -_A2, p, 1, 0) for p in _POINTS[3:]),
    (0, _A2 * _B2, 0, -_A2 - _B2, 0, 1),
)
"""`B^T`; row by row the polynomials that vanish at all points but one."""
WEIGHT_TRANSFORM: Matrix = (
    *((1 / n, p / n, p**2 / n) for p, n in zip(_POINTS, _NORMS, strict=True)),
    (0, 0, 1),
)
"""`G`."""
TILE_TRANSFORM: Matrix = (*((1, p, p**2, p**3) for p in _POINTS), (0, 0, 0, 1))
"""`A`."""


class Grid(NamedTuple):
    """How the tiles of a convolution lie on its input."""

    height: int
    """Height of the input in pixels, without padding; likewise `width`."""
    width: int
    padding: int
    pitch: int
    """Cells in a row."""
    tiles: int
    """Tiles of an image, `pitch` a row; the last one of a row may lie outside the output, and is ignored."""
    row: int
    """Most tiles in a chunk; a multiple of `LANES`."""


# The parameters of the lambdas below tell numba how many arguments each emitted function takes.


def _sandwich(matrix: Matrix, in_cells: bool = False) -> Any:  # noqa: ANN401  # a function for compiled code
    emit = simd.sandwich(matrix, in_cells)
    return emitted(
        lambda _, _source, _source_at, _plane, _pitch, _target, _target_at, _to_plane: code("aiiiaii", emit)
    )


def _row_product(vectors: int, more: bool) -> Any:  # noqa: ANN401  # a function for compiled code
    emit = simd.row_product(vectors, more)
    return emitted(lambda _, _u, _u_at, _u_row, _v, _v_at, _m, _m_at, _row, _depth: code("aiiaiaiii", emit))


def _dot_products(rows: int) -> Any:  # noqa: ANN401  # a function for compiled code
    emit = simd.dot_products(rows)
    return emitted(lambda _, _m, _m_at, _v, _v_at, _u, _u_at, _row, _depth, _vectors: code("aiaiaiiii", emit))


_split_cells = emitted(lambda _, _source, _source_at, _target, _target_at, _plane: code("aiaii", simd.split))
_join_cells = emitted(
    lambda _, _source, _source_at, _plane, _target, _target_at, _shift: code("aiiaif", simd.join)
)
_windows_in = _sandwich(INPUT_TRANSFORM, in_cells=True)
_weights_in = _sandwich(WEIGHT_TRANSFORM)
_weights_out = _sandwich(tuple(zip(*WEIGHT_TRANSFORM, strict=True)))
_tiles_in = _sandwich(TILE_TRANSFORM)
_tiles_out = _sandwich(tuple(zip(*TILE_TRANSFORM, strict=True)))
_product_1, _product_2, _product_3 = (_row_product(vectors, more=False) for vectors in (1, 2, 3))
_more_1, _more_2, _more_3 = (_row_product(vectors, more=True) for vectors in (1, 2, 3))
_dots_1, _dots_2, _dots_3 = (_dot_products(rows) for rows in (1, 2, 3))


# Compiled loops.


@compiled
def _transform_weight(
    w: Floats, k_count: int, c_count: int, turned: bool, planes: Floats, u: Floats
) -> None:  # pragma: no cover  # compiled
    """Transform `w [K, C, 3, 3]` to `u`, by way of `planes [9, K * C]`.

    If `turned`, it is rotated by 180 degrees and K and C are swapped, as the gradient of the input needs it.
    """
    size = k_count * c_count
    for k in range(k_count):
        for c in range(c_count):
            for tap in range(9):
                value = w[(k * c_count + c) * 9 + tap]
                if turned:
                    planes[(8 - tap) * size + c * k_count + k] = value
                else:
                    planes[tap * size + k * c_count + c] = value
    for at in range(0, size, LANES):
        _weights_in(planes, at, size, 0, u, at, size + PADDING)


@compiled
def _transform_weight_back(
    u: Floats, planes: Floats, w_at: Address, size: int
) -> None:  # pragma: no cover  # compiled
    """Transform `u` back to `w [K, C, 3, 3]`, by way of `planes [9, K * C]`."""
    w = floats(w_at, 9 * size)
    for at in range(0, size, LANES):
        _weights_out(u, at, size + PADDING, 0, planes, at, size)
    for at in range(size):
        for tap in range(9):
            w[at * 9 + tap] = planes[tap * size + at]


@compiled
def _split_some(
    x: Floats, start: int, width: int, padding: int, q: Floats, to: int, plane: int, first: int, last: int
) -> None:  # pragma: no cover  # compiled
    """As `_split_row`, but pixel by pixel, for the cells at the edges."""
    for cell in range(first, last):
        for j in range(4):
            column = 4 * cell + j - padding
            q[to + j * plane + cell] = x[start + column] if 0 <= column < width else np.float32(0)


@compiled
def _split_row(
    x: Floats, start: int, grid: Grid, width: int, q: Floats, to: int, plane: int
) -> None:  # pragma: no cover  # compiled
    """Split a row of pixels into 4 planes of cells."""
    padding = grid.padding
    first, last = (padding + 3) // 4, min((width + padding) // 4, grid.pitch)
    if last - first < LANES:
        last = first
    for cell in range(first, last, LANES):
        at = min(cell, last - LANES)  # the last vector may overlap the one before
        _split_cells(x, start + 4 * at - padding, q, to + at, plane)
    _split_some(x, start, width, padding, q, to, plane, 0, first)
    _split_some(x, start, width, padding, q, to, plane, last, grid.pitch)


@compiled
def _split(
    x: Floats, start: int, grid: Grid, shrink: int, row: int, rows: int, q: Floats, plane: int
) -> None:  # pragma: no cover  # compiled
    """Split `rows` rows of cells of a picture, from `row` on, into `q`, which is zero outside the picture.

    The picture is `shrink` pixels smaller than the input.
    """
    height, width = grid.height - shrink, grid.width - shrink
    for r in range(4 * rows):
        y = 4 * row + r - grid.padding
        to = r % 4 * 4 * plane + r // 4 * grid.pitch
        if 0 <= y < height:
            _split_row(x, start + y * width, grid, width, q, to, plane)
        else:
            for j in range(4):
                q[to + j * plane : to + j * plane + grid.pitch] = 0
    for j in range(16):
        q[j * plane + rows * grid.pitch : (j + 1) * plane] = 0


@compiled
def _join(
    tiles: Floats, grid: Grid, first: int, count: int, shift: np.float32, y: Floats, start: int
) -> None:  # pragma: no cover  # compiled
    """Join tiles `[4, 4, row]` of the output, from tile `first` on, to the picture `y`, and add `shift`."""
    height, width = grid.height + 2 * grid.padding - 2, grid.width + 2 * grid.padding - 2
    for row in range(first // grid.pitch, (first + count - 1) // grid.pitch + 1):
        skipped = first - row * grid.pitch
        left, right = max(skipped, 0), min(skipped + count, grid.pitch)
        whole = min(right, width // 4)
        for i in range(min(4, height - 4 * row)):
            to = start + (4 * row + i) * width
            at = i * 4 * grid.row - skipped
            rest = left
            if whole - left >= LANES:
                for each in range(left, whole, LANES):
                    cell = min(each, whole - LANES)  # the last vector may overlap the one before
                    _join_cells(tiles, at + cell, grid.row, y, to + 4 * cell, shift)
                rest = whole
            for cell in range(rest, right):
                for j in range(min(4, width - 4 * cell)):
                    y[to + 4 * cell + j] = tiles[at + j * grid.row + cell] + shift


@compiled
def _transform_windows(
    x: Floats, image: int, channels: int, grid: Grid, first: int, count: int, q: Floats, v: Floats
) -> None:  # pragma: no cover  # compiled
    """Transform a chunk of windows: `B^T x B`."""
    row = first // grid.pitch
    rows = (first + count - 1) // grid.pitch - row + 2
    plane = rows * grid.pitch + PADDING
    for c in range(channels):
        _split(x, (image * channels + c) * grid.height * grid.width, grid, 0, row, rows, q, plane)
        for p in range(0, count, LANES):
            at = first - row * grid.pitch + p
            _windows_in(q, at, plane, grid.pitch, v, c * grid.row + p, channels * grid.row + PADDING)


@compiled
def _transform_tiles(
    dy: Floats, image: int, channels: int, grid: Grid, first: int, count: int, q: Floats, m: Floats
) -> None:  # pragma: no cover  # compiled
    """Transform a chunk of tiles: `A dy A^T`."""
    row = first // grid.pitch
    rows = (first + count - 1) // grid.pitch - row + 1
    plane = rows * grid.pitch + PADDING
    pixels = (grid.height - 2) * (grid.width - 2)
    for k in range(channels):
        _split(dy, (image * channels + k) * pixels, grid, 2, row, rows, q, plane)
        for p in range(0, count, LANES):
            at = first - row * grid.pitch + p
            _tiles_in(q, at, plane, 0, m, k * grid.row + p, channels * grid.row + PADDING)


@compiled
def _multiply_block(
    u: Floats, u_at: int, u_row: int, v: Floats, v_at: int, m: Floats, m_at: int, row: int,
    depth: int, vectors: int, more: bool,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    if vectors >= 3 and more:
        _more_3(u, u_at, u_row, v, v_at, m, m_at, row, depth)
    elif vectors >= 3:
        _product_3(u, u_at, u_row, v, v_at, m, m_at, row, depth)
    elif vectors == 2 and more:
        _more_2(u, u_at, u_row, v, v_at, m, m_at, row, depth)
    elif vectors == 2:
        _product_2(u, u_at, u_row, v, v_at, m, m_at, row, depth)
    elif more:
        _more_1(u, u_at, u_row, v, v_at, m, m_at, row, depth)
    else:
        _product_1(u, u_at, u_row, v, v_at, m, m_at, row, depth)


@compiled
def _multiply(
    u: Floats, v: Floats, m: Floats, k_count: int, c_count: int, row: int, count: int
) -> None:  # pragma: no cover  # compiled
    """The 36 matrix products `m = u v`."""
    for point in range(36):
        u_start = point * (k_count * c_count + PADDING)
        v_start, m_start = point * (c_count * row + PADDING), point * (k_count * row + PADDING)
        for p in range(0, count, 3 * LANES):
            vectors = (count - p + LANES - 1) // LANES
            for c in range(0, c_count, LONGEST_SUM):
                depth = min(LONGEST_SUM, c_count - c)
                for k in range(0, k_count, 4):
                    _multiply_block(
                        u, u_start + k * c_count + c, c_count, v, v_start + c * row + p,
                        m, m_start + k * row + p, row, depth, vectors, c > 0,
                    )  # fmt: skip


@compiled
def _accumulate(
    m: Floats, v: Floats, u: Floats, k_count: int, c_count: int, row: int, count: int
) -> None:  # pragma: no cover  # compiled
    """The 36 matrix products `m v^T`, added to `u`."""
    vectors = (count + LANES - 1) // LANES
    for point in range(36):
        u_start = point * (k_count * c_count + PADDING)
        v_start, m_start = point * (c_count * row + PADDING), point * (k_count * row + PADDING)
        for block in range(0, c_count, 16):  # of v, this much stays in the first cache
            for k in range(0, k_count, 3):
                m_at = m_start + k * row
                for c in range(block, min(block + 16, c_count), 4):
                    v_at, u_at = v_start + c * row, u_start + k * c_count + c
                    if k_count - k >= 3:
                        _dots_3(m, m_at, v, v_at, u, u_at, row, c_count, vectors)
                    elif k_count - k == 2:
                        _dots_2(m, m_at, v, v_at, u, u_at, row, c_count, vectors)
                    else:
                        _dots_1(m, m_at, v, v_at, u, u_at, row, c_count, vectors)


@compiled
def _transform_back(
    m: Floats, k: int, k_count: int, row: int, count: int, tiles: Floats
) -> None:  # pragma: no cover  # compiled
    """Transform a chunk of tiles of channel `k` back, `A^T m A`, to `tiles [4, 4, row]`."""
    for p in range(0, count, LANES):
        _tiles_out(m, k * row + p, k_count * row + PADDING, 0, tiles, p, row)


@compiled
def _correlate(
    x_at: Address, w_at: Address, bias_at: Address, y_at: Address, images: int, k_count: int, c_count: int,
    turned: bool, grid: Grid, planes: Floats, u: Floats, q: Floats, v: Floats, m: Floats,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    """Convolve `x [B, C, ...]` to `y [B, K, ...]`.

    If `turned`, `w` is `[C, K, 3, 3]` (see `_transform_weight`). Without a bias, `bias_at` is 0.
    """
    pixels = (grid.height + 2 * grid.padding - 2) * (grid.width + 2 * grid.padding - 2)
    x = floats(x_at, images * c_count * grid.height * grid.width)
    y = floats(y_at, images * k_count * pixels)
    w, bias = floats(w_at, 9 * k_count * c_count), floats(bias_at, k_count)
    if turned:
        _transform_weight(w, c_count, k_count, True, planes, u)
    else:
        _transform_weight(w, k_count, c_count, False, planes, u)
    for image in range(images):
        for first in range(0, grid.tiles, grid.row):
            count = min(grid.row, grid.tiles - first)
            _transform_windows(x, image, c_count, grid, first, count, q, v)
            _multiply(u, v, m, k_count, c_count, grid.row, count)
            for k in range(k_count):
                shift = bias[k] if bias_at else np.float32(0)
                _transform_back(m, k, k_count, grid.row, count, q)
                _join(q, grid, first, count, shift, y, (image * k_count + k) * pixels)


@compiled
def _correlate_with_output(
    x_at: Address, dy_at: Address, images: int, k_count: int, c_count: int, grid: Grid,
    u: Floats, q: Floats, v: Floats, m: Floats,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    """Add to `u` what `x [B, C, ...]` and `dy [B, K, ...]` contribute to the weight's gradient."""
    x = floats(x_at, images * c_count * grid.height * grid.width)
    dy = floats(dy_at, images * k_count * (grid.height - 2) * (grid.width - 2))
    for image in range(images):
        for first in range(0, grid.tiles, grid.row):
            count = min(grid.row, grid.tiles - first)
            _transform_windows(x, image, c_count, grid, first, count, q, v)
            _transform_tiles(dy, image, k_count, grid, first, count, q, m)
            _accumulate(m, v, u, k_count, c_count, grid.row, count)


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
        _correlate_with_output(address(x), address(dy), len(x), k_count, c_count, grid, u, *chunk)
    w = torch.empty(k_count, c_count, 3, 3)
    _transform_weight_back(u, planes, address(w), size)
    return w


def _correlation(
    x: Tensor, w: Tensor, bias: Tensor | None, k_count: int, *, padding: int, turned: bool = False
) -> Tensor:
    images, c_count, height, width = x.shape
    _check_channels(k_count, c_count)
    grid = _grid(height, width, padding)
    x, w = x.contiguous(), w.contiguous()
    y = torch.empty(images, k_count, height + 2 * padding - 2, width + 2 * padding - 2)
    _correlate(
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
