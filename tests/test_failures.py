"""What goes wrong while a study runs: one clear line, the other runs done, and nothing finished lost."""

from __future__ import annotations

import errno
import html
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
import torch

from helpers.shell import STUDY, TINY, Shell
from helpers.tiny_study import TinyStudy
from runner.commands import exit_status
from runner.execution.assignment import Ended, Event, LevelMade
from runner.execution.executors.pool import ProcessPool
from runner.record.results import Results
from runner.record.schema import RunRecord
from runner.store.maintenance import rubbish, verify
from runner.store.store import Store
from singan.engines.batched import BatchedEngine
from singan.level import EpochResult, LevelInputs, LevelState
from singan.settings import TrainingSettings

TRAIN_EPOCH = BatchedEngine.train_epoch


def break_training(
    monkeypatch: pytest.MonkeyPatch, how: Callable[[LevelState], None], when: Callable[[LevelInputs], bool]
) -> None:
    """Have something happen before each epoch of some levels."""

    def train_epoch(
        self: BatchedEngine, state: LevelState, inputs: LevelInputs, settings: TrainingSettings
    ) -> EpochResult:
        if when(inputs):
            how(state)
        return TRAIN_EPOCH(self, state, inputs, settings)

    monkeypatch.setattr(BatchedEngine, "train_epoch", train_epoch)


def is_of_sr(inputs: LevelInputs) -> bool:
    """Whether the level is the one only experiment `sr` has."""
    return inputs.feed.adversarial_upsample == "sr"


def runs(folder: Path) -> dict[tuple[str, str], RunRecord]:
    return {(run.experiment, run.image): run for run in Results(folder / "results", "tiny").runs()}


def diverge(state: LevelState) -> None:
    """As a learning rate far too high does: weights beyond what a number can hold."""
    with torch.no_grad():
        next(state.generator.parameters()).fill_(torch.inf)


def ask_for_too_much(state: LevelState) -> None:
    torch.empty(2**58)  # no machine has that; torch says so with a `RuntimeError` on a CPU


def run_out_on_a_gpu(state: LevelState) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nGPU 0 has ...")


def run_out_in_python(state: LevelState) -> None:
    raise MemoryError


def lack_an_operation(state: LevelState) -> None:
    raise NotImplementedError("The operator 'aten::x' is not implemented for the device.\n\nSee ...")


