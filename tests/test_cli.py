"""The commands end to end, on a study small enough to train in a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

from helpers.outcomes import refused
from helpers.shell import SINGAN, STUDY, TINY, Shell
from helpers.tiny_study import TinyStudy
from runner.commands import exit_status


def test_from_a_study_to_a_site(singan: Shell, tmp_path: Path) -> None:
    status, out, _ = singan("run", *TINY, "--dry-run")
    assert status == 0
    assert out.splitlines()[0] == (
        "tiny: 6 runs, 12 level trainings (16 without sharing); 0 done, 12 to train"
    )
    assert not (tmp_path / "store").exists()

    status, out, _ = singan("run", *TINY)
    assert status == 0
    assert out.splitlines()[-1] == "6 of 6 runs done; 12 levels trained now"

    status, out, _ = singan("status", *TINY)
    assert status == 0
    assert out.splitlines()[-1] == "tiny: 6 done, 0 imported, 0 failed, 0 missing of 6 runs"

    status, out, _ = singan("build-site", *STUDY)
    assert status == 0
    assert (tmp_path / "site" / "index.html").is_file()
    for experiment in ("original", "stopped", "real", "sr"):
        assert (tmp_path / "site" / "experiments" / f"{experiment}.html").is_file()


def test_the_store_can_be_looked_after(singan: Shell, tmp_path: Path) -> None:
    singan("run", *TINY, "--experiment", "original", "--image", "stripes")
    # Two levels, a picture, and the metrics of it and of three plain enlargements.
    assert singan("store", "verify")[:2] == (
        0,
        "7 entries whole, 0 not; what is not is trained again when a run needs it\n",
    )
    assert singan("store", "du")[1].splitlines()[-1].endswith("MB  total")
    (weights, *_) = (tmp_path / "store" / "levels").glob("*/level.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x55")
    status, out, _ = singan("store", "verify")
    assert status == exit_status.FAILED
    assert "wrong checksum" in out
    (tmp_path / "store" / "damaged").mkdir()
    (tmp_path / "store" / "damaged" / "old").write_bytes(b"")
    assert singan("store", "gc", "--dry-run")[1].endswith("1 paths, 0.0 MB could go\n")
    assert singan("store", "gc")[1].endswith("1 paths, 0.0 MB removed\n")
    assert not (tmp_path / "store" / "damaged" / "old").exists()


def test_status_tells_what_is_missing_before_anything_ran(singan: Shell) -> None:
    status, out, _ = singan("status", *TINY)
    assert status == 0
    assert out.splitlines()[-1] == "tiny: 0 done, 0 imported, 0 failed, 6 missing of 6 runs"
    assert "levels 0, 1, 2: new" in out


def test_list_names_every_experiment_with_its_difference(singan: Shell) -> None:
    status, out, _ = singan("list", *STUDY)
    assert status == 0
    assert "adversarial: lower rand, last real_train" in out
    assert "stop: dont_train" in out


def test_all_images_runs_every_experiment_everywhere(singan: Shell) -> None:
    _, out, _ = singan("run", *TINY, "--all-images", "--dry-run")
    # 14, but that on stripes, with its two levels, `real` is the original.
    assert out.startswith("tiny: 8 runs, 13 level trainings (20 without sharing)")


def test_super_resolve_enlarges_ones_own_picture_and_trains_it_once(singan: Shell, tmp_path: Path) -> None:
    PIL.Image.new("L", (21, 19), 90).save(tmp_path / "mine.png")
    command = ("super-resolve", "mine.png", *TINY, "--factor", "1.5", "-o", "big.png")
    status, out, _ = singan(*command)
    assert status == 0
    assert out.splitlines()[-1] == "big.png: 31x28, tiny profile (2 epochs), original"
    with PIL.Image.open(tmp_path / "big.png") as big:
        assert big.size == (31, 28)
    first = (tmp_path / "big.png").read_bytes()
    status, out, _ = singan(*command)
    assert status == 0
    assert "trained" not in out
    assert (tmp_path / "big.png").read_bytes() == first


def test_ones_own_folder_replaces_the_images(singan: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    PIL.Image.new("RGB", (20, 18), (9, 99, 199)).save(tmp_path / "mine" / "My Cat.png")
    _, out, _ = singan("run", *TINY, "--images-from", "mine", "--dry-run", "--experiment", "real")
    assert "my-cat level 1" in out


def test_a_run_that_fails_exits_1_with_its_reason(singan: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("runner.execution.carry_out.train_level", hungry)
    status, out, err = singan("run", *TINY, "--experiment", "sr")
    assert status == exit_status.FAILED
    assert "0 of 1 runs done, 1 failed" in out
    assert "sr on dots: level 0: out of memory" in err
    _, out, _ = singan("status", *TINY, "--experiment", "sr")
    assert "failed    sr on dots  level 0: out of memory" in out


@pytest.mark.parametrize("command", ["verify", "du", "gc"])
@pytest.mark.parametrize("folder", ["mistyped", "empty", "full"])
def test_a_folder_that_is_no_store_is_not_looked_after(
    command: str, folder: str, singan: Shell, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    assert f"{folder}: is no store; name " in refused(singan("store", command, "--store", folder))


@pytest.mark.parametrize(
    ("encoding", "command", "said"),
    [
        ("utf-8", ("store", "gc", "--dry-run"), b"damaged/\\udcff"),
        ("latin-1", ("store", "gc", "--dry-run"), b"damaged/\\udcff"),
        ("latin-1", ("list", *STUDY), b"\\u221a original"),
    ],
)
def test_names_the_terminal_cannot_show_are_told_all_the_same(
    encoding: str, command: tuple[str, ...], said: bytes, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit('title = "Original"', 'title = "\\u221a original"')
    (tmp_path / "store" / "damaged" / "\udcff").mkdir(parents=True)
    (tmp_path / "store" / "format").write_text("1\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([*SINGAN, *command], cwd=tmp_path, capture_output=True, check=True, env=environment)
    assert said in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize(
    "arguments",
    [("lis\nt",), ("list", "a\nb"), ("list", "--study", "a\nb"), ("list", "--study", "a\nb/" * 99)],
)
def test_a_refusal_is_one_line_whatever_is_quoted_in_it(arguments: tuple[str, ...], singan: Shell) -> None:
    status, _, err = singan(*arguments)
    assert status == exit_status.USAGE
    assert err.startswith("singan: ")
    assert len(err.splitlines()) == 1


def test_an_interrupted_run_says_how_to_go_on(singan: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runner.execution.carry_out.train_level", interrupted)
    status, _, err = singan("run", *TINY)
    assert status == exit_status.INTERRUPTED
    assert "the same command goes on from what is kept" in err


@pytest.mark.parametrize(
    ("command", "unloaded"),
    [
        (("--help",), ("torch", "numpy", "pydantic", "PIL", "rich")),
        (("list", *STUDY), ("torch",)),
        (("run", *TINY, "--dry-run"), ("torch",)),
        (("status", *TINY), ("torch",)),
    ],
    ids=lambda value: value[0],
)
def test_commands_load_only_what_they_need(
    tiny_study: TinyStudy, tmp_path: Path, command: tuple[str, ...], unloaded: tuple[str, ...]
) -> None:
    program = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print([m for m in {unloaded!r} if m in sys.modules], file=sys.stderr))\n"
        "from runner.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"
