"""How compiled loops get at tensors, and when they serve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from singan.kernels import jit

pytestmark = pytest.mark.skipif(not jit.is_available(), reason="numba is not installed")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_they_serve_one_thread_on_the_cpu() -> None:
    torch.set_num_threads(1)
    assert jit.serves(torch.device("cpu"))
    assert not jit.serves(torch.device("cuda"))
    torch.set_num_threads(2)
    assert not jit.serves(torch.device("cpu"))


@pytest.mark.parametrize(
    "tensor", [torch.zeros(3, dtype=torch.float64), torch.zeros(3, 4).T, torch.zeros(3, device="meta")]
)
def test_only_floats_that_lie_in_order_have_an_address(tensor: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="cannot be used in place"):
        jit.address(tensor)


def test_no_tensor_has_the_address_0() -> None:
    assert jit.address(None) == 0


def test_an_emitted_function_gets_addresses_and_numbers() -> None:
    from numba import njit

    def emit(builder: Any, target: Any, at: Any, value: Any) -> None:
        builder.store(value, builder.gep(target, [at]))

    put = jit.emitted(lambda _, _target, _target_at, _at, _value: jit.code("aiif", emit))

    def fill(start: int, count: int, value: np.float32) -> None:  # pragma: no cover  # compiled
        for each in range(count - 1):
            put(jit.floats(start, count), 1, each, value)

    numbers = torch.zeros(4)
    made: Any = njit(fill)  # not `compiled`, which would keep it for the next time
    made(jit.address(numbers), 4, np.float32(2.5))
    assert numbers.tolist() == [0, 2.5, 2.5, 2.5]


def test_compiled_code_divides_by_zero_as_pytorch_does() -> None:
    @jit.compiled
    def inverse(value: float) -> float:  # pragma: no cover  # compiled
        return 1 / value

    assert inverse(0.0) == np.inf
    assert np.isnan(inverse(np.nan))