FAILURES = {
    "diverges": (diverge, "level 2: training diverged: loss d_real is nan at epoch 0"),
    "out of memory on a CPU": (ask_for_too_much, "level 2: out of memory on cpu"),
    "out of memory on a GPU": (run_out_on_a_gpu, "level 2: out of memory on cpu"),
    "out of memory in Python": (run_out_in_python, "level 2: out of memory on cpu"),
    "a device lacks an operation": (
        lack_an_operation,
        "level 2: NotImplementedError: The operator 'aten::x' is not implemented for the device. See ...",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_run_that_fails_says_why_in_words_and_the_other_is_done(
    failure: str, singan: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    how, reason = FAILURES[failure]
    break_training(monkeypatch, how, is_of_sr)
    both = ("--experiment", "original", "--experiment", "sr", "--image", "dots")
    status, out, err = singan("run", *TINY, *both)
    assert status == exit_status.FAILED
    assert out.splitlines()[-1] == "1 of 2 runs done, 1 failed; 3 levels trained now"
    assert err.splitlines() == [f"  sr on dots: {reason}"]


def test_one_run_that_diverges_leaves_all_others_done_and_record_and_page_tell_why(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how, reason = FAILURES["diverges"]
    with monkeypatch.context() as broken:
        break_training(broken, how, is_of_sr)
        status, out, err = singan("run", *TINY)
    assert status == exit_status.FAILED
    assert out.splitlines()[-1].startswith("5 of 6 runs done, 1 failed; ")
    assert err.splitlines() == [f"  sr on dots: {reason}"]

    recorded = runs(tmp_path)
    assert {where for where, run in recorded.items() if run.status == "failed"} == {("sr", "dots")}
    failed, whole = recorded["sr", "dots"], recorded["original", "dots"]
    assert (failed.reason, failed.levels, failed.output) == (reason, whole.levels[:2], None)

    assert singan("build-site", *STUDY)[0] == 0
    page = html.unescape((tmp_path / "site" / "experiments" / "sr.html").read_text(encoding="utf-8"))
    assert "This run failed." in page
    assert reason in page

    status, out, _ = singan("run", *TINY)
    assert (status, out.splitlines()[-1]) == (0, "6 of 6 runs done; 1 levels trained now")
    assert runs(tmp_path)["sr", "dots"].status == "done"


def test_a_level_that_diverged_fails_every_run_that_needs_it_and_is_trained_once(
    singan: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def diverge_at_the_bottom(state: LevelState) -> None:
        tried.append(state.epochs_done)
        diverge(state)

    break_training(
        monkeypatch,
        diverge_at_the_bottom,
        lambda inputs: inputs.level == 0 and inputs.pyramid.geometry.last == 2,
    )
    status, _, err = singan(
        "run", *TINY, "--image", "dots", "--experiment", "original", "--experiment", "real"
    )
    assert status == exit_status.FAILED
    reason = "level 0: training diverged: loss d_real is nan at epoch 0"
    assert err.splitlines() == [f"  original on dots: {reason}", f"  real on dots: {reason}"]
    assert tried == [0]


# Disks


MKSTEMP = tempfile.mkstemp


def fill_the_disk(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, after: int = 0, number: int = errno.ENOSPC
) -> None:
    """No file can be made in a folder, or below it, after the first few."""
    made = 0

    def mkstemp(dir: Path, prefix: str) -> tuple[int, str]:  # noqa: A002
        nonlocal made
        if folder in (dir.absolute(), *dir.absolute().parents):
            made += 1
            if made > after:
                raise OSError(number, os.strerror(number))
        return MKSTEMP(dir=dir, prefix=prefix)

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)


ORIGINAL = ("run", *TINY, "--experiment", "original")


@pytest.mark.parametrize(
    ("number", "why"), [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")]
)
@pytest.mark.parametrize("part", ["levels", "partial", "outputs"])
def test_a_store_that_cannot_be_written_fails_runs_with_the_reason_and_the_record_has_it(
    part: str, number: int, why: str, singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        fill_the_disk(full, tmp_path / "store" / part, number=number)
        status, out, err = singan(*ORIGINAL)
    assert status == exit_status.FAILED
    assert out.splitlines()[-1].startswith("0 of 2 runs done, 2 failed; ")
    assert [line.endswith(f"cannot be written: {why}") for line in err.splitlines()] == [True, True]
    assert {run.status for run in runs(tmp_path).values()} == {"failed"}
    assert all(why in (run.reason or "") for run in runs(tmp_path).values())
    assert singan(*ORIGINAL)[0] == 0
    assert {run.status for run in runs(tmp_path).values()} == {"done"}


def test_a_record_that_cannot_be_written_ends_in_one_line_and_no_work_is_lost(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        fill_the_disk(full, tmp_path / "results" / "tiny" / "runs")
        status, _, err = singan(*ORIGINAL, "--image", "dots")
    assert status == exit_status.USAGE
    (line,) = err.splitlines()
    assert line.startswith("singan: results/tiny/runs/original/dots/")
    assert line.endswith("cannot be written: No space left on device")
    status, out, _ = singan(*ORIGINAL, "--image", "dots")
    assert (status, out.splitlines()[-1]) == (0, "1 of 1 runs done; 0 levels trained now")


@pytest.mark.parametrize("after", [0, 2, 5, 11, 16, 22])
def test_a_disk_that_fills_up_at_any_time_loses_nothing_and_leaves_no_rubbish(
    after: int, singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        fill_the_disk(full, tmp_path, after=after)
        status, _, err = singan(*ORIGINAL, "--image", "stripes")
    assert status in {exit_status.FAILED, exit_status.USAGE}
    assert all("cannot be written: No space left on device" in line for line in err.splitlines())
    assert err
    if (tmp_path / "store" / "format").is_file():
        store = Store(tmp_path / "store")
        found = verify(store)
        assert (found.damaged, found.incomplete, rubbish(store)) == ((), (), [])
    before = found_levels(tmp_path)
    status, out, _ = singan(*ORIGINAL, "--image", "stripes")
    assert (status, out.splitlines()[-1]) == (0, f"1 of 1 runs done; {2 - len(before)} levels trained now")
    after_all = found_levels(tmp_path)
    assert {name: after_all[name] for name in before} == before


def found_levels(folder: Path) -> dict[str, bytes]:
    """The files of every level in the store."""
    return {
        path.parent.name: path.read_bytes()
        for path in (folder / "store" / "levels").glob("*/level.safetensors")
    }


def test_folders_that_may_not_be_written_are_refused_before_anything_is_trained(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    access = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: access(path, mode) and not (mode == os.W_OK and path == Path("locked")),
    )  # (permissions do not stop root, who runs these tests in containers)
    monkeypatch.setattr(BatchedEngine, "train_epoch", lambda *arguments: pytest.fail("trained"))
    for option in ("--store", "--results"):
        status, _, err = singan(*ORIGINAL, option, "locked")
        assert status == exit_status.USAGE
        assert err == "singan: locked: cannot be written; name another folder\n"


# Folders that vanish, as an unmounted disk does


def vanish(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Remove a folder when the second run, on stripes, begins to train."""
    break_training(
        monkeypatch,
        lambda state: shutil.rmtree(folder, ignore_errors=True),
        lambda inputs: inputs.pyramid.geometry.last == 1,
    )


def test_a_store_that_vanishes_ends_in_one_line_and_no_half_store_is_left_in_its_place(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        vanish(broken, tmp_path / "store")
        status, _, err = singan(*ORIGINAL)
    assert status == exit_status.USAGE
    assert err == "singan: store: the store has gone; bring it back, and run again\n"
    assert runs(tmp_path)["original", "dots"].status == "done"
    assert not (tmp_path / "store").exists()
    assert singan(*ORIGINAL)[0] == 0


@pytest.mark.slow
def test_a_store_that_vanishes_under_several_processes_ends_in_one_line_too(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = ProcessPool.listen

    def listen_and_lose_the_store(self: ProcessPool, hear: Callable[[Event], None]) -> None:
        def hear_and_lose_it(event: Event) -> None:
            hear(event)
            if isinstance(event, Ended) and isinstance(event.result, LevelMade):
                shutil.rmtree(tmp_path / "store", ignore_errors=True)

        listen(self, hear_and_lose_it)

    with monkeypatch.context() as broken:
        broken.setattr(ProcessPool, "listen", listen_and_lose_the_store)
        status, _, err = singan(*ORIGINAL, "--jobs", "2")
    assert status == exit_status.USAGE
    assert err == "singan: store: the store has gone; bring it back, and run again\n"
    assert not (tmp_path / "store").exists()
    assert singan(*ORIGINAL, "--jobs", "2")[0] == 0


def test_results_that_vanish_end_in_one_line_and_are_written_again_from_the_store(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        vanish(broken, tmp_path / "results")
        status, _, err = singan(*ORIGINAL)
    assert status == exit_status.USAGE
    assert err == "singan: results/tiny: the record has gone; run again: the store has what is done\n"
    status, out, _ = singan(*ORIGINAL)
    assert (status, out.splitlines()[-1]) == (0, "2 of 2 runs done; 0 levels trained now")
    assert {run.status for run in runs(tmp_path).values()} == {"done"}
    assert singan("build-site", *STUDY)[0] == 0


# The other commands


def test_a_site_on_a_full_disk_ends_in_one_line_and_the_old_one_stays(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    singan(*ORIGINAL, "--image", "stripes")
    assert singan("build-site", *STUDY)[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}

    def write_bytes(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    status, _, err = singan("build-site", *STUDY)
    assert status == exit_status.USAGE
    (line,) = err.splitlines()
    assert line.startswith("singan: ")
    assert line.endswith("the site cannot be written: No space left on device")
    assert {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()} == before


def test_super_resolve_tells_why_its_only_run_failed_and_writes_no_picture(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PIL.Image.new("RGB", (21, 19), (9, 99, 199)).save(tmp_path / "mine.png")
    break_training(monkeypatch, diverge, lambda inputs: True)
    status, _, err = singan("super-resolve", "mine.png", *TINY, "-o", "large.png")
    assert status == exit_status.USAGE
    assert err == ("singan: original on mine: level 0: training diverged: loss d_real is nan at epoch 0\n")
    assert not (tmp_path / "large.png").exists()


def test_a_picture_that_cannot_be_saved_ends_in_one_line_and_is_not_trained_again(
    singan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PIL.Image.new("RGB", (21, 19), (9, 99, 199)).save(tmp_path / "mine.png")
    command = ("super-resolve", "mine.png", *TINY, "-o", "large.png")
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == "large.png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(self, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", full)
        status, _, err = singan(*command)
    assert status == exit_status.USAGE
    assert err == "singan: large.png: cannot be written: No space left on device\n"
    status, out, _ = singan(*command)
    assert status == 0
    assert "trained in" not in out


def test_memory_that_runs_out_outside_of_any_run_ends_in_one_line(
    singan: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def baselines(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("runner.record.measure.Measuring.baselines", baselines)
    status, _, err = singan(*ORIGINAL)
    assert (status, err) == (exit_status.USAGE, "singan: out of memory\n")


def test_ones_own_picture_called_like_an_image_of_the_study_is_refused(singan: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    PIL.Image.new("RGB", (20, 18), (9, 99, 199)).save(tmp_path / "mine" / "Dots.png")
    status, out, err = singan("run", *TINY, "--images-from", "mine", "--experiment", "original")
    assert (status, out) == (exit_status.USAGE, "")
    assert 'gets the id "dots", which is that of an image of the study' in err


def test_a_record_of_the_studys_picture_is_not_overwritten_by_ones_own(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    run = ("run", *TINY, "--experiment", "stopped")
    assert singan(*run, "--image", "stripes")[0] == 0
    before = (tmp_path / "results" / "tiny" / "images" / "stripes.json").read_bytes()
    tiny_study.edit("[image.stripes]", "[image.renamed]")
    (tmp_path / "mine").mkdir()
    PIL.Image.new("RGB", (20, 18), (9, 99, 199)).save(tmp_path / "mine" / "stripes.png")
    status, _, err = singan(*run, "--images-from", "mine")
    assert status == exit_status.USAGE
    assert "is recorded there as the study's picture, and this is another" in err
    assert (tmp_path / "results" / "tiny" / "images" / "stripes.json").read_bytes() == before
