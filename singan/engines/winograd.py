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
    m [36, K, row]  tiles of the output, not yet back; or tiles of its gradient, transformed

Needs numba (extra `fast`), and channels in multiples of 4.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

try:  # neither ships types
    from llvmlite import ir  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from numba import njit, types  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from numba.core import cgutils  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from numba.extending import intrinsic  # type: ignore[import-untyped, import-not-found, unused-ignore]

    _HAS_NUMBA = True
except ImportError:  # pragma: no cover  # an optional dependency
    _HAS_NUMBA = False

Floats = NDArray[np.float32]
Matrix = Sequence[Sequence[float]]
_Function = TypeVar("_Function", bound=Callable[..., Any])

LANES = 8
"""Floats in a vector."""
CHANNEL_MULTIPLE = 4
PADDING = 16
"""Floats between planes, without which all 36 would compete for the same lines of the cache."""
LARGEST_CHUNK = 216
"""Tiles; measured with 512 KiB of L2 and 32 MiB of L3 cache."""
LONGEST_SUM = 64
"""Channels summed up at a time: sums of such parts round less than one long sum."""

_A2, _B2 = (3 / 4) ** 2, (3 / 2) ** 2
_POINTS = (0, 3 / 4, -3 / 4, 3 / 2, -3 / 2)
_NORMS = (_A2 * _B2, *(2 * _A2 * (_A2 - _B2),) * 2, *(2 * _B2 * (_B2 - _A2),) * 2)
"""Of each point, the product of its differences from the others."""
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
    """Of the input, in pixels, without padding; likewise the width."""
    width: int
    padding: int
    pitch: int
    """Cells in a row."""
    tiles: int
    """Of an image; with those, to be ignored, that the last cell of a row may hold."""
    row: int
    """Most tiles in a chunk; a multiple of `LANES`."""


def _compiled(function: _Function) -> _Function:
    """Compile at the first call, or take what an earlier process compiled."""
    if not _HAS_NUMBA:  # pragma: no cover
        return function
    compiled: Any = njit(fastmath=True, cache=True, nogil=True)(function)
    return cast("_Function", compiled)


# Vector code, emitted as LLVM's intermediate code: from loops, numba makes none here, as for all it knows the
# many planes written may overlap those read.


def _emitted(form: Any) -> Any:  # noqa: ANN401  # numba calls it with types, compiled code with values
    """A function for compiled code; `form` says how many arguments it has, and returns `_code`."""
    return intrinsic(form) if _HAS_NUMBA else None


def _code(kinds: str, emit: Callable[..., None]) -> tuple[Any, Callable[..., Any]]:
    """What numba wants to know of an emitted function.

    `kinds` has a letter an argument: array, int, float. An array is followed by an offset; `emit` gets the
    builder, an address for each such pair, and the other arguments.
    """
    by_letter = {"a": types.Array(types.float32, 1, "C"), "i": types.int64, "f": types.float32}

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Sequence[ir.Value]) -> ir.Value:  # noqa: ANN401
        given = iter(zip(kinds, signature.args, values, strict=True))
        arguments = []
        for letter, kind, value in given:
            if letter == "a":
                start = context.make_array(kind)(context, builder, value).data
                arguments.append(builder.gep(start, [next(given)[2]]))
            else:
                arguments.append(value)
        emit(builder, *arguments)
        return context.get_dummy_value()

    return types.void(*(by_letter[letter] for letter in kinds)), generate


def _vector(lanes: int = LANES) -> ir.Type:
    return ir.VectorType(ir.FloatType(), lanes)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_vector(), [float(np.float32(value))] * LANES)


def _at(builder: ir.IRBuilder, start: ir.Value, *steps: tuple[ir.Value | int, ir.Value | int]) -> ir.Value:
    """The address `start` plus floats, the sum of products of two."""
    long = ir.IntType(64)
    total = long(0)
    for factors in steps:
        a, b = (long(one) if isinstance(one, int) else one for one in factors)
        total = builder.add(total, builder.mul(a, b))
    return builder.gep(start, [total])


