"""Random numbers that have the same bits on every processor, in the places of those that do not.

`torch.randn` and `normal_` take logarithms and cosines, whose last bit depends on the processor's vector unit
and its C library; `uniform_` may round once or twice. numpy's normal numbers are no way out: their rare tail
takes a logarithm too. Whole numbers are exact everywhere, so a normal number is made here of the sum of
twelve: near enough to normal (its variance is 1, its kurtosis 2.9 instead of 3) for a training that is only
compared with itself. `torch.rand` stays as it is: a whole number times a power of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor

TERMS = 12
"""Uniform numbers in a sum: the variance of each is a twelfth."""

_RANGE = 2**32


@contextmanager
def portable_noise() -> Iterator[None]:
    """In here, all ways in which `singan` draws depend on the stream alone."""
    with (
        patch.object(torch, "randn", _randn),
        patch.object(Tensor, "normal_", _normal),
        patch.object(Tensor, "uniform_", _uniform),
    ):
        yield


def _whole_numbers(*shape: int, generator: torch.Generator | None) -> Tensor:
    """Of 32 bits, evenly distributed, as int64; their sums and float64 conversions are exact."""
    return torch.randint(_RANGE, shape, generator=generator)


def _randn(
    *shape: int, generator: torch.Generator | None = None, device: torch.device | None = None
) -> Tensor:
    """Float32, as `torch.randn`; on the CPU only."""
    assert device is None or device.type == "cpu"
    return _sums(*shape, generator=generator).to(torch.float32)


def _normal(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: torch.Generator | None = None
) -> Tensor:
    return self.copy_(_sums(*self.shape, generator=generator).mul_(std).add_(mean))


def _uniform(
    self: Tensor, low: float = 0.0, high: float = 1.0, *, generator: torch.Generator | None = None
) -> Tensor:
    share = _whole_numbers(*self.shape, generator=generator).to(torch.float64) / _RANGE
    return self.copy_(share.mul_(high - low).add_(low))


def _sums(*shape: int, generator: torch.Generator | None) -> Tensor:
    """Almost normal numbers in float64, of mean 0 and variance 1."""
    total = _whole_numbers(TERMS, *shape, generator=generator).sum(0)
    return total.to(torch.float64) / _RANGE - TERMS / 2
