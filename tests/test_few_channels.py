"""Convolutions between many channels and few have the numbers of PyTorch's own."""

from dataclasses import dataclass

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from singan.kernels import few_channels

ROUNDING = 1e-12
"""Of float64, relative to the largest value."""


@dataclass(frozen=True)
class Case:
    images: Tensor
    weight: Tensor
    bias: Tensor
    gradient: Tensor


def _case(batch: int, inputs: int, outputs: int, height: int, width: int, seed: int) -> Case:
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return Case(
        random(batch, inputs, height, width),
        random(outputs, inputs, 3, 3),
        random(outputs),
        random(batch, outputs, height - 2, width - 2),
    )


_few = st.integers(1, few_channels.FEW)
_many = st.integers(1, 12)
_cases_to_few = st.builds(_case, _few, _many, _few, st.integers(3, 14), st.integers(3, 14), st.integers(0, 9))
_cases_from_few = st.builds(
    _case, _few, _few, _many, st.integers(3, 14), st.integers(3, 14), st.integers(0, 9)
)


def _reference(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Convolution, gradient by the images, gradient by the weight."""
    images, weight = case.images.clone().requires_grad_(), case.weight.clone().requires_grad_()
    found = nn.functional.conv2d(images, weight, case.bias)
    by_images, by_weight = torch.autograd.grad(found, (images, weight), case.gradient)
    return found.detach(), by_images, by_weight


def _assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= ROUNDING * max(1.0, float(expected.abs().max()))


@settings(max_examples=40, deadline=None)
@given(_cases_to_few)
def test_convolution_to_few_channels_and_its_gradients_equal_pytorchs(case: Case) -> None:
    outputs, by_images, by_weight = _reference(case)
    _assert_close(few_channels.to_few(case.images, case.weight, case.bias), outputs)
    _assert_close(few_channels.input_gradient_from_few(case.weight, case.gradient), by_images)
    _assert_close(few_channels.weight_gradient_of_few(case.images, case.gradient), by_weight)


@settings(max_examples=40, deadline=None)
@given(_cases_from_few)
def test_gradient_by_few_channels_equals_pytorchs(case: Case) -> None:
    _, by_images, _ = _reference(case)
    _assert_close(few_channels.input_gradient_to_few(case.weight, case.gradient), by_images)


def test_no_bias_is_a_bias_of_zero() -> None:
    case = _case(1, 8, 3, 9, 7, seed=0)
    without = few_channels.to_few(case.images, case.weight, None)
    assert torch.equal(without, few_channels.to_few(case.images, case.weight, torch.zeros_like(case.bias)))


def test_arguments_are_left_as_they_are() -> None:
    case = _case(2, 8, 3, 9, 7, seed=1)
    again = _case(2, 8, 3, 9, 7, seed=1)
    few_channels.to_few(case.images, case.weight, case.bias)
    few_channels.input_gradient_from_few(case.weight, case.gradient)
    few_channels.weight_gradient_of_few(case.images, case.gradient)
    for name in ("images", "weight", "bias", "gradient"):
        assert torch.equal(getattr(case, name), getattr(again, name))
