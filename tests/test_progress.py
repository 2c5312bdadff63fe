from __future__ import annotations

import sys

import pytest
from rich.console import Console

from runner.progress import LiveProgress, PlainProgress, duration, showing_progress


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.04 s"), (59.9, "59.9 s"), (60, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_without_a_terminal_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with showing_progress() as progress:
        assert isinstance(progress, PlainProgress)
        progress.begin(2)
        progress.start("level 0", 1)
        progress.update(0.5, "epoch 1 of 2")
        progress.finish("trained in 1.0 s")
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("level 0: 50%, epoch 1 of 2, ")
    assert last.startswith("level 0: trained in 1.0 s, ")


def test_of_several_tasks_plain_lines_tell_the_share_of_all_the_work_which_never_falls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = PlainProgress()
    progress.begin(10)
    progress.update_several(3.9, 4, "a 95%; b 99%")
    progress.start("b", 2)
    progress.finish("trained in 1.0 s")
    progress.update_several(1.9, 6, "a 95%; c 0%")
    first, _, last = capsys.readouterr().out.splitlines()
    assert first.startswith("39% of the work: a 95%; b 99%, ")
    assert last.startswith("39% of the work: a 95%; c 0%, ")


def test_plain_lines_do_not_come_every_epoch() -> None:
    progress = PlainProgress()
    progress.start("level 0", 1)
    assert not progress.wants_update()


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("runner.progress.time.monotonic", clock)
    return clock


def test_the_time_left_is_estimated_from_the_work_done(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = PlainProgress()
    progress.begin(10)
    progress.start("level 0", 2)
    clock.now += 1
    progress.update(0.25, "soon")  # a second is too little to go by
    clock.now += 29
    progress.update(0.5, "half")
    clock.now += 30
    progress.finish("trained")
    progress.start("the rest, and more than was planned", 9)
    clock.now += 270
    progress.finish("trained")
    assert [line.rpartition(", ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "estimating the time left",
        "about 4 min 30 s left",
        "about 4 min 00 s left",
        "about 0.00 s left",
    ]


def test_no_time_left_is_made_up_for_work_nobody_told_of(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = PlainProgress()
    progress.start("level 0", 2)
    clock.now += 60
    progress.update(0.5, "half")
    assert capsys.readouterr().out == "level 0: 50%, half, estimating the time left\n"


@pytest.mark.parametrize(("kind", "seconds"), [(PlainProgress, 15.0), (LiveProgress, 0.2)])
def test_updates_are_wanted_now_and_then(
    kind: type[PlainProgress | LiveProgress], seconds: float, clock: Clock
) -> None:
    progress = kind()
    progress.begin(1)
    progress.start("level 0", 1)
    progress.update(0.1, "epoch 1")
    clock.now += 0.9 * seconds
    assert not progress.wants_update()
    clock.now += 0.2 * seconds
    assert progress.wants_update()


def test_a_terminal_gets_bars_for_as_long_as_the_work_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with showing_progress() as progress:
        assert isinstance(progress, LiveProgress)
        assert progress._bars.live.is_started
    assert not progress._bars.live.is_started


def test_a_terminal_sees_bars_and_markup_in_names_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = LiveProgress()
    console = Console(record=True, force_terminal=True, width=100)
    progress._bars.live.console = console
    with progress.shown():
        progress.begin(1)
        progress.start("[bold]level 0", 1)
        progress.update(0.5, "epoch 1 of 2")
        progress.finish("trained")
    text = console.export_text()
    assert "[bold]level 0: trained" in text
    assert "100%" in text
