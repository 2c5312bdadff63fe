from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from helpers.tiny import CPU, ByHand, same_state, state_of, tiny_pyramid
from singan.checkpoint import dump_level
from singan.engines.plain import PlainEngine
from singan.errors import UserError
from singan.feeds import reconstruction_input
from singan.level import (
    LOSS_NAMES,
    Engine,
    EpochReport,
    EpochResult,
    InterruptedTrainingError,
    LevelHistory,
    LevelInputs,
    LevelState,
    LevelTask,
    TrainingCallback,
    prepare_inputs,
    prepare_state,
    train_level,
    warm_up,
)
from singan.networks import Discriminator, Generator, initialise
from singan.pixels import to_pixels
from singan.pyramid import TrainedLevel
from singan.randomness import LevelStreams
from singan.resume import dump_training, restore_training
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

SETTINGS = TrainingSettings(epochs=4, base_width=4)
TASK = LevelTask(LevelFeed(), StopRule(), SETTINGS, seed=3, image_digest="aa")
SMALL_LOSS = StopRule("small_rec_loss", after=3, below=0.025)

Outcome = tuple[TrainedLevel, LevelHistory]


class ScriptedEngine:
    """Trains nothing: says the reconstruction losses it was given, one an epoch."""

    def __init__(self, loss_at: Callable[[int], float] = lambda epoch: 1.0) -> None:
        self.loss_at = loss_at

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        losses = torch.tensor([0.1, 0.2, 0.3, 0.4, self.loss_at(state.epochs_done)])
        return EpochResult(losses, inputs.real)


class Notebook(TrainingCallback):
    """Remembers what it was told; stops the training after the given epochs and restores what it kept."""

    def __init__(self, *stop_after: int) -> None:
        self.stop_after, self.reports, self.kept_at = stop_after, list[EpochReport](), list[int]()
        self.kept: bytes | None = None
        self.asked = 0

    def restore(self, state: LevelState, history: LevelHistory) -> None:
        if self.kept is not None:
            restore_training(self.kept, state, history)

    def epoch_done(self, report: EpochReport) -> None:
        self.reports.append(report)

    def wants_stop(self) -> bool:
        self.asked += 1
        return self.asked in self.stop_after

    def keep(self, state: LevelState, history: LevelHistory) -> None:
        self.kept_at.append(state.epochs_done)
        self.kept = dump_training(state, history)


def scripted(
    stop: StopRule, *, epochs: int = 20, level: int = 1, loss_at: Callable[[int], float] = lambda epoch: 1.0
) -> LevelHistory:
    task = replace(TASK, stop=stop, settings=replace(SETTINGS, epochs=epochs))
    _, history = train_level(tiny_pyramid(trained=level), task, ScriptedEngine(loss_at))
    return history


def trained(level: int, task: LevelTask = TASK) -> Outcome:
    return train_level(tiny_pyramid(trained=level), task, PlainEngine())


# Inputs: sigma, rec_prev


@pytest.mark.parametrize("level", [1, 2])
def test_noise_amplitude_is_a_tenth_of_the_error_of_the_reconstruction_input(level: int) -> None:
    pyramid = tiny_pyramid(trained=level)
    for feed in (LevelFeed(), LevelFeed(reconstruction="real_train_rec", reconstruction_upsample="sr")):
        inputs = prepare_inputs(pyramid, replace(TASK, feed=feed))
        rec_prev = reconstruction_input(feed, pyramid)
        error = ((pyramid.reals[level] - rec_prev) ** 2).mean().sqrt()
        assert inputs.noise_amplitude == pytest.approx(0.1 * float(error), rel=1e-12)
        assert torch.equal(inputs.reconstruction_input, rec_prev)
        assert torch.equal(inputs.real, pyramid.reals[level])


def test_noise_amplitude_of_level_0_is_one() -> None:
    inputs = prepare_inputs(tiny_pyramid(), TASK)
    assert inputs.noise_amplitude == 1
    assert not inputs.reconstruction_input.any()
    assert trained(0)[0].noise_amplitude == 1


# Networks and optimisers before the first epoch


