"""Which levels a plan would train, and why, and which of its runs are done. Never imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from runner.planning.plan import LevelTraining, Plan, Run, imported_note_name, note_name, why_changed
from runner.record.schema import RunRecord, factor_name
from runner.store.store import Note, Store

State = Literal["done", "imported", "failed", "missing"]


@dataclass(frozen=True)
class Pending:
    """A level that would be trained, why, and for which runs."""

    task: LevelTraining
    reason: str
    runs: tuple[Run, ...]


def pending_levels(plan: Plan, store: Store, *, force: bool = False) -> list[Pending]:
    """The levels that the plan would train, in its order."""
    return [
        Pending(task, "forced" if force else _reason(plan, task, store), tuple(plan.runs_needing(key)))
        for key, task in plan.levels.items()
        if force or store.find("levels", key) is None
    ]


def _reason(plan: Plan, task: LevelTraining, store: Store) -> str:
    """Why a level would be trained, judged by what the runs that need it were when they last ran.

    `new`, `its file is missing`, `failed last time: ...` or `changed: ...`.
    """
    for run in plan.runs_needing(task.key):
        note = store.read_note(note_name(plan, run))
        if note is not None and str(task.level) in note["levels"]:
            old = note["levels"][str(task.level)]
            if old == task.fields:
                return f"failed last time: {note['failure']}" if note["failure"] else "its file is missing"
            return why_changed(old, task.fields)
    return "new"


@dataclass(frozen=True)
class RunState:
    """The state of one run, and why."""

    run: Run
    state: State
    why: str


def run_states(plan: Plan, store: Store, records: Sequence[RunRecord] = ()) -> Iterator[RunState]:
    """State of every run, judged by the store, or else by its record, which may have been made elsewhere."""
    recorded = {(one.experiment, one.image, one.factor, one.seed, one.level_keys) for one in _done(records)}
    imported = {(one.experiment, one.image, one.factor) for one in records if one.imported_from is not None}
    for run in plan.runs:
        name = (run.experiment.id, run.image, factor_name(run.factor))
        missing = [plan.levels[key] for key in run.levels if store.find("levels", key) is None]
        note = store.read_note(note_name(plan, run))
        if not missing and store.find("outputs", run.output.key) is not None:
            yield RunState(run, "done", f"{len(run.levels)} levels, super-resolved")
        elif (*name, run.seed, run.levels) in recorded:
            have = len(run.levels) - len(missing)
            yield RunState(run, "done", f"recorded; this store has {have} of {len(run.levels)} levels")
        elif note is not None and note["failure"] and missing and _was_the_same(note, missing[0]):
            yield RunState(run, "failed", note["failure"])
        elif store.has_note_beginning(imported_note_name(plan, run)) or name in imported:
            have = len(run.levels) - len(missing)
            yield RunState(
                run, "imported", f"trained elsewhere; {have} of {len(run.levels)} levels trained here"
            )
        elif missing:
            levels = ", ".join(str(task.level) for task in missing)
            yield RunState(run, "missing", f"levels {levels}: {_reason(plan, missing[0], store)}")
        else:
            yield RunState(run, "missing", "not super-resolved yet")


def _done(records: Iterable[RunRecord]) -> Iterator[RunRecord]:
    """Records of runs that this program trained without failing."""
    return (one for one in records if one.status == "done" and one.imported_from is None)


def _was_the_same(note: Note, task: LevelTraining) -> bool:
    return note["levels"].get(str(task.level)) == task.fields
