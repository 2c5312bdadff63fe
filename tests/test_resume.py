"""Whatever stops a training, it ends bit-identical to one that was never stopped."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.tiny import tiny_pyramid
from helpers.tiny_study import TinyStudy
from runner.execution.execute import Execution
from runner.execution.resources import Resources
from runner.progress import PlainProgress
from runner.record.results import Results
from runner.store.store import HISTORY, WEIGHTS, Store
from singan.checkpoint import dump_level
from singan.engines.plain import PlainEngine
from singan.errors import UserError
from singan.level import (
    EpochReport,
    InterruptedTrainingError,
    LevelHistory,
    LevelState,
    LevelTask,
    TrainingCallback,
    prepare_state,
    train_level,
)
from singan.resume import dump_training, restore_training
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

SETTINGS = TrainingSettings(epochs=12, base_width=4)
TASK = LevelTask(LevelFeed(), StopRule(), SETTINGS, 0, "picture")
KILLS = 20


class Desk(TrainingCallback):
    """Keeps a training in memory, and stops it after some epochs."""

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.stop_after: int | None = None
        self._done = 0

    def restore(self, state: LevelState, history: LevelHistory) -> None:
        if self.kept is not None:
            restore_training(self.kept, state, history)

    def keep(self, state: LevelState, history: LevelHistory) -> None:
        self.kept = dump_training(state, history)

    def epoch_done(self, report: EpochReport) -> None:
        self._done = report.epochs_done

    def wants_stop(self) -> bool:
        return self._done == self.stop_after


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("stops", [[1], [5], [11], [3, 4, 9]], ids=str)
@pytest.mark.parametrize("interval", [1, 5])
def test_interrupted_level_resumes_bit_identically(level: int, stops: list[int], interval: int) -> None:
    settings = replace(SETTINGS, epochs=12 if interval == 1 else 50)
    task = replace(TASK, settings=settings)
    expected, expected_history = train_level(tiny_pyramid(trained=level), task, PlainEngine())
    desk = Desk()
    for desk.stop_after in stops:
        with pytest.raises(InterruptedTrainingError):
            train_level(tiny_pyramid(trained=level), task, PlainEngine(), desk)
    desk.stop_after = None
    resumed, history = train_level(tiny_pyramid(trained=level), task, PlainEngine(), desk)
    assert dump_level(resumed) == dump_level(expected)
    assert history.losses == expected_history.losses
    assert [shot.epoch for shot in history.snapshots] == [s.epoch for s in expected_history.snapshots]
    for shot, other in zip(history.snapshots, expected_history.snapshots, strict=True):
        assert torch.equal(shot.reconstruction, other.reconstruction)
        assert torch.equal(shot.fake, other.fake)


def test_time_adds_up_over_interruptions() -> None:
    desk = Desk()
    desk.stop_after = 6
    with pytest.raises(InterruptedTrainingError):
        train_level(tiny_pyramid(), TASK, PlainEngine(), desk)
    assert desk.kept is not None
    kept = LevelHistory()
    restore_training(desk.kept, prepare_state(tiny_pyramid(), TASK), kept)
    desk.stop_after = None
    _, history = train_level(tiny_pyramid(), TASK, PlainEngine(), desk)
    assert history.seconds > kept.seconds > 0


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "garbage", "another level"])
def test_what_is_no_training_is_refused_in_one_line(damage: bytes | None) -> None:
    desk = Desk()
    desk.stop_after = 1
    with pytest.raises(InterruptedTrainingError):
        train_level(tiny_pyramid(), TASK, PlainEngine(), desk)
    assert desk.kept is not None
    wider = replace(TASK, settings=replace(SETTINGS, base_width=8))
    state = prepare_state(tiny_pyramid(), wider)
    with pytest.raises(UserError, match="not a training in progress") as refused:
        restore_training(desk.kept if damage is None else damage, state, LevelHistory())
    assert "\n" not in str(refused.value)


def _work(study: Path, folder: Path, die_at_write: int | None) -> None:
    """The whole tiny study, as a process of its own; killed in the middle of a write if asked to."""
    torch.set_num_threads(1)
    if die_at_write is not None:
        _sabotage_write(die_at_write)
    store = Store(folder / "store")
    store.prepare()
    tiny = TinyStudy(study)
    execution = Execution(tiny.plan(), tiny.images, store, Resources(), PlainProgress())
    execution.run_all(Results(folder / "results", "tiny"), str)


def _sabotage_write(number: int) -> None:
    """Half of the `number`th file gets written, then the process is gone."""
    written = 0
    real = os.fsync

    def fsync(fd: Any) -> None:
        nonlocal written
        written += 1
        if written == number:
            os.ftruncate(fd, os.fstat(fd).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        real(fd)

    os.fsync = fsync


def _finished(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in (WEIGHTS, HISTORY, "picture.webp")
        for path in folder.glob(f"store/*/*/{name}")
        if not path.parent.name.startswith(".")
    }


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_no_bit(
    tiny_study: TinyStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_study.edit("epochs = 2", "epochs = 8")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["runner.execution.execute"])

    def start(folder: Path, die_at_write: int | None = None) -> multiprocessing.process.BaseProcess:
        process = processes.Process(target=_work, args=(tiny_study.path, folder, die_at_write))
        process.start()
        return process

    begun = time.monotonic()
    whole = start(tmp_path / "whole")
    whole.join()
    assert whole.exitcode == 0
    seconds = time.monotonic() - begun

    dice, killed, rounds = random.Random(0), 0, 0
    while killed < KILLS:
        rounds += 1
        folder = tmp_path / f"killed-{rounds}"
        while True:
            die_at_write = dice.randint(1, 40) if killed % 2 and killed < KILLS else None
            process = start(folder, die_at_write)
            process.join(None if die_at_write or killed >= KILLS else dice.uniform(0.05, seconds / 2))
            process.kill()
            process.join()
            if process.exitcode == 0:
                break
            assert process.exitcode == -signal.SIGKILL
            killed += 1
        assert _finished(folder) == _finished(tmp_path / "whole")
    with capsys.disabled():
        print(f"\n{killed} kills in {rounds} runs: every result bit-identical")  # noqa: T201
