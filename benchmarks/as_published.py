"""The training loop with the costs of the published code, to measure against; results are the same science.

What the published code does that costs time, and this loop does too: every loss has its own backward pass;
gradients are computed for all that was touched (the discriminator's weights in the generator's step as well);
the generator's graph is kept through the discriminator's steps; every resize leaves for the host, rebuilds
its kernel and comes back; Adam goes parameter by parameter. The one cost left out is its debug output.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from singan.geometry import Size
from singan.level import EpochResult, LevelInputs, LevelState
from singan.networks import frozen_statistics
from singan.objective import GRADIENT_PENALTY_WEIGHT, interpolate, reconstruction_loss
from singan.pyramid import Pyramid
from singan.randomness import level_noise
from singan.resize import crop, resize_weights, truncate_to_8_bit
from singan.settings import TrainingSettings


class AsPublished:
    """The published loop's costs, for the feed of the original training (`rand`, `rec`, `regular`)."""

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        """One epoch: 3 D steps, 3 G steps."""
        for adam in (state.generator_adam, state.discriminator_adam):
            for group in adam.param_groups:
                group["lr"], group["foreach"] = settings.learning_rate_at(state.epochs_done), False
        if inputs.level == 0 and settings.anchor_noise == "redrawn":
            state.anchor_noise = inputs.draw_noise(state.streams.noise)
        noise = inputs.draw_noise(state.streams.noise)
        for _ in range(settings.discriminator_steps):
            previous = _chain(inputs.pyramid, state.streams.feed)
            mixed = inputs.noise_amplitude * noise + previous
            fake, d_losses = self._discriminator_step(state, inputs.real, mixed, previous)
        for _ in range(settings.generator_steps):
            g_losses = self._generator_step(state, inputs, mixed, previous)
        return EpochResult(torch.stack([*d_losses, *g_losses]), fake.detach())

    @staticmethod
    def _discriminator_step(
        state: LevelState, real: Tensor, mixed: Tensor, previous: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        discriminator = state.discriminator
        discriminator.zero_grad()
        d_real = discriminator(real).mean()
        (-d_real).backward(retain_graph=True)
        fake = state.generator(mixed, previous)  # with its graph, though only the G step needs one
        d_fake = discriminator(fake.detach()).mean()
        d_fake.backward(retain_graph=True)
        alpha = torch.rand((), generator=state.streams.noise)
        between = interpolate(real, fake, alpha).detach().requires_grad_(True)
        scores = discriminator(between)
        (gradient,) = torch.autograd.grad(
            scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True
        )
        penalty = GRADIENT_PENALTY_WEIGHT * ((gradient.norm(2, dim=1) - 1) ** 2).mean()
        penalty.backward()
        state.discriminator_adam.step()
        return fake, (d_real.detach(), d_fake.detach(), penalty.detach())

    @staticmethod
    def _generator_step(
        state: LevelState, inputs: LevelInputs, mixed: Tensor, previous: Tensor
    ) -> tuple[Tensor, Tensor]:
        state.generator.zero_grad()
        with frozen_statistics(state.generator):
            fake = state.generator(mixed, previous)
        adversarial = -state.discriminator(fake).mean()
        adversarial.backward(retain_graph=True)
        rec_prev = inputs.reconstruction_input
        anchored = inputs.noise_amplitude * state.anchor_noise + rec_prev
        reconstruction = reconstruction_loss(state.generator(anchored, rec_prev), inputs.real)
        reconstruction.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        state.generator_adam.step()
        return adversarial.detach(), reconstruction.detach()


def _chain(pyramid: Pyramid, generator: torch.Generator) -> Tensor:
    """The adversarial input, level by level, with its graph and with resizing on the host."""
    image = torch.zeros_like(pyramid.reals[0])
    for index, level in enumerate(pyramid.levels):
        noise = level_noise(index, pyramid.size(index), generator)
        image = level.generator(level.noise_amplitude * noise + image, image)
        image = crop(_resize_on_host(image, 1 / pyramid.geometry.shrink), pyramid.size(index + 1))
    return image


def _resize_on_host(image: Tensor, scale: float) -> Tensor:
    """To NumPy, through a kernel built for this call, and back."""
    pixels = truncate_to_8_bit(image.detach().cpu())[0].permute(1, 2, 0).numpy().astype(np.float64)
    size = Size(*pixels.shape[:2])
    rows, columns = resize_weights(size.height, scale), resize_weights(size.width, scale)
    resized = np.einsum("yh,hwc->ywc", rows, pixels, optimize=True)
    resized = np.einsum("xw,ywc->yxc", columns, resized, optimize=True)
    back = torch.from_numpy(resized).permute(2, 0, 1)[None].to(image.dtype).to(image.device)
    return (back / 127.5 - 1).clamp(-1, 1)