def test_level_as_wide_as_the_one_below_starts_from_its_networks() -> None:
    pyramid = tiny_pyramid(trained=1, width=4)
    state = prepare_state(pyramid, TASK)
    below = pyramid.levels[0]
    assert same_state(state_of(state.generator), state_of(below.generator))
    assert same_state(state_of(state.discriminator), state_of(below.discriminator))


def assert_fresh(state: LevelState, width: int, level: int) -> None:
    streams = LevelStreams.of(TASK.seed, TASK.image_digest, level, CPU)
    for network, kind in ((state.generator, Generator), (state.discriminator, Discriminator)):
        fresh = kind(width).double()
        initialise(fresh, streams.init)
        assert same_state(state_of(network), state_of(fresh))


def test_level_of_another_width_starts_afresh() -> None:
    # Four levels of base width 4; level 4 is the first of width 8.
    pyramid = tiny_pyramid(5, trained=4, width=4)
    assert_fresh(prepare_state(pyramid, TASK), width=8, level=4)
    assert_fresh(prepare_state(tiny_pyramid(), TASK), width=4, level=0)


def test_training_does_not_change_the_level_it_started_from() -> None:
    pyramid = tiny_pyramid(trained=1)
    below = pyramid.levels[0]
    before = state_of(below.generator), state_of(below.discriminator)
    level, _ = train_level(pyramid, TASK, PlainEngine())
    assert same_state(state_of(below.generator), before[0])
    assert same_state(state_of(below.discriminator), before[1])
    assert not same_state(state_of(level.generator), before[0])
    assert not any(parameter.requires_grad for parameter in below.generator.parameters())


@pytest.mark.parametrize("level", [0, 1])
def test_networks_are_ready_to_train(level: int) -> None:
    state = prepare_state(tiny_pyramid(trained=level), TASK)
    for network in (state.generator, state.discriminator):
        assert all(module.training for module in network.modules())
        assert all(parameter.requires_grad for parameter in network.parameters())


def test_optimisers_are_fresh_and_published() -> None:
    state = prepare_state(tiny_pyramid(trained=1), TASK)
    for adam, network in (
        (state.generator_adam, state.generator),
        (state.discriminator_adam, state.discriminator),
    ):
        (group,) = adam.param_groups
        assert (group["lr"], group["betas"], group["eps"]) == (5e-4, (0.5, 0.999), 1e-8)
        assert (group["weight_decay"], group["amsgrad"]) == (0, False)
        assert list(map(id, group["params"])) == list(map(id, network.parameters()))
        assert not adam.state


# Stop rules, snapshots and history


def test_dont_train_stops_a_lower_level_after_two_epochs() -> None:
    history = scripted(StopRule("dont_train"))
    assert len(history.losses) == 2
    assert history.stopped_early
    assert [snapshot.epoch for snapshot in history.snapshots] == [0, 1]


def test_small_rec_loss_stops_a_lower_level_once_the_floor_is_passed() -> None:
    history = scripted(SMALL_LOSS, epochs=40, loss_at=lambda epoch: 0.0)
    assert len(history.losses) == 4
    assert history.stopped_early
    assert [snapshot.epoch for snapshot in history.snapshots] == [0, 3]  # every 4, and at the stop


def test_small_rec_loss_waits_for_the_loss() -> None:
    history = scripted(SMALL_LOSS, loss_at=lambda epoch: 0.024 if epoch == 11 else 0.026)
    assert len(history.losses) == 12
    assert history.losses[-1][-1] == pytest.approx(0.024)


@pytest.mark.parametrize("stop", [StopRule("dont_train"), SMALL_LOSS, StopRule()])
def test_last_level_runs_in_full_whatever_the_rule(stop: StopRule) -> None:
    history = scripted(stop, level=2, loss_at=lambda epoch: 0.0)
    assert len(history.losses) == 20
    assert not history.stopped_early


def test_level_that_ends_by_itself_has_not_stopped_early() -> None:
    assert not scripted(StopRule()).stopped_early
    assert not scripted(SMALL_LOSS, loss_at=lambda epoch: 0.0 if epoch == 19 else 1.0).stopped_early


