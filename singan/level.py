"""Train one pyramid level (algorithm.md 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from singan.errors import UserError
from singan.feeds import adversarial_input, enlarge, reconstruction_inputs
from singan.networks import Discriminator, Generator, frozen_statistics, initialise
from singan.pixels import to_pixels
from singan.pyramid import Pyramid, TrainedLevel
from singan.randomness import LevelStreams, level_noise, stream
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.stopwatch import Stopwatch
from singan.switches import LevelFeed
from singan.upsampling import Upsampler, train_upsampler

LOSS_NAMES = ("d_real", "d_fake", "gradient_penalty", "g_adversarial", "reconstruction")
"""Losses recorded for each epoch. Of its last D step: mean D(real), mean D(fake), the weighted penalty; of
its last G step: -mean D(fake) and the weighted reconstruction loss."""


@dataclass(frozen=True)
class LevelTask:
    """What to train: everything that, with the pyramid below, decides the outcome."""

    feed: LevelFeed
    stop: StopRule
    settings: TrainingSettings
    seed: int
    image_digest: str


@dataclass(frozen=True)
class LevelInputs:
    """What stays fixed while a level trains; images `[1, 3, H, W]`."""

    pyramid: Pyramid
    level: int
    feed: LevelFeed
    real: Tensor
    reconstruction_inputs: tuple[Tensor, ...]
    """The G steps of an epoch take them in turn."""
    noise_amplitude: float

    @property
    def reconstruction_input(self) -> Tensor:
        """The first G step's reconstruction input, from which sigma_n and the snapshots are computed."""
        return self.reconstruction_inputs[0]

    def reconstruction_input_of(self, step: int) -> Tensor:
        """The reconstruction input of a G step; the steps of an epoch are counted from 0."""
        return self.reconstruction_inputs[step % len(self.reconstruction_inputs)]

    def draw_noise(self, generator: torch.Generator) -> Tensor:
        """A fresh noise map for this level."""
        return level_noise(self.level, self.pyramid.size(self.level), generator).to(self.real.dtype)

    def draw_adversarial_input(self, generator: torch.Generator, step: int) -> Tensor:
        """A fresh adversarial input for a D step; the steps of an epoch are counted from 0."""
        return adversarial_input(self.feed, self.pyramid, generator, step)


@dataclass
class LevelState:
    """What changes from epoch to epoch."""

    generator: Generator
    discriminator: Discriminator
    generator_adam: torch.optim.Adam
    discriminator_adam: torch.optim.Adam
    streams: LevelStreams
    anchor_noise: Tensor
    epochs_done: int = 0
    annealing_since: int | None = None
    """How many epochs were done when a plateau dropped the learning rate; None if none has."""
    upsampler: Upsampler | None = None
    """The network that upsamples into the level, trained before its first epoch; None where there is none."""

    def learning_rate(self, settings: TrainingSettings) -> float:
        """Learning rate of the next epoch."""
        if self.annealing_since is not None:
            return settings.dropped_learning_rate
        return settings.learning_rate_at(self.epochs_done)


class EpochResult(NamedTuple):
    """Losses `[5]` in the order of `LOSS_NAMES`, still on the device, and the last D step's fake."""

    losses: Tensor
    fake: Tensor


class Engine(Protocol):
    """How the steps of one epoch are carried out; every engine gives the plain one's results."""

    def train_epoch(
        self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings
    ) -> EpochResult: ...


class Snapshot(NamedTuple):
    """G(z*) and the fake after an epoch (counted from 0), as 8-bit pixels `[H, W, 3]`."""

    epoch: int
    reconstruction: Tensor
    fake: Tensor


@dataclass
class LevelHistory:
    """How the training went: `losses` `[epochs, 5]` in the order of `LOSS_NAMES`."""

    losses: list[list[float]] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    seconds: float = 0.0
    """Wall time, over all processes that had a part in the training."""
    processor_seconds: float = 0.0
    """Processor time of all threads (see `stopwatch`); NaN where that of some epochs is unknown."""
    stopped_early: bool = False


class EpochReport(NamedTuple):
    """Progress after an epoch; reading `losses` waits for the device, so do it sparingly."""

    epochs_done: int
    epochs: int
    losses: Tensor


