"""The batched engine: the plain one's results from fewer, larger operations and no automatic differentiation.

An epoch's fakes are made in one pass, as the generator rests while the discriminator learns. A D step treats
the real, the fake and the mixed image as one batch, a G step the fake and the reconstruction. Gradients are
written out in `derivatives`; that of the gradient penalty is the tangent, along a direction in the mixed
image, of the gradient of sum D (Pearlmutter 1994): no graph of a graph is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from singan.engines import derivatives as d
from singan.engines.derivatives import Gradients
from singan.feeds import adversarial_inputs
from singan.inference import FoldedGenerator, fold
from singan.kernels.convolutions import input_gradient, weight_gradient
from singan.level import EpochResult, LevelInputs, LevelState
from singan.networks import Discriminator, Generator, PADDING_px
from singan.objective import GRADIENT_PENALTY_WEIGHT, RECONSTRUCTION_WEIGHT, interpolate
from singan.pyramid import Generating, Pyramid
from singan.settings import TrainingSettings

_MIXED = 2
"""Index of the mixed image in a D step's batch: real, fake, mixed."""

_LARGE_floats = 2**18
"""A CPU makes fakes of at least this many activations (C * H * W) one by one, in a third of the memory."""


class BatchedEngine:
    """Gradients by hand, several images at a time."""

    def __init__(self) -> None:
        self._pyramid: Pyramid | None = None
        self._below: tuple[FoldedGenerator, ...] = ()

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        """One epoch: the discriminator's steps, then the generator's."""
        use_fused_adam(state)
        for adam in (state.generator_adam, state.discriminator_adam):
            for group in adam.param_groups:
                group["lr"] = state.learning_rate(settings)
        return batched_epoch(state, inputs, settings, self.folded(inputs.pyramid))

    def folded(self, pyramid: Pyramid) -> tuple[FoldedGenerator, ...]:
        """The trained levels below, folded (see `inference`); this is done once for each pyramid."""
        if self._pyramid is not pyramid:
            self._pyramid, self._below = pyramid, tuple(map(fold, pyramid.levels))
        return self._below


def use_fused_adam(state: LevelState) -> None:
    """Let Adam update all parameters at once; it then needs its step counts on the parameters' device."""
    for adam in (state.generator_adam, state.discriminator_adam):
        for group in adam.param_groups:
            if not group["fused"]:
                group["fused"], group["foreach"] = True, False
                for parameter in group["params"]:
                    if "step" in adam.state[parameter]:
                        adam.state[parameter]["step"] = adam.state[parameter]["step"].to(parameter.device)


def batched_epoch(
    state: LevelState, inputs: LevelInputs, settings: TrainingSettings, below: Sequence[Generating]
) -> EpochResult:
    """One epoch at the optimisers' learning rate; `below` are the pyramid's trained levels, folded.

    Nothing in it waits for the device or branches on computed numbers, so that a graph can record it.
    """
    with torch.no_grad():
        if inputs.level == 0 and settings.anchor_noise == "redrawn":
            state.anchor_noise = inputs.draw_noise(state.streams.noise)  # quirk: see TrainingSettings
        noise = inputs.draw_noise(state.streams.noise)
        steps = settings.discriminator_steps
        previous = adversarial_inputs(inputs.feed, inputs.pyramid, state.streams.feed, steps, below)
        mixed = inputs.noise_amplitude * noise + previous
        fakes = _fakes(state.generator, mixed, previous)
        for fake in torch.split(fakes, 1):
            d_losses = discriminator_step(state, inputs.real, fake)
        for step in range(settings.generator_steps):
            g_losses = generator_step(state, inputs, mixed[-1:], previous[-1:], step)
        return EpochResult(torch.stack([*d_losses, *g_losses]), fakes[-1:])


def _fakes(generator: Generator, mixed: Tensor, previous: Tensor) -> Tensor:
    """Fakes `[S, 3, H, W]` of all D steps of an epoch; running statistics are updated in the steps' order."""
    is_large = mixed.device.type == "cpu" and mixed[0, 0].numel() * generator.width >= _LARGE_floats
    details = []
    for images in torch.split(mixed, 1 if is_large else len(mixed)):
        trace = d.forward(generator, images, PADDING_px)
        d.update_statistics(generator, trace)
        details.append(torch.tanh(trace.top))
    return torch.cat(details).add_(previous)


