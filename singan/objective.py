"""The loss terms: WGAN-GP (Gulrajani et al. 2017) and reconstruction (algorithm.md 4; paper section 2.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

GRADIENT_PENALTY_WEIGHT = 0.1
RECONSTRUCTION_WEIGHT = 100.0


def gradient_penalty(discriminator: nn.Module, mixed: Tensor) -> Tensor:
    """mean((|grad_x D(x)|_2 - 1)^2) at `mixed` `[B, 3, H, W]`; unweighted.

    The norm runs over the channels of each pixel, not over the whole image: the published code's choice.
    """
    mixed = mixed.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(mixed).sum(), mixed, create_graph=True)
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    return ((norms - 1) ** 2).mean()


def interpolate(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """x^ = alpha * real + (1 - alpha) * fake, one scalar alpha for the whole image."""
    return alpha * real + (1 - alpha) * fake


def reconstruction_loss(reconstructed: Tensor, real: Tensor) -> Tensor:
    """100 * MSE: the weighted term. This is what "reconstruction loss" means throughout the study."""
    return RECONSTRUCTION_WEIGHT * nn.functional.mse_loss(reconstructed, real)
