"""The plain engine: algorithm.md 4, step by step, to be read beside the paper."""

from __future__ import annotations

import torch
from torch import Tensor

from singan.level import EpochResult, LevelInputs, LevelState, reconstruct
from singan.networks import Discriminator, Generator, frozen_statistics
from singan.objective import (
    GRADIENT_PENALTY_WEIGHT,
    gradient_penalty,
    interpolate,
    reconstruction_loss,
)
from singan.settings import TrainingSettings


class PlainEngine:
    """Eager PyTorch, one operation after the other."""

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        """One epoch: the discriminator's steps, then the generator's."""
        for adam in (state.generator_adam, state.discriminator_adam):
            for group in adam.param_groups:
                group["lr"] = state.learning_rate(settings)
        if inputs.level == 0 and settings.anchor_noise == "redrawn":
            state.anchor_noise = inputs.draw_noise(state.streams.noise)  # quirk: see TrainingSettings
        noise = inputs.draw_noise(state.streams.noise)

        for step in range(settings.discriminator_steps):
            previous = inputs.draw_adversarial_input(state.streams.feed, step)
            mixed = inputs.noise_amplitude * noise + previous
            with torch.no_grad():
                fake = state.generator(mixed, previous)
            d_losses = discriminator_step(state, inputs.real, fake)

        for step in range(settings.generator_steps):
            g_losses = generator_step(state, inputs, mixed, previous, step)

        return EpochResult(torch.stack([*d_losses, *g_losses]), fake)


def discriminator_step(state: LevelState, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One Adam step on mean D(fake) - mean D(real) + 0.1 * gradient penalty; returns the three terms."""
    discriminator = state.discriminator
    # BatchNorm's statistics see real, fake, mixed in this order, as in the published code.
    d_real = discriminator(real).mean()
    d_fake = discriminator(fake).mean()
    alpha = torch.rand((), generator=state.streams.noise, device=real.device)
    penalty = GRADIENT_PENALTY_WEIGHT * gradient_penalty(discriminator, interpolate(real, fake, alpha))
    _descend(state.discriminator_adam, d_fake - d_real + penalty, discriminator)
    return d_real.detach(), d_fake.detach(), penalty.detach()


def generator_step(
    state: LevelState, inputs: LevelInputs, mixed: Tensor, previous: Tensor, step: int = 0
) -> tuple[Tensor, Tensor]:
    """One Adam step on -mean D(fake) + reconstruction loss; returns the two terms. `step` counts from 0.

    The fake is regenerated from the last D step's inputs, because the generator has moved since. BatchNorm's
    statistics have already seen it in the D step and must not see it again.
    """
    with frozen_statistics(state.generator):
        fake = state.generator(mixed, previous)
    adversarial = -state.discriminator(fake).mean()
    reconstructed = reconstruct(state, inputs, inputs.reconstruction_input_of(step))
    reconstruction = reconstruction_loss(reconstructed, inputs.real)
    _descend(state.generator_adam, adversarial + reconstruction, state.generator)
    return adversarial.detach(), reconstruction.detach()


def _descend(adam: torch.optim.Adam, loss: Tensor, network: Generator | Discriminator) -> None:
    """One optimiser step on `loss`, touching the gradients of `network` alone."""
    adam.zero_grad()
    loss.backward(inputs=list(network.parameters()))  # type: ignore[no-untyped-call]
    for bias in network.biases_without_effect:
        bias.grad = torch.zeros_like(bias)  # autograd leaves rounding noise, and Adam makes full steps of it
    adam.step()
