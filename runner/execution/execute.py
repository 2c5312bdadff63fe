"""Carry out a plan: train what is missing, super-resolve, record; a failed run never stops the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from runner.execution.carry_out import failure_words
from runner.execution.dispatch import DISK_IS_DYING, Dispatcher
from runner.execution.executors.in_process import InProcess
from runner.execution.executors.interface import Executor, LostError
from runner.execution.executors.pool import ProcessPool
from runner.execution.resources import Resources, provenance
from runner.execution.stored_work import StoredWork
from runner.execution.task import tasks_of, urgency
from runner.execution.task_queue import TaskQueue
from runner.images.load import LoadedImage
from runner.planning.plan import Plan, Run, begun_name, note_name
from runner.progress import Progress
from runner.record.measure import Measuring
from runner.record.results import Results
from runner.record.settle import settle
from runner.record.write import record_failure, record_image, record_profile, record_run
from runner.store.store import MAX_REPAIRS, DamagedError, Note, Store
from singan.errors import UserError


@dataclass
class Outcome:
    """How many runs are done, how many levels were trained for them now, and which runs failed."""

    done: int = 0
    trained: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    """Reason of each failed run, by its label."""


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

        def record(run: Run) -> None:
            measured = self._measuring.output(run, self.images[run.image])
            record_run(results, run, self.plan, self.store, command_of(run), measured)

        try:
            with self._working() as dispatcher:
                for run, reason in self._as_they_end(dispatcher, record):
                    if reason is not None:
                        record_failure(results, run, self.plan, self.store, command_of(run), reason)
                    self._count(run, reason)
        finally:
            settle(results, before)
        return self.outcome

    def _count(self, run: Run, reason: str | None) -> None:
        """Count a run that has ended, and note in the store how."""
        if reason is None:
            self.outcome.done += 1
        else:
            label = self.plan.label(run)
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
        with self._working() as dispatcher:
            ended = self._as_they_end(dispatcher)
            reasons = {self.plan.label(run): reason for run, reason in ended}
        return {label: reason for label, reason in reasons.items() if reason is not None}

    @contextmanager
    def _working(self) -> Iterator[Dispatcher]:
        """Context with all tasks that are not done, and an executor for them."""
        tasks = tasks_of(self.plan)
        pending = [key for key, task in tasks.items() if self.force or not self._stored.has(task)]
        jobs = min(self.place.jobs, len(pending))
        if self.executor is None and jobs <= 1:  # run by run, so that the first result comes early
            position, order = "", {key: float(index) for index, key in enumerate(tasks)}
        else:
            position, order = None, {key: -urgent for key, urgent in urgency(tasks).items()}
        executor = self.executor
        if executor is None:
            executor = ProcessPool(self.place) if jobs > 1 else InProcess(self.interrupt.is_set)
        dispatcher = Dispatcher(
            queue=TaskQueue(tasks, pending, order),
            executor=executor,
            store=self.store,
            stored=self._stored,
            place=self.place,
            progress=self.progress,
            interrupt=self.interrupt,
            leg_s=self.leg_s,
            force=self.force,
            position=position,
        )
        self.progress.begin(dispatcher.queue.cost)
        self.place.settle()
        is_in_haste = False
        try:
            yield dispatcher
        except KeyboardInterrupt:
            is_in_haste = True
            raise
        finally:
            self.outcome.trained = dispatcher.trained
            dispatcher.close(at_once=is_in_haste)

    def _as_they_end(
        self, dispatcher: Dispatcher, record: Callable[[Run], None] | None = None
    ) -> Iterator[tuple[Run, str | None]]:
        """Work through the plan; gives each run once it is recorded, or with the reason that it fails for."""
        waiting = list(self.plan.runs)
        while waiting:
            candidates = waiting
            if dispatcher.position is not None:
                number = len(self.plan.runs) - len(waiting) + 1
                dispatcher.position = f"[{number}/{len(self.plan.runs)}] "
                candidates = waiting[:1]
            run, reason = self._finish_one_of(candidates, dispatcher, record)
            waiting.remove(run)
            yield run, reason

    def _finish_one_of(
        self, runs: Sequence[Run], dispatcher: Dispatcher, record: Callable[[Run], None] | None
    ) -> tuple[Run, str | None]:
        """Work until one of the runs is complete, then record it; gives its reason if that fails.

        What turns out to be damaged on the way is set aside and made again. An error that belongs to no
        task is laid to the first of the runs.
        """
        for _ in range(MAX_REPAIRS):
            run = runs[0]
            try:
                run = _work_for_one_of(runs, dispatcher)
                failures = dispatcher.queue.failures
                failed = next((key for key in run.keys if key in failures), None)
                if failed is not None:
                    return run, failures[failed]
                if record is not None:
                    record(run)
            except DamagedError as damaged:
                dispatcher.set_aside(damaged)
            except LostError:
                raise
            except UserError as error:
                return run, str(error)
            except (RuntimeError, ValueError, MemoryError) as error:
                return run, failure_words(error, self.place.device)
            else:
                return run, None
        return run, DISK_IS_DYING


def _work_for_one_of(runs: Sequence[Run], dispatcher: Dispatcher) -> Run:
    """Work until one of the runs is finished or has failed; raises `InterruptedTrainingError` to stop."""
    while True:
        for run in runs:
            if not dispatcher.is_open(run.keys):
                return run
        dispatcher.work_until_one_ends()
