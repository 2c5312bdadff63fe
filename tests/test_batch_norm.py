"""Compiled BatchNorm and LeakyReLU: PyTorch's numbers, forwards, backwards and along tangents.

The same functions of `derivatives` take the compiled way for float32 and one thread, PyTorch's for float64.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from singan.engines.derivatives import (
    BlockTrace,
    block_backward,
    block_backward_tangent,
    block_tangent,
    forward,
    update_statistics,
)
from singan.kernels import batch_norm, jit
from singan.networks import LEAK, ConvBlock, Discriminator, initialise

pytestmark = pytest.mark.skipif(not jit.is_available(), reason="numba is not installed")

TOLERANCE = 2e-4
"""Of the largest value: sums of float32 over a plane, divided by a deviation that may be small."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(threads)


def _network(seed: int, dtype: torch.dtype) -> Discriminator:
    generator = torch.Generator().manual_seed(seed)
    network = Discriminator(width=8)
    initialise(network, generator)
    for block in network.blocks:
        nn.init.uniform_(block.norm.weight, 0.5, 1.5, generator=generator)
        nn.init.uniform_(block.norm.bias, -1, 1, generator=generator)
    return network.to(dtype)


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert found.dtype == torch.float32
    assert float((found - expected).abs().max()) <= TOLERANCE * max(1.0, float(expected.abs().max()))


def _both(seed: int) -> Iterator[tuple[ConvBlock, BlockTrace, torch.dtype]]:
    """A block and what it did, in float32 and the very same in float64: no sign may differ."""
    images = _random(seed, 1, 3, 14 + seed % 10, 15 + seed % 7)
    seen = forward(_network(seed, torch.float32), images.float()).blocks[1]
    yield _network(seed, torch.float32).blocks[1], seen, torch.float32
    exact = {each.name: getattr(seen, each.name).double() for each in fields(seen)}
    yield _network(seed, torch.float64).blocks[1], BlockTrace(**exact), torch.float64


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(14, 24), st.integers(14, 24), st.integers(0, 99))
def test_activations_and_statistics_equal_pytorchs(batch: int, height: int, width: int, seed: int) -> None:
    images = _random(seed, batch, 3, height, width)
    found, expected = _network(seed, torch.float32), _network(seed, torch.float64)
    found_trace, trace = forward(found, images.float()), forward(expected, images)
    for one, other in zip(found_trace.blocks, trace.blocks, strict=True):
        for name in ("output", "mean", "inverse_deviation"):
            _assert_close(getattr(one, name), getattr(other, name))
    update_statistics(found, found_trace)
    update_statistics(expected, trace)
    for name, value in expected.state_dict().items():
        if "running" in name:
            _assert_close(found.state_dict()[name], value)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_gradients_equal_pytorchs(seed: int) -> None:
    found, expected = (
        block_backward(block, seen, _random(seed + 1, *seen.output.shape).to(dtype))
        for block, seen, dtype in _both(seed)
    )
    for name in ("normalised", "convolved", "scale", "shift"):
        _assert_close(getattr(found, name), getattr(expected, name))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.booleans())
def test_tangents_equal_pytorchs(seed: int, has_tangent_above: bool) -> None:
    tangents, seconds = [], []
    for block, seen, dtype in _both(seed):
        dh, dh_t = (_random(seed + k, *seen.output.shape).to(dtype) for k in (1, 2))
        below = _random(seed + 3, *seen.below.shape).to(dtype)
        tangents.append(block_tangent(block, seen, below))
        gradients = block_backward(block, seen, dh)
        seconds.append(
            block_backward_tangent(block, seen, gradients, tangents[-1], dh_t if has_tangent_above else None)
        )
    for name in ("normalised", "deviation", "output"):
        _assert_close(getattr(tangents[0], name), getattr(tangents[1], name))
    for name in ("convolved", "scale", "shift"):
        _assert_close(getattr(seconds[0], name), getattr(seconds[1], name))


def test_the_gradient_is_that_of_finite_differences() -> None:
    network = _network(0, torch.float32)
    block = network.blocks[0]
    a = _random(5, 1, 8, 15, 17).float()
    direction, dh = (_random(seed, 1, 8, 15, 17).float() for seed in (6, 7))

    def output(at: Tensor) -> Tensor:
        block64 = copy.deepcopy(block).double()
        normed = nn.functional.batch_norm(
            at.double(), None, None, block64.norm.weight, block64.norm.bias, True, 0.0, block64.norm.eps
        )
        return nn.functional.leaky_relu(normed, LEAK)

    h, mean, inverse = batch_norm.forward(a, block.norm)
    _, da, _, _ = batch_norm.backward(dh, h, a, mean, inverse, block.norm.weight)
    step = 1e-6
    slope = ((output(a + step * direction.double()) - output(a - step * direction.double())) * dh).sum()
    assert float((da * direction).sum()) == pytest.approx(float(slope) / (2 * step), rel=1e-3)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_stays_so(value: float) -> None:
    network = _network(0, torch.float32)
    images = _random(0, 2, 3, 16, 16).float()
    images[1, 0, 8, 8] = value
    trace = forward(network, images)
    assert trace.top[0].isfinite().all()
    assert trace.top[1].isnan().all()
