"""Emitted vector code computes what its docstrings say: each function alone, compiled here, against numpy."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from singan.kernels import jit, simd
from singan.kernels.winograd_loops import INPUT_TRANSFORM, TILE_TRANSFORM, WEIGHT_TRANSFORM

pytestmark = pytest.mark.skipif(not jit.is_available(), reason="numba is not installed")

Floats = NDArray[np.float32]
TOLERANCE = 1e-5
LANES = simd.LANES


def _run(kinds: str, emit: simd.Emit, *values: Floats | float) -> None:
    """Emit a function alone and call it; `kinds` has a letter a value: address, int, float."""
    from llvmlite import binding, ir

    c_types = {"a": ctypes.c_void_p, "i": ctypes.c_int64, "f": ctypes.c_float}
    ir_types = {"a": ir.FloatType().as_pointer(), "i": ir.IntType(64), "f": ir.FloatType()}
    module = ir.Module()
    made = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir_types[kind] for kind in kinds]), "made")
    builder = ir.IRBuilder(made.append_basic_block())
    emit(builder, *made.args)
    builder.ret_void()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)
    engine.finalize_object()
    call = ctypes.CFUNCTYPE(None, *(c_types[kind] for kind in kinds))(engine.get_function_address("made"))
    call(*(value.ctypes.data if isinstance(value, np.ndarray) else value for value in values))


def _random(*shape: int) -> Floats:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def _assert_close(found: Floats, expected: NDArray[Any]) -> None:
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_a_row_is_split_into_cells_and_joined_again_with_a_constant() -> None:
    row, planes, joined = _random(32), np.zeros((4, 10), np.float32), np.zeros(32, np.float32)
    _run("aai", simd.split, row, planes, 10)
    np.testing.assert_array_equal(planes[:, :LANES], row.reshape(8, 4).T)
    np.testing.assert_array_equal(planes[:, LANES:], 0)
    _run("aiaf", simd.join, planes, 10, joined, 0.5)
    _assert_close(joined, row + 0.5)


@pytest.mark.parametrize("matrix", [INPUT_TRANSFORM, WEIGHT_TRANSFORM, TILE_TRANSFORM])
@pytest.mark.parametrize("is_transposed", [False, True])
def test_eight_matrices_are_transformed_side_by_side(matrix: simd.Matrix, is_transposed: bool) -> None:
    left = np.array(matrix).T if is_transposed else np.array(matrix)
    rows, size = left.shape
    x, found = _random(size * size, 9), np.zeros((rows * rows, 11), np.float32)
    _run("aiiai", simd.sandwich(left.tolist()), x, 9, 0, found, 11)
    each = x[:, :LANES].reshape(size, size, LANES)
    expected = np.einsum("ai,ijp,bj->abp", left, each, left)
    _assert_close(found[:, :LANES], expected.reshape(rows * rows, LANES))


def test_windows_are_gathered_from_cells() -> None:
    pitch, plane = 12, 40
    cells, found = _random(16, plane), np.zeros((36, LANES), np.float32)
    _run("aiiai", simd.sandwich(INPUT_TRANSFORM, in_cells=True), cells, plane, pitch, found, LANES)
    window = np.empty((6, 6, LANES))
    for i in range(6):
        for j in range(6):
            start = i // 4 * pitch + j // 4
            window[i, j] = cells[i % 4 * 4 + j % 4, start : start + LANES]
    left = np.array(INPUT_TRANSFORM)
    _assert_close(found, np.einsum("ai,ijp,bj->abp", left, window, left).reshape(36, LANES))


@pytest.mark.parametrize("vectors", [1, 2, 3])
@pytest.mark.parametrize("more", [False, True])
def test_four_rows_of_a_product(vectors: int, more: bool) -> None:
    u, v, m = _random(4, 7), _random(5, 30), _random(4, 30)
    expected = m.copy()
    wide = vectors * LANES
    expected[:, :wide] = u[:, :5] @ v[:, :wide] + (m[:, :wide] if more else 0)
    _run("aiaaii", simd.row_product(vectors, more), u, 7, v, m, 30, 5)
    _assert_close(m, expected)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_dot_products_are_added(rows: int) -> None:
    m, v, u = _random(rows, 24), _random(4, 24), _random(rows, 6)
    expected = u.copy()
    expected[:, :4] += m[:, :16] @ v[:, :16].T
    _run("aaaiii", simd.dot_products(rows), m, v, u, 24, 6, 2)
    _assert_close(u, expected)


@pytest.mark.parametrize(
    "matrix",
    [[[0.0, 2.0], [-1.0, 0.0]], [[-1.0, -2.0], [1.0, -2.0]], [[-1.0, 2.0], [1.0, 2.0]]],
    ids=["one parity", "opposite rows", "signs of both kinds"],
)
def test_sums_shared_between_rows_have_the_right_signs(matrix: list[list[float]]) -> None:
    x, found = _random(4, LANES), np.zeros((4, LANES), np.float32)
    _run("aiiai", simd.sandwich(matrix), x, LANES, 0, found, LANES)
    left = np.array(matrix)
    expected = np.einsum("ai,ijp,bj->abp", left, x.reshape(2, 2, LANES), left)
    _assert_close(found, expected.reshape(4, LANES))