class TrainingCallback:
    """Watches over a training. This one lets it run; subclasses show it, keep it for later, or stop it."""

    def restore(self, state: LevelState, history: LevelHistory) -> None:
        """Called before the first epoch: bring both to the state that was kept, if one was."""

    def epoch_done(self, report: EpochReport) -> None:
        """Called after every epoch."""

    def wants_stop(self) -> bool:
        """Whether to stop now and go on in a later run; asked after every epoch."""
        return False

    def keep(self, state: LevelState, history: LevelHistory) -> None:
        """Called at every snapshot, and before stopping: keep both, so that `restore` can go on from here."""


class InterruptedTrainingError(Exception):
    """The callback stopped a training before its end; it has been kept."""


def train_level(
    pyramid: Pyramid, task: LevelTask, engine: Engine, callback: TrainingCallback | None = None
) -> tuple[TrainedLevel, LevelHistory]:
    """Train the pyramid's next level.

    Raises `UserError` when a loss stops being finite, `InterruptedTrainingError` when `callback` stops it.
    """
    callback = callback or TrainingCallback()
    state, history = prepare_state(pyramid, task), LevelHistory()
    callback.restore(state, history)
    if state.upsampler is None:
        _learn_upsampling(pyramid, task, state, history)
    inputs = prepare_inputs(replace(pyramid, upsampler=state.upsampler), task)
    is_last = inputs.level == pyramid.geometry.last
    stop = task.stop.at_last_level if is_last else task.stop
    reconstruction_losses = [losses[-1] for losses in history.losses]
    stopwatch = Stopwatch(inputs.real.device)
    pending: list[Tensor] = []  # losses not yet fetched from the device

    for epoch in range(state.epochs_done, task.settings.epochs):
        result = engine.train_epoch(state, inputs, task.settings)
        state.epochs_done = epoch + 1
        pending.append(result.losses)
        if stop.needs_losses:
            reconstruction_losses.append(float(result.losses[-1]))
        ends = epoch + 1 == task.settings.epochs or stop.stops(
            epoch + 1, reconstruction_losses, state.annealing_since
        )
        if stop.anneals and _is_at_full_rate(state, task.settings) and stop.is_plateau(reconstruction_losses):
            state.annealing_since = epoch + 1
        is_snapshot = ends or task.settings.is_snapshot_epoch(epoch)
        if is_snapshot:
            _fetch_finite(pending, history)
            history.snapshots.append(_snapshot(epoch, state, inputs, result.fake))
        lap = stopwatch.lap(finished=is_snapshot)
        history.seconds += lap.wall
        history.processor_seconds += lap.processor
        callback.epoch_done(EpochReport(epoch + 1, task.settings.epochs, result.losses))
        if ends:
            break
        interrupted = callback.wants_stop()
        if is_snapshot or interrupted:
            _fetch_finite(pending, history)
            callback.keep(state, history)
        if interrupted:
            raise InterruptedTrainingError

    history.stopped_early = state.epochs_done < task.settings.epochs
    anchor = state.anchor_noise.contiguous()
    networks = (state.generator, state.discriminator)
    return TrainedLevel(*networks, inputs.noise_amplitude, anchor, state.upsampler), history


def _is_at_full_rate(state: LevelState, settings: TrainingSettings) -> bool:
    """Whether the next epoch would be trained at the rate the level began with."""
    return state.annealing_since is None and state.epochs_done < settings.learning_rate_drop_epoch


def warm_up(pyramid: Pyramid, task: LevelTask, engine: Engine) -> None:
    """Train one epoch of the pyramid's next level and throw the result away.

    At first use code is compiled and loaded, algorithms are chosen and memory is allocated. This takes one to
    ten seconds, which would otherwise count as training time of the first level that a process trains.
    `engine` should not be the one that then trains the level, as engines may keep what they have prepared.
    """
    upsampler = learned_upsampler(pyramid, task, steps=1)
    inputs = prepare_inputs(replace(pyramid, upsampler=upsampler), task)
    engine.train_epoch(prepare_state(pyramid, task), inputs, task.settings)


