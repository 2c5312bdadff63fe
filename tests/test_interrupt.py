from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TinyStudy

from runner.cli import EXIT_INTERRUPTED
from runner.interrupt import interruptible


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
    assert process.returncode == EXIT_INTERRUPTED
    assert "stopping after this epoch" in out
    assert err.splitlines()[-1] == "singan: stopped; the same command goes on from what is kept"
    (kept,) = partial.glob("[0-9a-f]*")
    assert kept.stat().st_size > 0
