"""Levels that stop, or are annealed, once their reconstruction loss no longer falls (algorithm.md 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from helpers.tiny import tiny_pyramid
from singan.checkpoint import dump_level
from singan.engines.batched import BatchedEngine
from singan.engines.plain import PlainEngine
from singan.level import (
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
)
from singan.resume import dump_training, restore_training
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

SETTINGS = TrainingSettings(epochs=40, base_width=4)
PLATEAU = StopRule("plateau", after=9, window=4, gain=0.02)
ANNEAL = replace(PLATEAU, name="plateau_anneal", anneal=5)
FULL, DROPPED = SETTINGS.learning_rate, SETTINGS.learning_rate * 0.1


class Scripted:
    """Trains nothing: says the losses it was given, and remembers the learning rates it was to use."""

    def __init__(self, loss_at: Callable[[int], float]) -> None:
        self.loss_at, self.rates = loss_at, list[float]()

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        self.rates.append(state.learning_rate(settings))
        return EpochResult(torch.tensor([0.0, 0.0, 0.0, 0.0, self.loss_at(state.epochs_done)]), inputs.real)


def flat_from(epoch: int) -> Callable[[int], float]:
    """Falls by a tenth an epoch, then no more."""
    return lambda now: float(0.9 ** min(now, epoch))


def rates(stop: StopRule, loss_at: Callable[[int], float], *, level: int = 1) -> list[float]:
    engine = Scripted(loss_at)
    train_level(tiny_pyramid(trained=level), LevelTask(LevelFeed(), stop, SETTINGS, 0, "aa"), engine)
    return engine.rates


@pytest.mark.parametrize("flat", [0, 14, 20])
def test_a_level_stops_once_its_loss_no_longer_falls(flat: int) -> None:
    # Medians differ while more than two of eight epochs still fall, and by less than 2 % one epoch later.
    stopped = len(rates(PLATEAU, flat_from(flat)))
    assert stopped == max(
        10, next(n for n in range(8, 41) if PLATEAU.is_plateau([*map(flat_from(flat), range(n))]))
    )
    assert flat <= stopped <= max(10, flat + 8)


def test_a_plateau_is_sought_after_the_scheduled_drop_too_and_then_ends_the_level() -> None:
    assert rates(PLATEAU, flat_from(31)) == [FULL] * 32 + [DROPPED] * (
        len(rates(PLATEAU, flat_from(31))) - 32
    )
    assert len(rates(PLATEAU, flat_from(31))) < 40


def test_the_last_level_does_not_heed_a_plateau() -> None:
    assert len(rates(PLATEAU, flat_from(0), level=2)) == 40


@pytest.mark.parametrize("level", [1, 2])
def test_annealing_drops_the_rate_at_a_plateau_and_ends_soon_after_at_the_last_level_too(level: int) -> None:
    assert rates(ANNEAL, flat_from(0), level=level) == [FULL] * 10 + [DROPPED] * 5


def test_without_a_plateau_annealing_changes_nothing() -> None:
    assert rates(ANNEAL, flat_from(40)) == [FULL] * 32 + [DROPPED] * 8


def test_once_the_rate_has_dropped_as_scheduled_no_plateau_is_sought() -> None:
    assert rates(ANNEAL, flat_from(31)) == [FULL] * 32 + [DROPPED] * 8


def test_a_plateau_shortly_before_the_scheduled_drop_anneals_as_long_as_epochs_are_left() -> None:
    longer = replace(ANNEAL, after=29, anneal=20)
    assert rates(longer, flat_from(0)) == [FULL] * 30 + [DROPPED] * 10


def test_both_engines_train_at_the_dropped_rate() -> None:
    pyramid = tiny_pyramid(trained=1)
    task = LevelTask(LevelFeed(), ANNEAL, SETTINGS, 0, "aa")
    for engine in (PlainEngine(), BatchedEngine()):
        inputs, state = prepare_inputs(pyramid, task), prepare_state(pyramid, task)
        state.annealing_since = 0
        engine.train_epoch(state, inputs, SETTINGS)
        for adam in (state.generator_adam, state.discriminator_adam):
            assert adam.param_groups[0]["lr"] == DROPPED


class Desk(TrainingCallback):
    """Keeps a training in memory, and stops it after some epochs."""

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.stop_after, self.done = 0, 0

    def restore(self, state: LevelState, history: LevelHistory) -> None:
        if self.kept is not None:
            restore_training(self.kept, state, history)

    def keep(self, state: LevelState, history: LevelHistory) -> None:
        self.kept = dump_training(state, history)

    def epoch_done(self, report: EpochReport) -> None:
        self.done = report.epochs_done

    def wants_stop(self) -> bool:
        return self.done == self.stop_after


@pytest.mark.parametrize("stops", [[2], [6], [7], [3, 6, 8]], ids=str)
def test_an_interrupted_annealing_resumes_bit_identically(stops: list[int]) -> None:
    """Every loss is a plateau here from epoch 6 on, whatever the seed: its gain cannot be had."""
    rule = replace(ANNEAL, after=5, window=2, gain=0.999, anneal=3)
    task = LevelTask(LevelFeed(), rule, replace(SETTINGS, epochs=12), 0, "aa")
    expected, expected_history = train_level(tiny_pyramid(trained=1), task, PlainEngine())
    assert len(expected_history.losses) == 9
    assert expected_history.stopped_early
    desk = Desk()
    for desk.stop_after in stops:
        with pytest.raises(InterruptedTrainingError):
            train_level(tiny_pyramid(trained=1), task, PlainEngine(), desk)
    desk.stop_after = 0
    resumed, history = train_level(tiny_pyramid(trained=1), task, PlainEngine(), desk)
    assert dump_level(resumed) == dump_level(expected)
    assert history.losses == expected_history.losses
