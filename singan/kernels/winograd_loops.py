"""The compiled loops of `winograd`: from pictures to tiles, their products, and back.

Pictures are taken apart into cells of 4 x 4 pixels: 16 planes, of one pixel a cell, so that a vector holds
the same pixel of 8 cells side by side. Tile `p` starts at cell `p`; rows of cells are `pitch` apart. Tiles go
through the three stages (transform, products, transform back) in chunks that the caches hold, in buffers that
are kept. Arrays are flat, and their 36 planes `PADDING` floats apart:

    v [36, C, row]  windows of the input, transformed        u [36, K, C]  weight, transformed
    m [36, K, row]  tiles of the output, before the transform back; or tiles of its gradient, transformed

The vector code is emitted by `simd`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from singan.kernels import simd
from singan.kernels.jit import Address, Floats, code, compiled, emitted, floats
from singan.kernels.simd import LANES, Matrix

PADDING = 16
"""Floats between planes, without which all 36 would compete for the same lines of the cache."""
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
def transform_weight_back(
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
def correlate(
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
def correlate_with_output(
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
    """The grid of an input, its tiles shared evenly among as few chunks as `LARGEST_CHUNK` allows."""