def discriminator_step(state: LevelState, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One Adam step on mean D(fake) - mean D(real) + 0.1 * gradient penalty; returns the three terms."""
    discriminator = state.discriminator
    alpha = torch.rand((), generator=state.streams.noise, device=real.device)
    trace = d.forward(discriminator, torch.cat([real, fake, interpolate(real, fake, alpha)]))
    d.update_statistics(discriminator, trace)
    scores = trace.top.mean((1, 2, 3))
    penalty, gradients = discriminator_gradients(discriminator, trace)
    d.set_gradients(discriminator, gradients)
    state.discriminator_adam.step()
    return scores[0], scores[1], penalty


def discriminator_gradients(network: Discriminator, trace: d.Trace) -> tuple[Tensor, Gradients]:
    """The weighted penalty, and the gradients of a D step's loss, from the trace of real, fake and mixed."""
    dtop = torch.empty_like(trace.top)
    share = 1 / trace.top[0].numel()
    # For the mixed image, it is the gradient of sum D that the penalty needs.
    for one, value in zip(dtop, (-share, share, 1.0), strict=True):
        one.fill_(value)
    pair, mixed = slice(0, _MIXED), slice(_MIXED, None)
    tail, blocks = network.last, network.blocks
    below = trace.blocks[-1].output
    gradients: Gradients = {tail.weight: weight_gradient(tail.weight, (below[pair], dtop[pair]))}
    of_mixed: list[d.BlockGradients] = []  # output side first
    dh = input_gradient(below, tail.weight, dtop)
    for index in reversed(range(len(blocks))):
        block, below = blocks[index], trace.blocks[index].below
        found = d.block_backward(block, trace.blocks[index], dh)
        gradients[block.conv.weight] = weight_gradient(
            block.conv.weight, (below[pair], found.convolved[pair])
        )
        gradients[block.norm.weight] = found.scale[pair].sum(0)
        gradients[block.norm.bias] = found.shift[pair].sum(0)
        # Copies: slices would keep the memory of all three images until the tangents are done.
        of_mixed.append(d.BlockGradients(*(part[mixed].clone() for part in vars(found).values())))
        only = slice(None) if index else mixed  # below the first block, only the mixed image's is needed
        dh = input_gradient(below[only], block.conv.weight, found.convolved[only])
    penalty, direction = _penalty(dh)
    for parameter, gradient in _penalty_gradients(
        network, trace, of_mixed[::-1], direction, dtop[mixed]
    ).items():
        gradients[parameter].add_(gradient)
    return penalty, gradients


def _penalty(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The weighted penalty of a gradient `[1, 3, H, W]` of sum D, and its derivative with respect to that."""
    norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    excess = norm - 1
    scale = 2 * GRADIENT_PENALTY_WEIGHT / norm.numel()
    tiny = torch.finfo(norm.dtype).tiny  # where the gradient is zero, so is the derivative
    return GRADIENT_PENALTY_WEIGHT * (excess**2).mean(), gradient * (scale * excess / norm.clamp_min(tiny))


def _penalty_gradients(
    network: Discriminator,
    trace: d.Trace,
    backward: list[d.BlockGradients],
    direction: Tensor,
    dtop: Tensor,
) -> Gradients:
    """Gradients of the penalty: the tangent, along `direction`, of those of sum D(mixed) in `backward`."""
    tail, blocks = network.last, network.blocks
    seen = [_of_image(block, _MIXED) for block in trace.blocks]
    tangents: list[d.BlockTangent] = []
    h_t = direction
    for block, one in zip(blocks, seen, strict=True):
        tangents.append(d.block_tangent(block, one, h_t))
        h_t = tangents[-1].output
    gradients: Gradients = {tail.weight: weight_gradient(tail.weight, (h_t, dtop))}
    dh_t: Tensor | None = None  # zero, as sum D is linear in the last block's output
    for index in reversed(range(len(blocks))):
        block, one, first = blocks[index], seen[index], backward[index]
        second = d.block_backward_tangent(block, one, first, tangents[index], dh_t)
        gradients[block.conv.weight] = weight_gradient(
            block.conv.weight, (tangents[index].below, first.convolved), (one.below, second.convolved)
        )
        gradients[block.norm.weight], gradients[block.norm.bias] = second.scale[0], second.shift[0]
        if index:
            dh_t = input_gradient(one.below, block.conv.weight, second.convolved)
    return gradients


def _of_image(trace: d.BlockTrace, image: int) -> d.BlockTrace:
    """The trace of one image of a batch."""
    only = slice(image, image + 1)
    shape = (len(trace.convolved), -1)
    return d.BlockTrace(
        trace.below[only],
        trace.convolved[only],
        trace.mean.view(shape)[image],
        trace.inverse_deviation.view(shape)[image],
        trace.output[only],
    )


def generator_step(
    state: LevelState, inputs: LevelInputs, mixed: Tensor, previous: Tensor, step: int = 0
) -> tuple[Tensor, Tensor]:
    """One Adam step on -mean D(fake) + reconstruction loss; returns the two terms. `step` counts from 0.

    Fake and reconstruction pass the generator together; its running statistics see the reconstruction only.
    """
    rec_prev = inputs.reconstruction_input_of(step)
    anchored = inputs.noise_amplitude * state.anchor_noise + rec_prev
    trace = d.forward(state.generator, torch.cat([mixed, anchored]), PADDING_px)
    d.update_statistics(state.generator, trace, slice(1, None))
    detail = torch.tanh(trace.top)
    fake, reconstruction = torch.split(detail + torch.cat([previous, rec_prev]), 1)
    adversarial, dfake = _adversarial(state.discriminator, fake)
    error = reconstruction - inputs.real
    loss = RECONSTRUCTION_WEIGHT * (error**2).mean()
    derror = error * (2 * RECONSTRUCTION_WEIGHT / error.numel())
    dtop = torch.cat([dfake, derror]) * (1 - detail**2)
    d.set_gradients(state.generator, generator_gradients(state.generator, trace, dtop))
    state.generator_adam.step()
    return adversarial, loss


def _adversarial(discriminator: Discriminator, fake: Tensor) -> tuple[Tensor, Tensor]:
    """-mean D(fake), and its gradient with respect to the fake."""
    trace = d.forward(discriminator, fake)
    d.update_statistics(discriminator, trace)
    dh = input_gradient(
        trace.blocks[-1].output,
        discriminator.last.weight,
        torch.full_like(trace.top, -1 / trace.top.numel()),
    )
    for block, seen in zip(reversed(discriminator.blocks), reversed(trace.blocks), strict=True):
        found = d.block_backward(block, seen, dh)
        dh = input_gradient(seen.below, block.conv.weight, found.convolved)
    return -trace.top.mean(), dh


def generator_gradients(network: Generator, trace: d.Trace, dtop: Tensor) -> Gradients:
    """Gradients of the parameters, summed over the images, from `dtop`, that of the last convolution."""
    tail, blocks = network.last, network.blocks
    assert tail.bias is not None
    below = trace.blocks[-1].output
    gradients: Gradients = {
        tail.weight: weight_gradient(tail.weight, (below, dtop)),
        tail.bias: dtop.sum((0, 2, 3)),
    }
    dh = input_gradient(below, tail.weight, dtop)
    for index in reversed(range(len(blocks))):
        block, seen = blocks[index], trace.blocks[index]
        found = d.block_backward(block, seen, dh)
        padding = 0 if index else PADDING_px
        gradients[block.conv.weight] = weight_gradient(
            block.conv.weight, (seen.below, found.convolved), padding=padding
        )
        gradients[block.norm.weight] = found.scale.sum(0)
        gradients[block.norm.bias] = found.shift.sum(0)
        if index:
            dh = input_gradient(seen.below, block.conv.weight, found.convolved)
    return gradients
