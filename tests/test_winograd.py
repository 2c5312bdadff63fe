"""Winograd convolutions: the same numbers as PyTorch's, to rounding."""

import threading
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from singan.kernels import jit, winograd

pytestmark = pytest.mark.skipif(not jit.is_available(), reason="numba is not installed")

TOLERANCE = 5e-6
"""Of the largest value; rounding of float32 is 6e-8, and direct summation of these shapes is off by 5e-7."""


@dataclass(frozen=True)
class Case:
    x: Tensor
    w: Tensor
    bias: Tensor
    dy: Tensor


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Sizes around those of a tile (4), a window (6), a vector of cells (32) and a chunk of tiles (216)."""
    images = draw(st.integers(1, 3))
    channels_out, channels_in = draw(st.sampled_from([4, 8, 12, 20])), draw(st.sampled_from([4, 8, 68]))
    height, width = draw(st.integers(3, 40)), draw(st.integers(3, 90))
    return _case(images, channels_out, channels_in, height, width, draw(st.integers(0, 99)))


def _case(images: int, channels_out: int, channels_in: int, height: int, width: int, seed: int = 0) -> Case:
    generator = torch.Generator().manual_seed(seed)
    return Case(
        torch.randn(images, channels_in, height, width, generator=generator),
        torch.randn(channels_out, channels_in, 3, 3, generator=generator),
        torch.randn(channels_out, generator=generator),
        torch.randn(images, channels_out, height - 2, width - 2, generator=generator),
    )


def _reference(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Convolution, gradient by the input, gradient by the weight, in float64."""
    x, w = case.x.double().requires_grad_(), case.w.double().requires_grad_()
    y = nn.functional.conv2d(x, w, case.bias.double())
    dx, dw = torch.autograd.grad(y, (x, w), case.dy.double())
    return y.detach(), dx, dw


def _found(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    return (
        winograd.forward(case.x, case.w, case.bias),
        winograd.input_gradient(case.dy, case.w),
        winograd.weight_gradient((case.x, case.dy)),
    )


def _assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert found.is_contiguous()
    assert float((found - expected).abs().max()) <= TOLERANCE * float(expected.abs().max())


@settings(max_examples=60, deadline=None)
@given(cases())
def test_all_three_operations_equal_direct_ones_in_double_precision(case: Case) -> None:
    for found, expected in zip(_found(case), _reference(case), strict=True):
        _assert_close(found, expected)


def test_rounding_is_near_that_of_direct_summation() -> None:
    case = _case(1, 64, 64, 41, 43)
    y, dx, dw = _reference(case)
    direct = nn.functional.conv2d(case.x, case.w, case.bias)
    bound = 10 * float((direct - y).norm() / y.norm())
    for found, expected in zip(_found(case), (y, dx, dw), strict=True):
        assert float((found - expected).norm() / expected.norm()) <= bound


def test_no_bias_is_a_bias_of_zero() -> None:
    case = _case(1, 4, 4, 9, 9)
    assert torch.equal(
        winograd.forward(case.x, case.w), winograd.forward(case.x, case.w, torch.zeros_like(case.bias))
    )


def test_arguments_may_be_parameters_and_lie_in_any_order() -> None:
    case = _case(2, 8, 4, 12, 15)
    turned = Case(
        case.x.to(memory_format=torch.channels_last),
        nn.Parameter(case.w),
        nn.Parameter(case.bias),
        case.dy.transpose(2, 3).contiguous().transpose(2, 3),
    )
    for found, expected in zip(_found(turned), _found(case), strict=True):
        assert torch.equal(found, expected)
        assert not found.requires_grad


def test_what_was_computed_before_does_not_matter() -> None:
    case, spoilt = _case(1, 8, 8, 17, 23), _case(2, 12, 12, 39, 70)
    before = _found(case)
    _found(Case(spoilt.x / 0, spoilt.w, spoilt.bias, spoilt.dy * torch.nan))
    for found, expected in zip(_found(case), before, strict=True):
        assert torch.equal(found, expected)


def test_threads_do_not_disturb_each_other() -> None:
    wanted = {height: _found(_case(1, 8, 8, height, 33)) for height in (9, 30)}
    wrong: list[int] = []

    def repeat(height: int) -> None:
        for _ in range(30):
            found = _found(_case(1, 8, 8, height, 33))
            if not all(torch.equal(a, b) for a, b in zip(found, wanted[height], strict=True)):
                wrong.append(height)

    threads = [threading.Thread(target=repeat, args=(height,)) for height in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_channels_that_do_not_fill_a_block_are_refused() -> None:
    case = _case(1, 4, 3, 9, 9)
    with pytest.raises(ValueError, match="multiples of 4"):
        winograd.forward(case.x, case.w, case.bias)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 128, 122, 82), True),
        ((3, 32, 29, 62), True),
        ((1, 3, 122, 82), False),
        ((1, 128, 19, 20), False),
        ((1, 66, 50, 50), False),
    ],
)
def test_it_pays_for_many_channels_and_pictures_that_are_not_tiny(
    shape: tuple[int, ...], expected: bool
) -> None:
    assert winograd.pays(shape) is expected
