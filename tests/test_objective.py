from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers.tiny import picture, randomise, unhurried
from singan.geometry import Size
from singan.networks import Discriminator
from singan.objective import (
    GRADIENT_PENALTY_WEIGHT,
    RECONSTRUCTION_WEIGHT,
    gradient_penalty,
    interpolate,
    reconstruction_loss,
)

STEP = 1e-6
"""Finite differences in float64: the error is about STEP^2 plus 1e-16 / STEP."""


class Weighted(nn.Module):
    """A linear discriminator: the gradient at each pixel is that pixel's weights."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, image: Tensor) -> Tensor:
        return (self.weights * image).sum(dim=1, keepdim=True)


def discriminator_and_image() -> tuple[Discriminator, Tensor]:
    discriminator = Discriminator(2).double()
    randomise(discriminator, 4)
    return discriminator, picture(Size(12, 11), 5)


def penalty_by_differences(discriminator: nn.Module, image: Tensor) -> float:
    """mean((|grad D| over channels, per pixel, - 1)^2), each gradient from two forwards."""
    gradient = torch.zeros_like(image).flatten()
    with torch.no_grad():
        for index in range(image.numel()):
            nudge = torch.zeros_like(image).flatten()
            nudge[index] = STEP
            above, below = (discriminator(image + sign * nudge.view_as(image)).sum() for sign in (1, -1))
            gradient[index] = (above - below) / (2 * STEP)
    norms = gradient.view_as(image).square().sum(dim=1).sqrt()
    return float(((norms - 1) ** 2).mean())


@unhurried
@given(weights=st.tuples(*[st.floats(-2, 2).filter(lambda w: abs(w) > 0.01)] * 3))
def test_penalty_of_a_linear_discriminator_has_a_closed_form(weights: tuple[float, float, float]) -> None:
    vector = torch.tensor(weights, dtype=torch.float64)
    discriminator = Weighted(vector[None, :, None, None])
    penalty = gradient_penalty(discriminator, picture(Size(5, 4)))
    torch.autograd.backward(penalty)
    norm = vector.norm()
    assert float(penalty.detach()) == pytest.approx(float((norm - 1) ** 2))
    assert discriminator.weights.grad is not None
    slope = 2 * (norm - 1) * vector / norm
    assert torch.allclose(discriminator.weights.grad.flatten(), slope, atol=1e-9)


def test_norm_is_taken_at_each_pixel_not_over_the_image() -> None:
    weights = torch.zeros(1, 3, 1, 2, dtype=torch.float64)
    weights[0, :, 0, 0] = torch.tensor([3.0, 0.0, 4.0])  # norm 5 here, norm 1 there
    weights[0, :, 0, 1] = torch.tensor([0.0, 1.0, 0.0])
    penalty = gradient_penalty(Weighted(weights), picture(Size(1, 2)))
    assert float(penalty.detach()) == pytest.approx((4**2 + 0**2) / 2)


def test_penalty_agrees_with_finite_differences() -> None:
    discriminator, image = discriminator_and_image()
    penalty = gradient_penalty(discriminator, image)
    assert float(penalty.detach()) == pytest.approx(penalty_by_differences(discriminator, image), rel=1e-6)


def test_slope_of_the_penalty_agrees_with_finite_differences() -> None:
    discriminator, image = discriminator_and_image()
    torch.autograd.backward(gradient_penalty(discriminator, image))
    for name, parameter in discriminator.named_parameters():
        if name == "tail.bias":
            continue  # does not enter the gradient of D, so there is no slope
        assert parameter.grad is not None, name
        flat, slopes = parameter.data.view(-1), parameter.grad.flatten()
        for index in (0, flat.numel() // 2):
            kept = float(flat[index])
            ends = []
            for sign in (1, -1):
                flat[index] = kept + sign * STEP
                ends.append(float(gradient_penalty(discriminator, image).detach()))
            flat[index] = kept
            assert float(slopes[index]) == pytest.approx((ends[0] - ends[1]) / (2 * STEP), abs=1e-6), name


def test_penalty_leaves_no_gradient_on_the_image() -> None:
    discriminator, image = discriminator_and_image()
    image.requires_grad_(True)
    torch.autograd.backward(gradient_penalty(discriminator, image))
    assert image.grad is None


@unhurried
@given(alpha=st.floats(0, 1))
def test_mixture_is_one_straight_line_from_fake_to_real(alpha: float) -> None:
    real, fake = picture(Size(3, 4), 1), picture(Size(3, 4), 2)
    mixed = interpolate(real, fake, torch.tensor(alpha, dtype=torch.float64))
    assert torch.allclose(mixed, fake + alpha * (real - fake), atol=1e-12)


def test_reconstruction_loss_is_a_hundred_times_the_mean_square() -> None:
    real = picture(Size(6, 5))
    assert float(reconstruction_loss(real + 0.3, real)) == pytest.approx(100 * 0.09)
    assert float(reconstruction_loss(real, real)) == 0
    one_off = real.clone()
    one_off[0, 0, 0, 0] += 1
    assert float(reconstruction_loss(one_off, real)) == pytest.approx(100 / (3 * 6 * 5))


def test_weights_are_the_published_ones() -> None:
    assert GRADIENT_PENALTY_WEIGHT == 0.1
    assert RECONSTRUCTION_WEIGHT == 100
