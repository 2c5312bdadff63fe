"""Runs of a tiny study, end to end on the CPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.lab import Lab
from runner.execution.status import pending_levels, run_states
from runner.record.write import record_run, recorded_name
from runner.store.maintenance import rubbish
from runner.store.store import HISTORY, WEIGHTS, Store
from singan.errors import UserError
from singan.level import train_level


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Levels trained, in order."""
    trained: list[int] = []

    def counting(pyramid: object, *arguments: object) -> object:
        trained.append(pyramid.next_level)  # type: ignore[attr-defined]
        return train_level(pyramid, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("runner.execution.carry_out.train_level", counting)
    return trained


def test_every_run_is_trained_and_recorded_and_shared_levels_are_trained_once(
    lab: Lab, counted: list[int]
) -> None:
    plan = lab.tiny.plan()
    outcome = lab.run(plan)
    assert (outcome.done, outcome.failures) == (6, {})
    assert len(counted) == outcome.trained == len(plan.levels) == 12
    runs = list(lab.results.runs())
    assert {(run.experiment, run.image, run.status) for run in runs} == {
        (run.experiment.id, run.image, "done") for run in plan.runs
    }
    for run in runs:
        assert run.output is not None
        picture = run.output.picture
        assert (picture.width, picture.height) == {"dots": (60, 52), "stripes": (40, 36)}[run.image]
        assert (lab.results.folder / run.output.picture.file).is_file()
    assert {level.key for level in lab.results.levels()} == set(plan.levels)


def test_finished_work_is_not_done_again_and_the_record_stays_the_same(lab: Lab, counted: list[int]) -> None:
    lab.run()
    record = lab.record()
    counted.clear()
    assert lab.run().trained == 0
    assert counted == []
    assert lab.record() == record


def test_draws_are_measured_and_recorded_beside_the_picture(lab: Lab) -> None:
    lab.run(lab.tiny.plan("original", draws=3))
    for run in lab.results.runs():
        assert run.output is not None
        assert [draw.draw for draw in run.output.draws] == [1, 2]
        assert all(0 < draw.psnr < 100 for draw in run.output.draws)
        assert all(draw.metrics.keys() == run.output.metrics.keys() for draw in run.output.draws)


def test_forcing_trains_every_level_once_more_to_the_same_weights(lab: Lab, counted: list[int]) -> None:
    lab.run()
    weights = lab.weights()
    counted.clear()
    lab.run(force=True)
    assert len(counted) == 12
    assert lab.weights() == weights


def test_a_rerun_in_another_store_is_bit_identical(lab: Lab, tmp_path: Path) -> None:
    lab.run()
    other = Lab(lab.tiny, tmp_path / "other")
    other.run()
    assert other.weights() == lab.weights()


def test_a_changed_switch_reruns_only_what_it_touches_and_is_named(lab: Lab, counted: list[int]) -> None:
    lab.run()
    counted.clear()
    lab.tiny.edit('reconstruction = { last = "real_train_rec" }', "")
    pending = pending_levels(lab.tiny.plan(), lab.store)
    assert [(item.task.level, item.reason) for item in pending] == [
        (2, 'changed: reconstruction "real_train_rec" -> "rec"')
    ]
    lab.run()
    assert counted == [2]


def test_a_damaged_level_is_set_aside_named_and_trained_again(lab: Lab, counted: list[int]) -> None:
    plan = lab.tiny.plan("original")
    lab.run(plan)
    weights = lab.weights()
    middle, top = plan.runs[0].levels[1:3]
    path = lab.store.root / "levels" / middle / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    (lab.store.root / "levels" / top / WEIGHTS).unlink()  # so that the damaged one is needed
    counted.clear()
    outcome = lab.run(plan)
    assert outcome.failures == {}
    assert counted == [1, 2]
    assert any("wrong checksum" in line and middle in line for line in lab.progress.lines)
    assert lab.weights() == weights


@pytest.mark.parametrize("facts", [{}, {"seconds": "long"}, {"seconds": 1.0, "key": 1}])
@pytest.mark.parametrize("kind", ["levels", "outputs"])
def test_work_whose_description_tells_nothing_is_done_again(
    kind: str, facts: dict[str, object], lab: Lab
) -> None:
    plan = lab.tiny.plan("stopped")
    lab.run(plan)
    record = lab.record()
    path = next((lab.store.root / kind).glob("*/entry.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "facts": facts}), encoding="utf-8")
    assert lab.run(plan).failures == {}
    assert any("entry.json: does not say what it should; set aside" in line for line in lab.progress.lines)
    assert lab.record().keys() == record.keys()


def test_a_failed_run_is_recorded_without_what_is_damaged(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lab.tiny.plan("original")
    lab.run(plan)
    dots = plan.runs[0]
    (lab.results.folder / f"{recorded_name(dots)}.json").unlink()
    (lab.store.root / "outputs" / dots.output.key / "entry.json").unlink()
    history = lab.store.root / "levels" / dots.levels[1] / HISTORY
    history.write_bytes(history.read_bytes()[:-1] + b"\x55")
    monkeypatch.setattr(
        "runner.execution.carry_out.super_resolve",
        lambda *arguments: (_ for _ in ()).throw(UserError("no")),
    )
    outcome = lab.run(plan)
    assert (outcome.done, outcome.failures) == (1, {"original on dots": "no"})
    failed = next(run for run in lab.results.runs() if run.image == "dots")
    assert (failed.status, failed.levels) == ("failed", dots.levels[:1])


def test_what_is_recorded_as_done_stays_when_the_same_work_fails(
    lab: Lab, elsewhere: Callable[[], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.run()
    record = lab.record()
    other = elsewhere()
    with monkeypatch.context() as broken:
        broken.setattr("runner.execution.carry_out.train_level", no_memory)
        outcome = other.run()
    assert (outcome.done, len(outcome.failures)) == (0, 6)
    assert lab.record() == record
    states = run_states(lab.tiny.plan(), other.store, list(lab.results.runs()))
    assert {state.state for state in states} == {"done"}


def test_other_work_that_fails_takes_the_place_of_what_was_done_before(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.run()
    lab.tiny.edit('adversarial = { last = "real_train" }', 'adversarial = { lower = "real_train" }')
    monkeypatch.setattr("runner.execution.carry_out.train_level", no_memory)
    lab.run(lab.tiny.plan("real"))
    (real,) = (run for run in lab.results.runs() if run.experiment == "real")
    assert real.status == "failed"


def test_a_failed_run_does_not_stop_the_others_and_is_recorded_with_its_reason(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(pyramid: object, task: object, *arguments: object) -> object:
        if task.feed.adversarial_upsample == "sr":  # type: ignore[attr-defined]
            raise UserError("training diverged: loss d_real is nan at epoch 1")
        return train_level(pyramid, task, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("runner.execution.carry_out.train_level", diverging)
    outcome = lab.run()
    reason = "level 2: training diverged: loss d_real is nan at epoch 1"
    assert (outcome.done, outcome.failures) == (5, {"sr on dots": reason})
    (failed,) = [run for run in lab.results.runs() if run.status == "failed"]
    assert (failed.experiment, failed.reason, len(failed.levels), failed.output) == ("sr", reason, 2, None)
    states = {str(state.run): (state.state, state.why) for state in run_states(lab.tiny.plan(), lab.store)}
    assert states["sr on dots"] == ("failed", reason)
    assert states["original on dots"][0] == "done"


def no_memory(*arguments: object) -> None:
    raise torch.OutOfMemoryError("tried to allocate a lot")


def test_out_of_memory_is_a_reason_not_an_end(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.execution.carry_out.train_level", no_memory)
    outcome = lab.run(lab.tiny.plan("original"))
    assert outcome.failures == {
        "original on dots": "level 0: out of memory on cpu",
        "original on stripes": "level 0: out of memory on cpu",
    }


def test_a_run_that_failed_and_now_works_is_recorded_as_done(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(
            "runner.execution.carry_out.super_resolve",
            lambda *arguments: (_ for _ in ()).throw(UserError("no")),
        )
        assert lab.run().done == 0
    assert lab.run().done == 6
    assert {run.status for run in lab.results.runs()} == {"done"}


@pytest.fixture
def elsewhere(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Lab]:
    """Goes on with the same study and record on another machine, which has trained nothing yet."""

    def begin() -> Lab:
        monkeypatch.setattr("runner.execution.resources.processor", lambda: "another processor")
        other = Lab(lab.tiny, tmp_path / "elsewhere")
        other.results = lab.results
        return other

    return begin


def test_levels_that_recorded_runs_share_stay_when_trained_again_for_others(
    lab: Lab, elsewhere: Callable[[], Lab], counted: list[int]
) -> None:
    lab.run(lab.tiny.plan("original"))
    before, originals = lab.record(), {level.name: level for level in lab.results.levels()}
    counted.clear()
    elsewhere().run(lab.tiny.plan("real"))
    assert counted == [0, 1, 2]
    assert {name: data for name, data in lab.record().items() if name in before} == before
    (real,) = (run for run in lab.results.runs() if run.experiment == "real")
    (original,) = (run for run in lab.results.runs() if (run.experiment, run.image) == ("original", "dots"))
    assert real.level_keys[:2] == original.level_keys[:2]
    assert not set(real.levels) & originals.keys()
    levels = {level.name: level for level in lab.results.levels()}
    assert levels.keys() == originals.keys() | set(real.levels)
    for mine, its in zip(real.levels[:2], original.levels[:2], strict=True):
        assert levels[mine].losses == levels[its].losses
        assert levels[mine].snapshots.sheet.file == f"levels/{mine}.webp"
        assert (lab.results.folder / levels[mine].snapshots.sheet.file).is_file()
    assert {state.state for state in run_states(lab.tiny.plan("real"), lab.store, [real])} == {"done"}


@pytest.mark.parametrize("again", [("original", "real"), ("original", "stopped", "real", "sr")])
def test_trained_again_elsewhere_and_interrupted_every_run_stands_on_its_own_training(
    again: tuple[str, ...], lab: Lab, elsewhere: Callable[[], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.run()
    before = {level.name: level for level in lab.results.levels()}
    runs = {(run.experiment, run.image): run for run in lab.results.runs()}
    other = elsewhere()
    with monkeypatch.context() as broken:
        broken.setattr("runner.execution.execute.record_run", stop_after(1))
        with pytest.raises(KeyboardInterrupt):
            other.run(lab.tiny.plan(*again))
    levels = {level.name: level for level in lab.results.levels()}
    machines = {
        where: {levels[name].provenance.machine for name in run.levels}
        for where, run in (((run.experiment, run.image), run) for run in lab.results.runs())
    }
    (old,) = {level.provenance.machine for level in before.values()}
    recorded = [where for where, found in machines.items() if found == {"another processor"}]
    assert len(recorded) == 1
    assert all(found == {old} for where, found in machines.items() if where not in recorded)
    assert all(
        run == runs[run.experiment, run.image] for run in lab.results.runs() if run.levels[0] in before
    )
    other.run()
    levels = {level.name: level for level in lab.results.levels()}
    assert levels.keys() == before.keys(), "names are plain again"
    assert {level.provenance.machine for level in levels.values()} == {"another processor"}
    files = {path.stem for path in (lab.results.folder / "levels").glob("*.webp")}
    assert files == {path.stem for path in (lab.results.folder / "levels").glob("*.json")} == levels.keys()
    assert all(set(run.levels) <= levels.keys() for run in lab.results.runs())
    record = lab.record()
    other.run()
    assert lab.record() == record


def test_levels_of_a_run_that_was_interrupted_are_needed_until_it_ends(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.run(lab.tiny.plan("stopped"))
    unused = set(rubbish(lab.store, unused=True))
    with monkeypatch.context() as broken:
        broken.setattr("runner.execution.execute.record_run", stop_after(0))
        with pytest.raises(KeyboardInterrupt):
            lab.run(lab.tiny.plan("original"))
    begun = {path.name for path in (lab.store.root / "levels").iterdir()}
    assert begun - set(lab.tiny.plan("stopped").levels)
    assert set(rubbish(lab.store, unused=True)) == unused
    lab.run(lab.tiny.plan("original"))
    assert not list((lab.store.root / "runs" / "begun").rglob("*.json"))
    assert set(rubbish(lab.store, unused=True)) == unused


def stop_after(count: int) -> Callable[..., None]:
    """Records this many runs, and is then interrupted."""
    left = [count]

    def recording(*arguments: Any) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        record_run(*arguments)

    return recording


def test_a_picture_cut_short_is_written_again(lab: Lab) -> None:
    lab.run(lab.tiny.plan("original"))
    record = lab.record()
    for path in lab.results.folder.rglob("*.webp"):
        path.write_bytes(path.read_bytes()[:-2])
    lab.run(lab.tiny.plan("original"))
    assert lab.record() == record


def test_a_training_that_no_run_stands_on_any_more_leaves_the_record(
    lab: Lab, elsewhere: Callable[[], Lab]
) -> None:
    lab.run(lab.tiny.plan("original"))
    first = {level.name for level in lab.results.levels()}
    other = elsewhere()
    other.run(lab.tiny.plan("real"))
    other.run(lab.tiny.plan("original"))
    levels = {level.name: level for level in lab.results.levels()}
    named = {name for run in lab.results.runs() for name in run.levels}
    assert levels.keys() == named != first
    assert {name.partition("-")[0] for name in named if "-" in name} < first
    assert len({(level.key, level.provenance.machine) for level in levels.values()}) == len(levels)
    pictures = {path.stem for path in (lab.results.folder / "levels").glob("*.webp")}
    assert pictures == named
    record = lab.record()
    other.run(lab.tiny.plan("original"))
    assert lab.record() == record
    other.run(lab.tiny.plan("original", "real"))
    assert {level.name for level in lab.results.levels()} == {
        name for run in lab.results.runs() for name in run.level_keys
    }


def test_an_unreadable_level_is_recorded_again(lab: Lab) -> None:
    lab.run(lab.tiny.plan("original"))
    record = lab.record()
    for path in (lab.results.folder / "levels").glob("*.json"):
        path.write_text("{")
    lab.run(lab.tiny.plan("original"))
    assert lab.record() == record


def test_a_record_made_elsewhere_counts_as_done_until_the_study_changes(lab: Lab, tmp_path: Path) -> None:
    lab.run()
    elsewhere, records = Store(tmp_path / "another"), list(lab.results.runs())
    plan = lab.tiny.plan()
    assert {state.state for state in run_states(plan, elsewhere)} == {"missing"}
    states = list(run_states(plan, elsewhere, records))
    assert {state.state for state in states} == {"done"}
    assert states[0].why == "recorded; this store has 0 of 3 levels"
    lab.tiny.edit('reconstruction = { last = "real_train_rec" }', "")
    changed = {str(state.run): state.state for state in run_states(lab.tiny.plan(), elsewhere, records)}
    assert [run for run, state in changed.items() if state == "missing"] == ["real on dots"]
