"""Carry out a plan: train what is missing, super-resolve, record; a failed run never stops the others.

The store, its locks and the record are handled here and nowhere else. An executor, in this process or on
another machine, gets everything a task needs by value, and gives back what it made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from runner.execution.assignment import (
    Event,
    Kept,
    LevelMade,
    Moved,
    PictureMade,
    Refused,
    Result,
    Saved,
    Unreadable,
)
from runner.execution.carry_out import failure_words
from runner.execution.executors.in_process import InProcess
from runner.execution.executors.interface import Executor, LostError, PATIENCE_s
from runner.execution.executors.pool import ProcessPool
from runner.execution.resources import Resources, provenance
from runner.execution.stored_work import StoredWork
from runner.execution.task import Task, critical_paths, tasks_of
from runner.execution.task_queue import TaskQueue
from runner.images.load import LoadedImage
from runner.planning.plan import LevelTraining, Plan, Run, begun_name, note_name
from runner.progress import Progress, duration
from runner.record.measure import Measuring
from runner.record.results import Results
from runner.record.settle import settle
from runner.record.write import record_failure, record_image, record_profile, record_run
from runner.store.locks import HeldKey
from runner.store.store import MAX_REPAIRS, DamagedError, Note, Store
from singan.errors import UserError
from singan.level import InterruptedTrainingError

_DISK_IS_DYING = "the store damages what is written to it"


@dataclass
class Outcome:
    """How many runs are done, how many levels were trained for them now, and which runs failed."""

    done: int = 0
    trained: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    """Reason of each failed run, by its label."""


@dataclass
class _AtWork:
    """A task that an executor works on, and how far it is."""

    task: Task
    held: HeldKey
    fraction: float = 0.0
    detail: str = ""


@dataclass
class Execution:
    """One process working through a plan."""

    plan: Plan
    images: Mapping[str, LoadedImage]
    store: Store
    place: Resources
    progress: Progress
    force: bool = False
    """Do finished work again."""
    interrupt: threading.Event = field(default_factory=threading.Event)
    """Set it to stop soon; what is in progress is kept."""
    executor: Executor | None = None
    """Who carries out the tasks; None: processes of this machine, as many as `place` says."""
    leg_s: float | None = None
    """Seconds after which an executor has to give an unfinished training back; None: never."""
    outcome: Outcome = field(default_factory=Outcome)

    def __post_init__(self) -> None:
        self._measuring = Measuring(self.store, partial(provenance, self.place))
        self._stored = StoredWork(self.store, self.images, self._measuring)
        self._tasks = tasks_of(self.plan)
        self._at_work: dict[str, _AtWork] = {}
        self._repairs: dict[str, int] = {}
        self._begun: set[str] = set()
        self._told_waiting: set[str] = set()
        self._position = ""
        self._is_one_by_one = False

    def run_all(self, results: Results, command_of: Callable[[Run], str]) -> Outcome:
        """Carry out every run and record it in `results`."""
        record_profile(results, self.plan.profile)
        for name, factor in sorted({(run.image, run.factor) for run in self.plan.runs}):
            baselines = self._measuring.baselines(self.images[name], factor)
            record_image(results, self.images[name], factor, baselines)
        if self._measuring.niqe_model is None:
            self.progress.say("NIQE is left out: its parameters can neither be downloaded nor found")
        self._note_what_begins()
        before = results.levels_in_use()
        try:
            with self._working():
                for number, run in enumerate(self.plan.runs, start=1):
                    self._position = f"[{number}/{len(self.plan.runs)}] "
                    self._carry_out_and_record(run, results, command_of(run))
        finally:
            settle(results, before)
        return self.outcome

    def _carry_out_and_record(self, run: Run, results: Results, command: str) -> None:
        def record() -> None:
            measured = self._measuring.output(run, self.images[run.image])
            record_run(results, run, self.plan, self.store, command, measured)

        reason = self._finish(run, record)
        if reason is None:
            self.outcome.done += 1
        else:
            label = self.plan.label(run)
            record_failure(results, run, self.plan, self.store, command, reason)
            self.outcome.failures[label] = reason
            self.progress.say(f"FAILED {label}: {reason}")
        self.store.write_note(note_name(self.plan, run), self._note(run, reason))
        self.store.drop_note(begun_name(self.plan, run))

    def _note_what_begins(self) -> None:
        """Note which levels the runs need, where the store does not know, so that they are kept."""
        for run in self.plan.runs:
            note, last = self._note(run, None), self.store.read_note(note_name(self.plan, run))
            if last is None or last["levels"] != note["levels"]:
                self.store.write_note(begun_name(self.plan, run), note)

    def _note(self, run: Run, failure: str | None) -> Note:
        levels = (self.plan.levels[key] for key in run.levels)
        return Note(failure=failure, levels={str(level.level): dict(level.fields) for level in levels})

    def carry_out(self) -> dict[str, str]:
        """Get levels and pictures of all runs into the store, and record nothing; returns the failures."""
        with self._working():
            reasons = {self.plan.label(run): self._finish(run) for run in self.plan.runs}
        return {label: reason for label, reason in reasons.items() if reason is not None}

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Context with an executor, and with a queue of all tasks that are not done."""
        pending = [key for key, task in self._tasks.items() if self.force or not self._stored.has(task)]
        jobs = min(self.place.jobs, len(pending))
        self._is_one_by_one = self.executor is None and jobs <= 1
        if self.executor is not None:
            self._executor = self.executor
        else:
            self._executor = ProcessPool(self.place) if jobs > 1 else InProcess(self.interrupt.is_set)
        if self._is_one_by_one:  # run by run, so that the first result comes early
            order = {key: float(index) for index, key in enumerate(self._tasks)}
        else:  # the longest chain first, so that the last result comes early
            order = {key: -path for key, path in critical_paths(self._tasks).items()}
        self._queue = TaskQueue(self._tasks, pending, order)
        self.progress.begin(self._queue.cost)
        self.place.settle()
        is_in_haste = False
        try:
            yield
        except KeyboardInterrupt:
            is_in_haste = True
            raise
        finally:
            self._executor.close(at_once=is_in_haste)
            for at_work in self._at_work.values():
                at_work.held.release()
            self._at_work.clear()

    def _finish(self, run: Run, record: Callable[[], None] | None = None) -> str | None:
        """Work until a run is complete, then record it; returns the reason if that fails.

        What turns out to be damaged on the way is set aside and made again.
        """
        keys = (*run.levels, *(draw.key for draw in run.draws))
        for _ in range(MAX_REPAIRS):
            try:
                self._work_for(keys)
                failed = next((key for key in keys if key in self._queue.failures), None)
                if failed is not None:
                    return self._queue.failures[failed]
                if record is not None:
                    record()
            except DamagedError as damaged:
                self._set_aside(damaged)
            except LostError:
                raise
            except UserError as error:
                return str(error)
            except (RuntimeError, ValueError, MemoryError) as error:
                return failure_words(error, self.place.device)
            else:
                return None
        return _DISK_IS_DYING

    def _work_for(self, keys: tuple[str, ...]) -> None:
        """Work until each of these is finished or has failed; raises `InterruptedTrainingError` to stop."""
        for key in keys:  # what was there when the work began may have gone since
            is_settled = not self._queue.is_open((key,)) and key not in self._queue.failures
            if is_settled and not self._stored.has(self._tasks[key]):
                self._queue.put_back(key)
        while self._queue.is_open(keys):
            if self.interrupt.is_set():
                self._leave()
            self._hand_out()
            if self._at_work:
                self._executor.listen(self._hear)
                self._show()
            elif self._queue.is_open(keys):  # other processes work on it
                self.interrupt.wait(PATIENCE_s)

    def _leave(self) -> None:
        """Stop all tasks at work, keep what they have, and raise `InterruptedTrainingError`."""
        self._executor.ask_to_stop()
        while self._at_work:
            self._executor.listen(self._hear)
        raise InterruptedTrainingError

    def _hand_out(self) -> None:
        """Give the executor as many tasks as it takes."""
        held_by_others = []
        while self._executor.free() > 0 and (task := self._queue.take()) is not None:
            try:
                held = self.store.try_lock(task.key)
                if held is None:
                    held_by_others.append(task.key)
                    self._tell_waiting(task)
                else:
                    self._begin(task, held)
            except UserError as error:
                self._queue.fail(task.key, str(error))
        for key in held_by_others:
            self._queue.put_back(key)

    def _tell_waiting(self, task: Task) -> None:
        """Say once that a task waits for another process."""
        if task.key not in self._told_waiting:
            self._told_waiting.add(task.key)
            holder = self.store.holder_of(task.key)
            self.progress.say(f"{task.label}: waiting for {holder}, which works on the same")

    def _begin(self, task: Task, held: HeldKey) -> None:
        """Submit a task, unless another process has done it meanwhile."""
        is_submitted = False
        try:
            if not self.force and self._stored.has(task):
                self._queue.finish(task.key)
                return
            if self.force and task.key not in self._begun:
                self.store.drop_partial(task.key)
            assignment = self._stored.assignment(task, self.place, self.leg_s)
            self._begun.add(task.key)
            self._at_work[task.key] = _AtWork(task, held)
            is_submitted = True
            if self._is_one_by_one:
                self.progress.start(self._label(task), task.cost)
            self._executor.submit(assignment)
        except DamagedError as damaged:
            self._mend(task, damaged)
        finally:
            if not is_submitted:
                held.release()

    def _mend(self, task: Task, damaged: DamagedError) -> None:
        """Have what a task needs, and is damaged, made again first, unless that was tried too often."""
        self._set_aside(damaged)
        self._repairs[task.key] = self._repairs.get(task.key, 0) + 1
        if self._repairs[task.key] > MAX_REPAIRS:
            self._queue.fail(task.key, _DISK_IS_DYING)
        else:
            self._queue.put_back(task.key)

    def _set_aside(self, damaged: DamagedError) -> None:
        self.store.set_aside(damaged)
        self.progress.say(f"{damaged}; set aside, doing it again")
        key = damaged.path.name
        if key in self._tasks and damaged.path.parent.name == self._tasks[key].kind:
            self._queue.put_back(key)

    def _hear(self, event: Event) -> None:
        """Take in an event of a task at work."""
        if isinstance(event, Saved):
            self.store.keep_partial(event.key, event.data)
        elif isinstance(event, Moved):
            at_work = self._at_work[event.key]
            at_work.fraction, at_work.detail = event.fraction, event.detail
            self._show()
        else:
            at_work = self._at_work.pop(event.key)
            try:
                self._end(at_work.task, event.result)
            except UserError as error:  # the store cannot be written
                self._queue.fail(event.key, str(error))
            finally:
                at_work.held.release()

    def _end(self, task: Task, result: Result) -> None:
        """Keep the result of a task on which work has ended."""
        if isinstance(result, LevelMade | PictureMade):
            self._stored.add(task, result)
            self.progress.start(self._label(task), task.cost)
            self.progress.finish(self._outcome(result))
            self._queue.finish(task.key)
        elif isinstance(result, Kept):
            if result.data is not None:
                self.store.keep_partial(task.key, result.data)
            self._queue.put_back(task.key)
        elif isinstance(result, Unreadable):
            self._mend(task, self._stored.damage(task, result))
        elif isinstance(result, Refused):
            where = f"level {task.what.level}: " if isinstance(task.what, LevelTraining) else ""
            self._queue.fail(task.key, f"{where}{result.reason}")

    def _outcome(self, made: LevelMade | PictureMade) -> str:
        """What was made, in words."""
        if isinstance(made, PictureMade):
            return "super-resolved"
        self.outcome.trained += 1
        stopped = ", stopped early" if made.facts.stopped_early else ""
        return f"trained in {duration(made.facts.seconds)}{stopped}"

    def _label(self, task: Task) -> str:
        return f"{self._position}{task.label}" if self._is_one_by_one else task.label

    def _show(self) -> None:
        """Show progress, if it is time to."""
        if not self._at_work or not self.progress.wants_update():
            return
        if self._is_one_by_one:
            (only,) = self._at_work.values()
            self.progress.update(only.fraction, only.detail)
            return
        cost = sum(one.task.cost for one in self._at_work.values())
        done = sum(one.task.cost * one.fraction for one in self._at_work.values())
        names = "; ".join(f"{one.task.label} {one.fraction:.0%}" for one in self._at_work.values())
        self.progress.start("at work", cost)
        self.progress.update(done / cost if cost else 0.0, names)
