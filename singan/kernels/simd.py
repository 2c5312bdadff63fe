"""Vector code for Winograd's method, emitted as LLVM's intermediate representation.

Numba would make no vector code of plain loops here, because it cannot know that the many planes written do
not overlap those read. Every `emit` adds instructions to a builder; the addresses it is given are of floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

try:
    from llvmlite import ir
    from numba.core import cgutils
except ImportError:  # pragma: no cover  # an optional dependency
    pass

Matrix = Sequence[Sequence[float]]
Emit = Callable[..., None]

LANES = 8
"""Floats in a vector."""


def _vector(lanes: int = LANES) -> ir.Type:
    return ir.VectorType(ir.FloatType(), lanes)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_vector(), [float(np.float32(value))] * LANES)


def _at(builder: ir.IRBuilder, start: ir.Value, *steps: tuple[ir.Value | int, ir.Value | int]) -> ir.Value:
    """The address `start` plus a number of floats: the sum of the products of each pair in `steps`."""
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
    """A vector of these lanes of two vectors; the second's are counted on from the first's."""
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
    """Transpose two 4 x 4 matrices, whose rows are the left and the right halves of four vectors."""
    a, b, c, d = rows
    found = []
    for pairs in ((0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)):
        ab, cd = _shuffled(builder, a, b, pairs), _shuffled(builder, c, d, pairs)
        for lanes in ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)):
            found.append(_shuffled(builder, ab, cd, lanes))  # noqa: PERF401  # reads as the butterfly it is
    return found


def split(builder: ir.IRBuilder, source: ir.Value, target: ir.Value, plane: ir.Value) -> None:
    """Split 32 pixels of a row into 8 cells of 4 planes."""
    fours = [_load(builder, _at(builder, source, (4, k)), 4) for k in range(LANES)]
    rows = [_shuffled(builder, fours[k], fours[k + 4], range(8)) for k in range(4)]
    for k, value in enumerate(_transposed_fours(builder, rows)):
        _store(builder, value, _at(builder, target, (plane, k)))


def join(builder: ir.IRBuilder, source: ir.Value, plane: ir.Value, target: ir.Value, shift: ir.Value) -> None:
    """Join 8 cells of 4 planes to 32 pixels of a row, and add `shift` to each."""
    rows = [_load(builder, _at(builder, source, (plane, k))) for k in range(4)]
    shifts = _filled(builder, shift)
    for k, value in enumerate(_transposed_fours(builder, [_plus(builder, row, shifts) for row in rows])):
        for half, pixels in enumerate(_halves(builder, value)):
            _store(builder, pixels, _at(builder, target, (16, half), (4, k)))


def _weighted_sum(builder: ir.IRBuilder, weights: Sequence[float], values: Sequence[ir.Value]) -> ir.Value:
    """Weighted sum of vectors; at least one weight is not zero."""
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
    """Product of a constant matrix and a column of vectors.

    In the rows of a point and of its opposite, the entries in even places are the same, and those in odd
    places differ in sign (or the reverse). So the sums over either places are emitted once for both rows.
    """
    sums: dict[tuple[float, ...], ir.Value] = {}

    def part(row: Sequence[float], parity: int) -> tuple[int, ir.Value | None]:
        weights = tuple(weight if k % 2 == parity else 0 for k, weight in enumerate(row))
        # Weights that differ in sign alone share a sum: the one whose first weight is positive.
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


def sandwich(matrix: Matrix, in_cells: bool = False) -> Emit:
    """Code for `matrix x matrix^T` of 8 square matrices `x` that lie side by side, one in each lane.

    `x[i, j]` is in plane `i * columns + j`. If `in_cells`, it is in plane `i % 4 * 4 + j % 4`, and there
    `i // 4` rows of cells (of length `pitch`) and `j // 4` cells further on.
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

    return emit


def _sums(builder: ir.IRBuilder, rows: int, columns: int) -> list[list[ir.Value]]:
    """Vectors of zeros, to sum up in; the compiler keeps them in registers."""
    allocate: Any = cgutils.alloca_once
    sums = [[allocate(builder, _vector()) for _ in range(columns)] for _ in range(rows)]
    for one in (one for row in sums for one in row):
        builder.store(_constant(0), one)
    return sums


def _add_product(builder: ir.IRBuilder, first: ir.Value, second: ir.Value, total: ir.Value) -> None:
    builder.store(_plus(builder, _times(builder, first, second), builder.load(total)), total)


def row_product(vectors: int, more: bool) -> Emit:
    """Code for `m[k, p] = sum over c of u[k, c] v[c, p]`, 4 `k` and some vectors of `p`; if `more`, `+=`."""

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

    return emit


def dot_products(rows: int) -> Emit:
    """Code for `u[k, c] += sum over p of m[k, p] v[c, p]`, for some `k` and 4 `c`."""

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

    return emit
