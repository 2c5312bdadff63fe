"""How compiled loops get at tensors, and when they serve."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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


COMPILE = """
import torch
from singan.kernels import batch_norm
norm = torch.nn.BatchNorm2d(2)
x = torch.arange(24.0).reshape(1, 2, 3, 4)
with torch.no_grad():
    print(batch_norm.forward(x, norm)[0].sum().item())
"""


def compiled_elsewhere(cache: Path, folder: Path) -> str:
    """What a compiled loop computes in a process of its own, whose compiled code is kept in this folder."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"\x80garbage", None], ids=["empty", "garbage", "cut"])
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_compiled_code_is_compiled_again(tmp_path: Path, suffix: str, damage: bytes | None) -> None:
    cache = tmp_path / "cache"
    first = compiled_elsewhere(cache, tmp_path)
    files = list(cache.rglob(f"*.{suffix}"))
    assert files
    for file in files:
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert compiled_elsewhere(cache, tmp_path) == first
    assert compiled_elsewhere(cache, tmp_path) == first


def test_without_a_place_for_compiled_code_it_is_compiled_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(function: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(jit, "_ForgivingCache", nowhere)

    @jit.compiled
    def double(value: float) -> float:  # pragma: no cover  # compiled
        return 2 * value

    assert double(1.5) == 3
