"""Loops compiled by numba (extra `fast`), and how they get at tensors.

A compiled function is called with the addresses of tensors, as turning each into an array would take longer
than the work on a small picture. It sees them as flat arrays of float32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

try:
    from llvmlite import ir
    from numba import carray, config, njit, types
    from numba.core.caching import FunctionCache
    from numba.extending import intrinsic

    _HAS_NUMBA = True
except ImportError:  # pragma: no cover  # an optional dependency
    _HAS_NUMBA = False

Floats = NDArray[np.float32]
Address = int
"""Of the first float of a tensor whose elements lie in order."""

_SOURCES = ("jit.py", "batch_norm.py", "simd.py", "winograd_loops.py")
"""What goes into compiled code."""

_LIBERTIES = {"reassoc", "contract", "arcp", "nsz"}
"""With arithmetic, so that sums become vector code. Not among them: taking for granted that no number is NaN
or infinite, as a training that diverges must be seen to."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _cache_folder() -> Path:
    """For compiled code; another for every state of the sources.

    Numba by itself compiles again when the file of a function changes, not when those change it takes from.
    """
    here = Path(__file__).parent
    sources = b"".join((here / name).read_bytes() for name in _SOURCES)
    return (
        Path(config.CACHE_DIR or here / "__pycache__")
        / f"compiled-{hashlib.sha256(sources).hexdigest()[:12]}"
    )


if _HAS_NUMBA:
    config.CACHE_DIR = str(_cache_folder())

    class _ForgivingCache(FunctionCache):  # type: ignore[misc]  # numba ships no types
        """Compiled code kept from process to process, whose loss costs no more than compiling again."""

        def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401
            """What is kept, or None: also of a file that is empty, cut or garbage, which is then dropped."""
            try:
                return super().load_overload(sig, target_context)
            except Exception:  # (unpickling garbage raises almost anything)
                with suppress(OSError):
                    self.flush()
                return None

        def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401
            """Keep it, if there is room."""
            with suppress(OSError):
                super().save_overload(sig, data)


def is_available() -> bool:
    """Whether numba is installed."""
    return _HAS_NUMBA


def serves(device: torch.device) -> bool:
    """Whether this process takes compiled loops on this device: they use one thread, so it must have one."""
    return device.type == "cpu" and torch.get_num_threads() == 1 and _HAS_NUMBA


def compiled(function: _Function) -> _Function:
    """Compile at the first call, or take what an earlier process compiled."""
    if not _HAS_NUMBA:  # pragma: no cover
        return function
    made: Any = njit(fastmath=_LIBERTIES, error_model="numpy", nogil=True)(function)
    with suppress(RuntimeError):  # numba's, where there is no place that a cache can be written to
        made._cache = _ForgivingCache(function)  # what njit(cache=True) does, with a cache of its own
    return cast("_Function", made)


def emitted(form: Any) -> Any:  # noqa: ANN401  # numba calls it with types, compiled code with values
    """A function for compiled code; `form` says how many arguments it has, and returns `code`."""
    return intrinsic(form) if _HAS_NUMBA else None


def code(kinds: str, emit: Callable[..., None]) -> tuple[Any, Callable[..., Any]]:
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


def _pointer_of(_typing: Any, _address: Any) -> tuple[Any, Callable[..., Any]]:  # noqa: ANN401  # as `form`
    def generate(*arguments: Any) -> ir.Value:  # noqa: ANN401
        _, builder, _, values = arguments
        return builder.inttoptr(values[0], ir.FloatType().as_pointer())

    pointer: Any = types.CPointer
    return pointer(types.float32)(types.int64), generate


_pointer = emitted(_pointer_of)


@compiled
def floats(address: Address, count: int) -> Floats:  # pragma: no cover  # compiled
    """The floats at an address."""
    return carray(_pointer(address), (count,))  # type: ignore[no-any-return, unused-ignore]


def address(tensor: Tensor | None) -> Address:
    """Of a tensor, which must be kept for as long as this is in use; 0 for none.

    Raises `ValueError` unless it is float32, on the CPU, and in order.
    """
    if tensor is None:
        return 0
    if tensor.dtype != torch.float32 or tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise ValueError(f"{tensor.dtype} {tuple(tensor.shape)} on {tensor.device} cannot be used in place")
    return tensor.data_ptr()
