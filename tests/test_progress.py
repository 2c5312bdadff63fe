from __future__ import annotations

import pytest
from rich.console import Console

from runner.progress import LiveProgress, PlainProgress, duration, showing_progress


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
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


def test_plain_lines_do_not_come_every_epoch() -> None:
    progress = PlainProgress()
    progress.start("level 0", 1)
    assert not progress.wants_update()


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