def test_an_early_stop_at_a_snapshot_epoch_is_recorded_once() -> None:
    stop = StopRule("small_rec_loss", after=4, below=0.025)
    history = scripted(stop, epochs=40, loss_at=lambda epoch: 0.0)
    assert [snapshot.epoch for snapshot in history.snapshots] == [0, 4]


def test_snapshots_at_every_tenth_of_the_training_and_at_the_end() -> None:
    assert [shot.epoch for shot in scripted(StopRule(), epochs=30).snapshots] == [*range(0, 30, 3), 29]


def test_history_has_the_losses_of_every_epoch_in_order() -> None:
    history = scripted(StopRule(), epochs=13, loss_at=float)
    assert len(LOSS_NAMES) == 5
    assert LOSS_NAMES[-1] == "reconstruction"
    assert [losses[-1] for losses in history.losses] == list(range(13))
    assert history.losses[5][:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert history.seconds > 0


def test_every_epoch_is_reported() -> None:
    notes = Notebook()
    train_level(tiny_pyramid(), TASK, ScriptedEngine(), notes)
    assert [(report.epochs_done, report.epochs) for report in notes.reports] == [
        (1, 4),
        (2, 4),
        (3, 4),
        (4, 4),
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("stop", [StopRule(), SMALL_LOSS])
def test_loss_that_stops_being_finite_ends_the_training_in_one_line(value: float, stop: StopRule) -> None:
    with pytest.raises(UserError, match=f"loss reconstruction is {value} at epoch 7") as failure:
        scripted(stop, loss_at=lambda epoch: value if epoch == 7 else 1.0)
    assert "\n" not in str(failure.value)


def test_weights_that_explode_end_the_training() -> None:
    task = replace(TASK, settings=replace(SETTINGS, learning_rate=1e200))
    with pytest.raises(UserError, match="training diverged"):
        trained(1, task)


# What comes out of a training


def test_trained_level_is_ready_for_use() -> None:
    level, _ = trained(0)
    assert not level.generator.training
    assert tuple(level.anchor_noise.shape) == (1, 3, 14, 12)
    assert torch.equal(level.anchor_noise[0, 0], level.anchor_noise[0, 2])
    assert not trained(1)[0].anchor_noise.any()


class AnchorsSeen(PlainEngine):
    def __init__(self) -> None:
        self.anchors: list[Tensor] = []

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        result = super().train_epoch(state, inputs, settings)
        self.anchors.append(state.anchor_noise)
        return result


def test_level_0_keeps_the_anchor_noise_of_its_last_epoch() -> None:
    engine = AnchorsSeen()
    level, _ = train_level(tiny_pyramid(), TASK, engine)
    assert torch.equal(level.anchor_noise, engine.anchors[-1])
    assert not torch.equal(level.anchor_noise, engine.anchors[-2])


def test_snapshots_show_the_reconstruction_and_the_fake() -> None:
    pyramid = tiny_pyramid(trained=1)
    level, history = train_level(pyramid, TASK, PlainEngine())
    rec_prev = reconstruction_input(LevelFeed(), pyramid)
    mixed = level.noise_amplitude * level.anchor_noise + rec_prev
    # By the batch's statistics, as the network is still in training then.
    shown = to_pixels(ByHand(level.generator).generate(mixed, rec_prev, training=True))
    last = history.snapshots[-1]
    assert int((last.reconstruction.int() - shown.int()).abs().max()) <= 1
    assert last.fake.shape == last.reconstruction.shape == (18, 15, 3)
    assert last.fake.dtype == last.reconstruction.dtype == torch.uint8
    assert not torch.equal(last.fake, last.reconstruction)


def states_of(level: TrainedLevel) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return state_of(level.generator), state_of(level.discriminator)


def assert_same_training(one: Outcome, other: Outcome) -> None:
    assert all(map(same_state, states_of(one[0]), states_of(other[0])))
    assert torch.equal(one[0].anchor_noise, other[0].anchor_noise)
    assert one[0].noise_amplitude == other[0].noise_amplitude
    assert one[1].losses == other[1].losses


@pytest.mark.parametrize("level", [0, 1, 2])
def test_same_seed_trains_bit_identically_whatever_else_was_drawn(level: int) -> None:
    first = trained(level)
    torch.randn(3)
    assert_same_training(first, trained(level))


@pytest.mark.parametrize("change", [{"seed": 4}, {"image_digest": "bb"}])
def test_seed_and_image_decide_the_random_numbers(change: dict[str, str]) -> None:
    assert trained(0)[1].losses != trained(0, replace(TASK, **change))[1].losses  # type: ignore[arg-type]


@dataclass(frozen=True)
class RarelyWatched(TrainingSettings):
    """Settings that take no snapshot but the last."""

    def is_snapshot_epoch(self, epoch: int) -> bool:
        return epoch == self.epochs - 1


@pytest.mark.parametrize("level", [0, 1])
def test_taking_snapshots_does_not_change_the_training(level: int) -> None:
    unwatched = trained(level, replace(TASK, settings=RarelyWatched(epochs=4, base_width=4)))
    watched = trained(level)
    assert [len(history.snapshots) for _, history in (unwatched, watched)] == [1, 4]
    assert_same_training(unwatched, watched)


@pytest.mark.parametrize("level", [0, 1])
def test_global_randomness_is_left_alone(level: int) -> None:
    pyramid, before = tiny_pyramid(trained=level), torch.get_rng_state()
    train_level(pyramid, TASK, PlainEngine())
    assert torch.equal(torch.get_rng_state(), before)


class RatesSeen(PlainEngine):
    def __init__(self) -> None:
        self.rates: list[float] = []

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        result = super().train_epoch(state, inputs, settings)
        self.rates.append(state.generator_adam.param_groups[0]["lr"])
        return result


def test_last_fifth_of_the_epochs_is_trained_at_a_tenth_of_the_rate() -> None:
    engine = RatesSeen()
    train_level(tiny_pyramid(), replace(TASK, settings=replace(SETTINGS, epochs=10)), engine)
    assert engine.rates == pytest.approx([5e-4] * 8 + [5e-5] * 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_whole_pyramid_trains_in_the_precision_of_its_images(dtype: torch.dtype) -> None:
    pyramid, task = tiny_pyramid(dtype=dtype), replace(TASK, settings=replace(SETTINGS, epochs=2))
    for _ in range(3):
        level, history = train_level(pyramid, task, PlainEngine())
        pyramid = pyramid.with_level(level)
        assert all(math.isfinite(value) for losses in history.losses for value in losses)
        assert precisions(level.generator) == precisions(level.discriminator) == {dtype}
        assert level.anchor_noise.dtype == dtype


def precisions(network: nn.Module) -> set[torch.dtype]:
    return {value.dtype for value in network.state_dict().values() if value.is_floating_point()}


def test_training_lowers_the_reconstruction_loss() -> None:
    history = trained(1, replace(TASK, settings=replace(SETTINGS, epochs=30)))[1]
    assert history.losses[-1][-1] < 0.8 * history.losses[0][-1]


# Interruptions

BRIEF = replace(TASK, settings=replace(SETTINGS, epochs=20, discriminator_steps=1, generator_steps=1))
"""Snapshots at every other epoch; the learning rate drops after 16."""


def train_with_breaks(level: int, notes: Notebook, engine: Engine, task: LevelTask = BRIEF) -> Outcome:
    """Start again, as in a new process, whenever the callback stops the training."""
    while True:
        try:
            return train_level(tiny_pyramid(trained=level), task, engine, notes)
        except InterruptedTrainingError:
            assert notes.kept is not None


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("stop_after", [(1,), (2,), (17,), (3, 4, 9), tuple(range(1, 20))])
def test_interrupted_level_resumes_bit_identically(level: int, stop_after: tuple[int, ...]) -> None:
    notes = Notebook(*stop_after)
    resumed, expected = train_with_breaks(level, notes, PlainEngine()), trained(level, BRIEF)
    assert len(notes.reports) == 20  # no epoch was trained twice
    assert_same_training(resumed, expected)
    for shot, original in zip(resumed[1].snapshots, expected[1].snapshots, strict=True):
        assert shot.epoch == original.epoch
        assert torch.equal(shot.reconstruction, original.reconstruction)
        assert torch.equal(shot.fake, original.fake)


class KilledOnce(PlainEngine):
    """Fails in the middle of an epoch, as if the process had been killed."""

    killed = False

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        result = super().train_epoch(state, inputs, settings)
        if state.epochs_done == 10 and not self.killed:
            self.killed = True
            raise InterruptedTrainingError
        return result


def test_killed_level_resumes_bit_identically_from_its_last_snapshot() -> None:
    notes = Notebook()
    resumed = train_with_breaks(1, notes, KilledOnce())
    assert [report.epochs_done for report in notes.reports] == [*range(1, 11), *range(10, 21)]  # kept after 9
    assert_same_training(resumed, trained(1, BRIEF))


def test_training_is_kept_at_every_snapshot_but_the_last_and_at_an_interruption() -> None:
    notes = Notebook(4)
    with pytest.raises(InterruptedTrainingError):
        train_level(tiny_pyramid(), BRIEF, PlainEngine(), notes)
    assert notes.kept_at == [1, 3, 4]
    train_level(tiny_pyramid(), BRIEF, PlainEngine(), notes)
    assert notes.kept_at == [1, 3, 4, *range(5, 20, 2)]


def test_training_that_ends_is_never_interrupted() -> None:
    notes = Notebook(20)
    _, history = train_level(tiny_pyramid(), BRIEF, PlainEngine(), notes)
    assert len(history.losses) == 20
    assert not history.stopped_early


def test_stop_rule_holds_over_an_interruption() -> None:
    task = replace(BRIEF, stop=StopRule("small_rec_loss", after=6, below=0.025))
    engine = ScriptedEngine(lambda epoch: 0.0)
    _, history = train_with_breaks(1, Notebook(5), engine, task)
    assert len(history.losses) == 7
    assert history.stopped_early


def test_time_before_an_interruption_counts() -> None:
    notes = Notebook(4)
    with pytest.raises(InterruptedTrainingError):
        train_level(tiny_pyramid(), BRIEF, ScriptedEngine(), notes)
    assert notes.kept is not None
    state, history = prepare_state(tiny_pyramid(), BRIEF), LevelHistory()
    restore_training(notes.kept, state, history)
    before, processor_before = history.seconds, history.processor_seconds
    _, history = train_level(tiny_pyramid(), BRIEF, ScriptedEngine(), notes)
    assert history.seconds > before > 0
    assert history.processor_seconds > processor_before > 0


def test_a_training_kept_without_processor_time_goes_on_and_does_not_guess_it() -> None:
    notes = Notebook(4)
    with pytest.raises(InterruptedTrainingError):
        train_level(tiny_pyramid(), BRIEF, ScriptedEngine(), notes)
    assert notes.kept is not None
    tensors = safetensors.torch.load(notes.kept)
    del tensors["processor_seconds"]
    notes.kept = safetensors.torch.save(tensors)
    _, history = train_level(tiny_pyramid(), BRIEF, ScriptedEngine(), notes)
    assert history.seconds > 0
    assert math.isnan(history.processor_seconds)


def test_waiting_costs_wall_time_and_no_processor_time() -> None:
    def wait(epoch: int) -> float:
        time.sleep(0.05)
        return 1.0

    history = scripted(StopRule(), epochs=4, loss_at=wait)
    assert history.seconds >= 0.2
    assert history.processor_seconds < history.seconds / 2


def test_warming_up_changes_nothing_that_is_trained() -> None:
    expected, history = train_level(tiny_pyramid(trained=1), TASK, PlainEngine())
    warm_up(tiny_pyramid(trained=1), TASK, PlainEngine())
    level, same_history = train_level(tiny_pyramid(trained=1), TASK, PlainEngine())
    assert dump_level(level) == dump_level(expected)
    assert same_history.losses == history.losses
