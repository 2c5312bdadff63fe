from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import psutil
import pytest
import torch
from safetensors.torch import load, save

from helpers.cluster import alone, made_in, until
from helpers.terminal import Terminal
from helpers.tiny_study import TinyStudy
from runner.cli import main
from runner.commands import exit_status
from runner.commands.options import DURATION
from runner.execution.interrupt import TimeLimitReachedError, interruptible
from runner.store.store import WEIGHTS, Store


def test_the_first_signal_only_asks_and_leaving_tells_of_it() -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptible(said.append) as asked:
        os.kill(os.getpid(), signal.SIGINT)
        assert asked.is_set()
        raise RuntimeError("how the work got out")
    assert said == ["stopping after this epoch; once more stops at once"]


def test_the_second_signal_stops_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible(lambda line: None) as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on after the second signal")


def test_errors_of_the_work_pass_and_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="own"), interruptible(print):
        raise ValueError("own")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_ctrl_c_keeps_the_epochs_done_and_says_how_to_go_on(tiny_study: TinyStudy, tmp_path: Path) -> None:
    tiny_study.edit("epochs = 2", "epochs = 3000")
    singan = [sys.executable, "-c", "from runner.cli import main; main()", "run", "--study", "study.toml"]
    only = ["--profile", "tiny", "--experiment", "original", "--image", "stripes"]
    process = subprocess.Popen(
        [*singan, *only], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    partial = tmp_path / "store" / "partial"
    while not any(partial.glob("[0-9a-f]*")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == exit_status.INTERRUPTED
    assert "stopping after this epoch" in out
    assert err.splitlines()[-1] == "singan: stopped; the same command goes on from what is kept"
    (kept,) = partial.glob("[0-9a-f]*")
    assert kept.stat().st_size > 0


def two_processes(tiny: TinyStudy, folder: Path) -> Terminal:
    """Two pictures at a time, in a terminal."""
    study = ("--study", str(tiny.path), "--profile", "tiny", "--experiment", "original")
    return Terminal("run", *study, "--jobs", "2", folder=folder)


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_keeps_what_two_processes_are_at_and_leaves_neither(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit("epochs = 2\n", "epochs = 40\n")
    partial = tmp_path / "store" / "partial"
    first = two_processes(tiny_study, tmp_path)
    until(lambda: len(list(partial.glob("[0-9a-f]*"))) == 2, 120)
    first.press_ctrl_c()
    assert first.wait(120) == exit_status.INTERRUPTED, first.said
    assert "Traceback" not in first.said
    until(lambda: not first.children(), 10)
    store = Store(tmp_path / "store")
    kept = {path.name: store.read_partial(path.name) for path in partial.glob("[0-9a-f]*")}
    assert kept
    for key, data in kept.items():  # so that it shows whether these are gone on with
        assert data is not None
        store.keep_partial(key, save({**load(data), "seconds": torch.tensor(1e6, dtype=torch.float64)}))

    second = two_processes(tiny_study, tmp_path)
    assert second.wait(300) == 0, second.said
    assert made_in(tmp_path) == alone(tiny_study, tmp_path / "alone", "original")
    for key in kept:
        entry = store.find("levels", key)
        assert entry is not None
        assert entry.facts["seconds"] > 1e6


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_while_two_processes_start_is_quiet(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    terminal = two_processes(tiny_study, tmp_path)
    until(lambda: sum("spawn_main" in command for command in commands(terminal)) == 2, 120)
    terminal.press_ctrl_c()
    assert terminal.wait(120) == exit_status.INTERRUPTED, terminal.said
    assert "Traceback" not in terminal.said
    until(lambda: not terminal.children(), 10)


def commands(terminal: Terminal) -> list[str]:
    found = []
    for process in terminal.children():
        with suppress(psutil.NoSuchProcess):
            found.append(" ".join(process.cmdline()))
    return found


def test_the_time_limit_asks_and_leaving_tells_of_it() -> None:
    said: list[str] = []
    with pytest.raises(TimeLimitReachedError), interruptible(said.append, 0.0) as asked:
        assert asked.wait(10)
        raise RuntimeError("how the work got out")
    assert said == ["the time is up; stopping after this epoch"]


def test_work_that_is_done_in_time_is_not_called_stopped() -> None:
    with interruptible(print, 3600.0) as asked:
        assert not asked.is_set()
    with interruptible(lambda line: None, 0.0) as asked:
        assert asked.wait(10)  # the last task ended after the limit, but it ended


def test_a_person_counts_for_more_than_the_clock() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible(lambda line: None, 0.0) as asked:
        assert asked.wait(10)
        os.kill(os.getpid(), signal.SIGINT)  # the first, so it only asks
        raise RuntimeError("how the work got out")


@pytest.mark.slow
def test_a_run_that_hits_its_time_limit_ends_bit_identical_in_the_end(
    tiny_study: TinyStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tiny_study.edit("epochs = 2", "epochs = 100")
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> tuple[object, str]:
        only = [
            "--study",
            "study.toml",
            "--profile",
            "tiny",
            "--experiment",
            "original",
            "--image",
            "stripes",
        ]
        monkeypatch.setattr(sys, "argv", ["singan", "run", *only, *options])
        try:
            main()
        except SystemExit as end:
            return end.code, capsys.readouterr().err
        return 0, capsys.readouterr().err

    assert run("--store", "whole", "--results", "whole-results") == (0, "")
    told = "singan: the time is up; the same command goes on from what is kept\n"
    assert run("--time-limit", "0s") == (exit_status.TIME_LIMIT, told)
    # How far each of these gets depends on the machine; whether it stops or ends, it has to say so.
    assert {run("--time-limit", "1s") for _ in range(3)} <= {(exit_status.TIME_LIMIT, told), (0, "")}
    assert run("--time-limit", "1h") == (0, "")
    levels = [path.relative_to("whole") for path in Path("whole/levels").glob(f"*/{WEIGHTS}")]
    assert len(levels) == 2
    for level in levels:
        assert (Path("store") / level).read_bytes() == (Path("whole") / level).read_bytes()


@pytest.mark.parametrize(("words", "seconds"), [("90s", 90), ("150m", 9000), ("2h", 7200), ("1h30m", 5400)])
def test_a_time_limit_is_hours_minutes_and_seconds(words: str, seconds: float) -> None:
    assert DURATION.convert(words, None, None) == seconds


@pytest.mark.parametrize("words", ["", "150", "1.5h", "m", "-3m", "30m1h", "1h 30m"])
def test_what_is_no_time_is_refused_in_one_line(words: str) -> None:
    with pytest.raises(click.BadParameter, match="write it as 90s, 150m, 2h or 1h30m"):
        DURATION.convert(words, None, None)
