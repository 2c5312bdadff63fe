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
"""Address in memory of the first float of a contiguous tensor."""

_SOURCES = ("jit.py", "batch_norm.py", "simd.py", "winograd_loops.py")
"""The files whose code is compiled."""

_LIBERTIES = {"reassoc", "contract", "arcp", "nsz"}
"""Liberties that the compiler may take with arithmetic, so that sums become vector code. It may not assume
that no number is NaN or infinite, because a training that diverges must be noticed."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _cache_folder() -> Path:
    """Folder for compiled code, a different one for every state of the sources.

    Numba by itself compiles a function again if its own file changes, but not if one it imports from does.
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
        """Compiled code kept for later processes; if it is lost or damaged, it is compiled again."""

        def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401
            """The kept code, or None. A file that is empty, cut or garbage is dropped and counts as none."""
            try:
                return super().load_overload(sig, target_context)
            except Exception:  # (unpickling garbage raises almost anything)
                with suppress(OSError):
                    self.flush()
                return None

        def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401
            """Keep compiled code, if it can be written."""
            with suppress(OSError):
                super().save_overload(sig, data)


def is_available() -> bool:
    """Whether numba is installed."""
    return _HAS_NUMBA


def serves(device: torch.device) -> bool:
    """Whether compiled loops are used on this device: they have one thread, so PyTorch must have one, too."""
    return device.type == "cpu" and torch.get_num_threads() == 1 and _HAS_NUMBA


def compiled(function: _Function) -> _Function:
    """Compile a function at its first call, or load what an earlier process compiled.

    Without numba, the function is returned as it is.
    """
    if not _HAS_NUMBA:  # pragma: no cover
        return function
    made: Any = njit(fastmath=_LIBERTIES, error_model="numpy", nogil=True)(function)
    with suppress(RuntimeError):  # numba's, where there is no place that a cache can be written to
        made._cache = _ForgivingCache(function)  # what njit(cache=True) does, with a cache of its own
    return cast("_Function", made)


def emitted(form: Any) -> Any:  # noqa: ANN401  # numba calls it with types, compiled code with values
    """A function that compiled code can call, of emitted instructions; None without numba.

    `form` takes numba's typing context and as many arguments as the function has, and returns `code(...)`.
    """
    return intrinsic(form) if _HAS_NUMBA else None


def code(kinds: str, emit: Callable[..., None]) -> tuple[Any, Callable[..., Any]]:
    """Signature and code generator of an emitted function, as numba's `intrinsic` wants them.

    `kinds` has a letter an argument: `a` for an array, `i` for an int, `f` for a float. An array is followed
    by an offset in floats; `emit` gets the builder, one address for each such pair, and the other arguments.
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
    """The `count` floats at an address, as an array."""
    return carray(_pointer(address), (count,))  # type: ignore[no-any-return, unused-ignore]


def address(tensor: Tensor | None) -> Address:
    """Address of a tensor's floats, 0 for None. The tensor must be kept for as long as the address is in use.

    Raises `ValueError` unless the tensor is float32, on the CPU, and contiguous.
    """
    if tensor is None:
        return 0
    if tensor.dtype != torch.float32 or tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise ValueError(f"{tensor.dtype} {tuple(tensor.shape)} on {tensor.device} cannot be used in place")
    return tensor.data_ptr()