def learned_upsampler(pyramid: Pyramid, task: LevelTask, steps: int) -> Upsampler | None:
    """Train the network that upsamples into the next level; None if its feed uses none.

    It learns from the real images of that level and of the level below.
    """
    level = pyramid.next_level
    if not task.feed.learns_upsampling or level == 0:
        return None
    real = pyramid.reals[level]
    weights = stream(task.seed, task.image_digest, level, "upsampler", device=real.device)
    return train_upsampler(enlarge(pyramid.reals[level - 1], pyramid, level), real, steps, weights)


def _learn_upsampling(pyramid: Pyramid, task: LevelTask, state: LevelState, history: LevelHistory) -> None:
    """Train the level's upsampler, if its feed uses one; the time counts as the level's."""
    stopwatch = Stopwatch(pyramid.reals[0].device)
    state.upsampler = learned_upsampler(pyramid, task, task.settings.upsampler_steps)
    if state.upsampler is not None:
        lap = stopwatch.lap(finished=True)
        history.seconds += lap.wall
        history.processor_seconds += lap.processor


def prepare_inputs(pyramid: Pyramid, task: LevelTask) -> LevelInputs:
    """The level's real image, reconstruction input and noise amplitude sigma_n.

    sigma_0 = 1; sigma_n = 0.1 * RMSE(real_n, rec_prev): the worse the levels below reconstruct, the more
    freedom the level gets.
    """
    level = pyramid.next_level
    real = pyramid.reals[level]
    inputs = reconstruction_inputs(task.feed, pyramid)
    rmse = float(torch.sqrt(torch.mean((real - inputs[0]) ** 2)))
    amplitude = 1.0 if level == 0 else task.settings.noise_weight * rmse
    return LevelInputs(pyramid, level, task.feed, real, inputs, amplitude)


def prepare_state(pyramid: Pyramid, task: LevelTask) -> LevelState:
    """Networks and optimisers before the first epoch.

    A level as wide as the one below starts from that level's trained networks, otherwise fresh.
    """
    level, real = pyramid.next_level, pyramid.reals[pyramid.next_level]
    streams = LevelStreams.of(task.seed, task.image_digest, level, real.device)
    width = task.settings.width_at(level)
    generator, discriminator = Generator(width), Discriminator(width)
    networks: tuple[nn.Module, nn.Module] = (generator, discriminator)
    for network in networks:
        network.to(device=real.device, dtype=real.dtype)
        initialise(network, streams.init)
    if pyramid.levels and pyramid.levels[-1].generator.width == width:
        generator.load_state_dict(pyramid.levels[-1].generator.state_dict())
        discriminator.load_state_dict(pyramid.levels[-1].discriminator.state_dict())
    generator_adam, discriminator_adam = (
        torch.optim.Adam(network.parameters(), lr=task.settings.learning_rate, betas=task.settings.adam_betas)
        for network in networks
    )
    anchor = torch.zeros_like(real)
    if level == 0:
        anchor = level_noise(0, pyramid.size(0), streams.noise).to(real.dtype)
    return LevelState(generator, discriminator, generator_adam, discriminator_adam, streams, anchor)


def _snapshot(epoch: int, state: LevelState, inputs: LevelInputs, fake: Tensor) -> Snapshot:
    """Pictures of the training in progress; looking must not change it, hence the frozen statistics."""
    with torch.no_grad(), frozen_statistics(state.generator):
        reconstruction = reconstruct(state, inputs, inputs.reconstruction_input)
    return Snapshot(epoch, to_pixels(reconstruction), to_pixels(fake))


def reconstruct(state: LevelState, inputs: LevelInputs, rec_prev: Tensor) -> Tensor:
    """G(sigma * z* + rec_prev, rec_prev) with the networks in training."""
    mixed = inputs.noise_amplitude * state.anchor_noise + rec_prev
    return state.generator(mixed, rec_prev)  # type: ignore[no-any-return]


def _fetch_finite(pending: list[Tensor], history: LevelHistory) -> None:
    """Move losses from the device to the history; raises `UserError` at the first that is not finite."""
    for values in torch.stack(pending).tolist() if pending else ():
        for name, value in zip(LOSS_NAMES, values, strict=True):
            if not math.isfinite(value):
                raise UserError(f"training diverged: loss {name} is {value} at epoch {len(history.losses)}")
        history.losses.append(values)
    pending.clear()