def _load(builder: ir.IRBuilder, address: ir.Value, lanes: int = LANES) -> ir.Value:
    return builder.load(builder.bitcast(address, _vector(lanes).as_pointer()), align=4)


def _store(builder: ir.IRBuilder, value: ir.Value, address: ir.Value) -> None:
    builder.store(value, builder.bitcast(address, value.type.as_pointer()), align=4)


def _shuffled(builder: ir.IRBuilder, first: ir.Value, second: ir.Value, lanes: Sequence[int]) -> ir.Value:
    """Lanes of two vectors, counted through both."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
    return builder.shuffle_vector(first, second, mask)


def _halves(builder: ir.IRBuilder, vector: ir.Value) -> tuple[ir.Value, ir.Value]:
    return _shuffled(builder, vector, vector, range(4)), _shuffled(builder, vector, vector, range(4, 8))


def _filled(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    one = builder.insert_element(ir.Constant(_vector(), ir.Undefined), value, ir.IntType(32)(0))
    return _shuffled(builder, one, one, [0] * LANES)


def _plus(builder: ir.IRBuilder, first: ir.Value, second: ir.Value) -> ir.Value:
    return builder.fadd(first, second, flags=("contract",))


def _times(builder: ir.IRBuilder, first: ir.Value, second: ir.Value) -> ir.Value:
    return builder.fmul(first, second, flags=("contract",))


def _transposed_fours(builder: ir.IRBuilder, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """Four vectors, whose left and right halves are the rows of two 4 x 4 matrices, with these transposed."""
    a, b, c, d = rows
    found = []
    for pairs in ((0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)):
        ab, cd = _shuffled(builder, a, b, pairs), _shuffled(builder, c, d, pairs)
        for lanes in ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)):
            found.append(_shuffled(builder, ab, cd, lanes))  # noqa: PERF401  # reads as the butterfly it is
    return found


def _emit_split(builder: ir.IRBuilder, source: ir.Value, target: ir.Value, plane: ir.Value) -> None:
    """32 pixels of a row to 8 cells of 4 planes."""
    fours = [_load(builder, _at(builder, source, (4, k)), 4) for k in range(LANES)]
    rows = [_shuffled(builder, fours[k], fours[k + 4], range(8)) for k in range(4)]
    for k, value in enumerate(_transposed_fours(builder, rows)):
        _store(builder, value, _at(builder, target, (plane, k)))


def _emit_join(
    builder: ir.IRBuilder, source: ir.Value, plane: ir.Value, target: ir.Value, shift: ir.Value
) -> None:
    """8 cells of 4 planes to 32 pixels of a row, with a constant added."""
    rows = [_load(builder, _at(builder, source, (plane, k))) for k in range(4)]
    shifts = _filled(builder, shift)
    for k, value in enumerate(_transposed_fours(builder, [_plus(builder, row, shifts) for row in rows])):
        for half, pixels in enumerate(_halves(builder, value)):
            _store(builder, pixels, _at(builder, target, (16, half), (4, k)))


def _weighted_sum(builder: ir.IRBuilder, weights: Sequence[float], values: Sequence[ir.Value]) -> ir.Value:
    """Of vectors; at least one weight is not zero."""
    terms = [
        value if weight == 1 else _times(builder, _constant(weight), value)
        for weight, value in zip(weights, values, strict=True)
        if weight
    ]
    total = terms[0]
    for term in terms[1:]:
        total = _plus(builder, total, term)
    return total


def _product_with(builder: ir.IRBuilder, matrix: Matrix, column: Sequence[ir.Value]) -> list[ir.Value]:
    """Matrix times a column of vectors.

    Rows of a point and its opposite have the same even, and opposite odd places (or the reverse): what these
    sum up to is emitted once.
    """
    sums: dict[tuple[float, ...], ir.Value] = {}

    def part(row: Sequence[float], parity: int) -> tuple[int, ir.Value | None]:
        weights = tuple(weight if k % 2 == parity else 0 for k, weight in enumerate(row))
        sign = 1 if next(filter(None, weights), 1) > 0 else -1
        weights = tuple(weight * sign for weight in weights)
        if any(weights) and weights not in sums:
            sums[weights] = _weighted_sum(builder, weights, column)
        return sign, sums.get(weights)

    def combined(row: Sequence[float]) -> ir.Value:
        (even_sign, even), (odd_sign, odd) = part(row, 0), part(row, 1)
        if even is None or odd is None:
            sign, value = (odd_sign, odd) if even is None else (even_sign, even)
            return value if sign > 0 else builder.fneg(value)
        if even_sign == odd_sign:
            total = _plus(builder, even, odd)
            return total if even_sign > 0 else builder.fneg(total)
        plus, minus = (even, odd) if even_sign > 0 else (odd, even)
        return builder.fsub(plus, minus, flags=("contract",))

    return [combined(row) for row in matrix]


def _sandwich(matrix: Matrix, in_cells: bool = False) -> Any:  # noqa: ANN401  # a function for compiled code
    """`matrix x matrix^T` for 8 square matrices `x` that lie side by side, to 8 others.

    `x[i, j]` is in plane `i * columns + j`. If `in_cells`, it is in plane `i % 4 * 4 + j % 4`, `i // 4` rows
    of cells, `pitch` long, and `j // 4` cells on.
    """
    size = len(matrix[0])

    def emit(
        builder: ir.IRBuilder,
        source: ir.Value,
        plane: ir.Value,
        pitch: ir.Value,
        target: ir.Value,
        to_plane: ir.Value,
    ) -> None:
        def x(i: int, j: int) -> ir.Value:
            if in_cells:
                return _load(
                    builder, _at(builder, source, (plane, i % 4 * 4 + j % 4), (pitch, i // 4), (1, j // 4))
                )
            return _load(builder, _at(builder, source, (plane, i * size + j)))

        columns = [_product_with(builder, matrix, [x(i, j) for i in range(size)]) for j in range(size)]
        for i, row in enumerate(zip(*columns, strict=True)):
            for j, value in enumerate(_product_with(builder, matrix, row)):
                _store(builder, value, _at(builder, target, (to_plane, i * len(matrix) + j)))

    return _emitted(
        lambda _, _source, _source_at, _plane, _pitch, _target, _target_at, _to_plane: _code("aiiiaii", emit)
    )


def _sums(builder: ir.IRBuilder, rows: int, columns: int) -> list[list[ir.Value]]:
    """Vectors to sum up in, zero; the compiler keeps them in registers."""
    allocate: Any = cgutils.alloca_once
    sums = [[allocate(builder, _vector()) for _ in range(columns)] for _ in range(rows)]
    for one in (one for row in sums for one in row):
        builder.store(_constant(0), one)
    return sums


def _add_product(builder: ir.IRBuilder, first: ir.Value, second: ir.Value, total: ir.Value) -> None:
    builder.store(_plus(builder, _times(builder, first, second), builder.load(total)), total)


def _row_product(vectors: int, more: bool) -> Any:  # noqa: ANN401  # a function for compiled code
    """`m[k, p] = sum over c of u[k, c] v[c, p]` for 4 `k` and some vectors of `p`; `more`: `+=`."""

    def emit(
        builder: ir.IRBuilder,
        u: ir.Value,
        u_row: ir.Value,
        v: ir.Value,
        m: ir.Value,
        row: ir.Value,
        depth: ir.Value,
    ) -> None:
        sums = _sums(builder, 4, vectors)
        with cgutils.for_range(builder, depth) as loop:
            v_p = [_load(builder, _at(builder, v, (loop.index, row), (LANES, j))) for j in range(vectors)]
            for k in range(4):
                factor = builder.load(_at(builder, u, (u_row, k), (loop.index, 1)))
                for j in range(vectors):
                    _add_product(builder, _filled(builder, factor), v_p[j], sums[k][j])
        for k in range(4):
            for j in range(vectors):
                target = _at(builder, m, (row, k), (LANES, j))
                total = builder.load(sums[k][j])
                _store(builder, _plus(builder, total, _load(builder, target)) if more else total, target)

    return _emitted(lambda _, _u, _u_at, _u_row, _v, _v_at, _m, _m_at, _row, _depth: _code("aiiaiaiii", emit))


def _dot_products(rows: int) -> Any:  # noqa: ANN401  # a function for compiled code
    """`u[k, c] += sum over p of m[k, p] v[c, p]` for some `k` and 4 `c`."""

    def emit(
        builder: ir.IRBuilder,
        m: ir.Value,
        v: ir.Value,
        u: ir.Value,
        row: ir.Value,
        depth: ir.Value,
        vectors: ir.Value,
    ) -> None:
        sums = _sums(builder, rows, 4)
        with cgutils.for_range(builder, vectors) as loop:
            m_p = [_load(builder, _at(builder, m, (row, k), (LANES, loop.index))) for k in range(rows)]
            for c in range(4):
                v_p = _load(builder, _at(builder, v, (row, c), (LANES, loop.index)))
                for k in range(rows):
                    _add_product(builder, m_p[k], v_p, sums[k][c])
        for k in range(rows):
            lanes = _transposed_fours(builder, [builder.load(one) for one in sums[k]])
            pairs = [_plus(builder, *lanes[:2]), _plus(builder, *lanes[2:])]
            total = _plus(builder, *_halves(builder, _plus(builder, *pairs)))
            target = _at(builder, u, (depth, k))
            _store(builder, _plus(builder, total, _load(builder, target, 4)), target)

    return _emitted(
        lambda _, _m, _m_at, _v, _v_at, _u, _u_at, _row, _depth, _vectors: _code("aiaiaiiii", emit)
    )


_split_cells = _emitted(
    lambda _, _source, _source_at, _target, _target_at, _plane: _code("aiaii", _emit_split)
)
_join_cells = _emitted(
    lambda _, _source, _source_at, _plane, _target, _target_at, _shift: _code("aiiaif", _emit_join)
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


@_compiled
def _transform_weight(planes: Floats, u: Floats, size: int) -> None:  # pragma: no cover  # compiled
    """`planes [9, K * C]` to `u`."""
    for at in range(0, size, LANES):
        _weights_in(planes, at, size, 0, u, at, size + PADDING)


@_compiled
def _transform_weight_back(u: Floats, planes: Floats, size: int) -> None:  # pragma: no cover  # compiled
    """`u` to `planes [9, K * C]`."""
    for at in range(0, size, LANES):
        _weights_out(u, at, size + PADDING, 0, planes, at, size)


@_compiled
def _split_some(
    x: Floats, start: int, width: int, padding: int, q: Floats, to: int, plane: int, first: int, last: int
) -> None:  # pragma: no cover  # compiled
    """As `_split_row`, for cells at the edges."""
    for cell in range(first, last):
        for j in range(4):
            column = 4 * cell + j - padding
            q[to + j * plane + cell] = x[start + column] if 0 <= column < width else np.float32(0)


@_compiled
def _split_row(
    x: Floats, start: int, grid: Grid, width: int, q: Floats, to: int, plane: int
) -> None:  # pragma: no cover  # compiled
    """A row of pixels to 4 planes of cells."""
    padding = grid.padding
    first, last = (padding + 3) // 4, min((width + padding) // 4, grid.pitch)
    if last - first < LANES:
        last = first
    for cell in range(first, last, LANES):
        at = min(cell, last - LANES)  # the last vector may overlap the one before
        _split_cells(x, start + 4 * at - padding, q, to + at, plane)
    _split_some(x, start, width, padding, q, to, plane, 0, first)
    _split_some(x, start, width, padding, q, to, plane, last, grid.pitch)


@_compiled
def _split(
    x: Floats, start: int, grid: Grid, shrink: int, row: int, rows: int, q: Floats, plane: int
) -> None:  # pragma: no cover  # compiled
    """Rows of cells of a picture, `shrink` pixels smaller than the input, to `q`; zero outside it."""
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


@_compiled
def _join(
    tiles: Floats, grid: Grid, first: int, count: int, shift: np.float32, y: Floats, start: int
) -> None:  # pragma: no cover  # compiled
    """Tiles `[4, 4, row]` of the output, `first` and following, to the picture `y`, with a constant added."""
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


@_compiled
def _transform_windows(
    x: Floats, image: int, channels: int, grid: Grid, first: int, count: int, q: Floats, v: Floats
) -> None:  # pragma: no cover  # compiled
    """`B^T x B` of a chunk of tiles."""
    row = first // grid.pitch
    rows = (first + count - 1) // grid.pitch - row + 2
    plane = rows * grid.pitch + PADDING
    for c in range(channels):
        _split(x, (image * channels + c) * grid.height * grid.width, grid, 0, row, rows, q, plane)
        for p in range(0, count, LANES):
            at = first - row * grid.pitch + p
            _windows_in(q, at, plane, grid.pitch, v, c * grid.row + p, channels * grid.row + PADDING)


@_compiled
def _transform_tiles(
    dy: Floats, image: int, channels: int, grid: Grid, first: int, count: int, q: Floats, m: Floats
) -> None:  # pragma: no cover  # compiled
    """`A dy A^T` of a chunk of tiles."""
    row = first // grid.pitch
    rows = (first + count - 1) // grid.pitch - row + 1
    plane = rows * grid.pitch + PADDING
    pixels = (grid.height - 2) * (grid.width - 2)
    for k in range(channels):
        _split(dy, (image * channels + k) * pixels, grid, 2, row, rows, q, plane)
        for p in range(0, count, LANES):
            at = first - row * grid.pitch + p
            _tiles_in(q, at, plane, 0, m, k * grid.row + p, channels * grid.row + PADDING)


@_compiled
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


@_compiled
def _multiply(
    u: Floats, v: Floats, m: Floats, k_count: int, c_count: int, row: int, count: int
) -> None:  # pragma: no cover  # compiled
    """36 times `m = u v`."""
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


@_compiled
def _accumulate(
    m: Floats, v: Floats, u: Floats, k_count: int, c_count: int, row: int, count: int
) -> None:  # pragma: no cover  # compiled
    """36 times `u += m v^T`."""
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


@_compiled
def _transform_back(
    m: Floats, k: int, k_count: int, row: int, count: int, tiles: Floats
) -> None:  # pragma: no cover  # compiled
    """`A^T m A` of a chunk of tiles of a channel, to `tiles [4, 4, row]`."""
    for p in range(0, count, LANES):
        _tiles_out(m, k * row + p, k_count * row + PADDING, 0, tiles, p, row)


@_compiled
def _correlate(
    x: Floats, u: Floats, bias: Floats, y: Floats, images: int, k_count: int, c_count: int, grid: Grid,
    q: Floats, v: Floats, m: Floats,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    pixels = (grid.height + 2 * grid.padding - 2) * (grid.width + 2 * grid.padding - 2)
    for image in range(images):
        for first in range(0, grid.tiles, grid.row):
            count = min(grid.row, grid.tiles - first)
            _transform_windows(x, image, c_count, grid, first, count, q, v)
            _multiply(u, v, m, k_count, c_count, grid.row, count)
            for k in range(k_count):
                _transform_back(m, k, k_count, grid.row, count, q)
                _join(q, grid, first, count, bias[k], y, (image * k_count + k) * pixels)


@_compiled
def _correlate_with_output(
    x: Floats, dy: Floats, u: Floats, images: int, k_count: int, c_count: int, grid: Grid,
    q: Floats, v: Floats, m: Floats,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    u[: 36 * (k_count * c_count + PADDING)] = 0
    for image in range(images):
        for first in range(0, grid.tiles, grid.row):
            count = min(grid.row, grid.tiles - first)
            _transform_windows(x, image, c_count, grid, first, count, q, v)
            _transform_tiles(dy, image, k_count, grid, first, count, q, m)
            _accumulate(m, v, u, k_count, c_count, grid.row, count)


class _Buffers(threading.local):
    """A thread's buffers: fresh memory costs more than the arithmetic of a small picture."""

    def __init__(self) -> None:
        self._kept: dict[str, Floats] = {}

    def get(self, name: str, size: int) -> Floats:
        """At least this long; holds what the last user left."""
        if name not in self._kept or len(self._kept[name]) < size:
            self._kept[name] = torch.zeros(size).numpy()
        return self._kept[name]

    def of(self, grid: Grid, k_count: int, c_count: int) -> tuple[Floats, Floats, Floats]:
        """Buffers of a chunk: cells of one channel, `v`, `m`."""
        cells = max((grid.row // grid.pitch + 4) * grid.pitch + PADDING, grid.row)
        return (
            self.get("q", 16 * cells),
            self.get("v", 36 * (c_count * grid.row + PADDING)),
            self.get("m", 36 * (k_count * grid.row + PADDING)),
        )


_buffers = _Buffers()


def is_available() -> bool:
    """Whether numba is installed."""
    return _HAS_NUMBA


def pays(shape: Sequence[int]) -> bool:
    """Whether this is faster than oneDNN for inputs `[B, C, H, W]`, to as many channels; by measurement."""
    _, channels, height, width = shape
    return channels >= 32 and channels % CHANNEL_MULTIPLE == 0 and height * width >= 800


def forward(x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution `[B, K, H - 2, W - 2]` of `x [B, C, H, W]` with `w [K, C, 3, 3]` and `bias [K]`.

    Here and below, tensors are float32, on the CPU, and nothing is recorded for differentiation.
    """
    return _correlation(x, w, bias, padding=0)


def input_gradient(dy: Tensor, w: Tensor) -> Tensor:
    """Gradient `[B, C, H, W]` by the input, from `dy [B, K, H - 2, W - 2]`."""
    return _correlation(dy, w.detach().transpose(0, 1).flip(2, 3), None, padding=2)


def weight_gradient(x: Tensor, dy: Tensor) -> Tensor:
    """Gradient `[K, C, 3, 3]` by the weight, summed over the images."""
    images, c_count, height, width = x.shape
    k_count = dy.shape[1]
    _check_channels(k_count, c_count)
    grid = _grid(height, width, padding=0)
    size = k_count * c_count
    u = _buffers.get("u", 36 * (size + PADDING))
    buffers = _buffers.of(grid, k_count, c_count)
    _correlate_with_output(_flat(x), _flat(dy), u, images, k_count, c_count, grid, *buffers)
    planes = torch.empty(9, size)
    _transform_weight_back(u, _flat(planes), size)
    return planes.t().contiguous().view(k_count, c_count, 3, 3)


def _correlation(x: Tensor, w: Tensor, bias: Tensor | None, *, padding: int) -> Tensor:
    images, _, height, width = x.shape
    k_count, c_count = w.shape[:2]
    _check_channels(k_count, c_count)
    grid = _grid(height, width, padding)
    u = _buffers.get("u", 36 * (k_count * c_count + PADDING))
    _transform_weight(_flat(w.permute(2, 3, 0, 1)), u, k_count * c_count)
    shift = np.zeros(k_count, np.float32) if bias is None else _flat(bias)
    y = torch.empty(images, k_count, height + 2 * padding - 2, width + 2 * padding - 2)
    buffers = _buffers.of(grid, k_count, c_count)
    _correlate(_flat(x), u, shift, _flat(y), images, k_count, c_count, grid, *buffers)
    return y


def _check_channels(*counts: int) -> None:
    if any(count % CHANNEL_MULTIPLE for count in counts):
        raise ValueError(f"channels {counts} are not multiples of {CHANNEL_MULTIPLE}")


def _grid(height: int, width: int, padding: int) -> Grid:
    pitch = (width + 2 * padding + 3) // 4
    tiles = (height + 2 * padding + 1) // 4 * pitch
    chunks = -(-tiles // LARGEST_CHUNK)
    row = -(-tiles // (chunks * LANES)) * LANES
    return Grid(height, width, padding, pitch, tiles, row)


def _flat(tensor: Tensor) -> Floats:
    """The elements, in order; the same memory if they lie in order already."""
    found: Floats = tensor.detach().contiguous().view(-1).numpy()
    return found
