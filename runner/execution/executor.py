"""Carry out a plan: train what is missing, super-resolve, record; a failed run never stops the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from runner.execution.pool import WorkerPool, working
from runner.execution.resources import Resources, provenance
from runner.execution.task import failure_words, pending_tasks
from runner.execution.worker import super_resolve_task, train_task
from runner.images.load import LoadedImage
from runner.planning.plan import LevelTraining, Plan, Run, SuperResolution, note_name
from runner.progress import Progress, duration
from runner.record.measure import Measuring
from runner.record.schema import Results
from runner.record.write import record_failure, record_image, record_profile, record_run
from runner.store.store import DamagedError, Kind, Store, WhileWaiting
from singan.errors import UserError
from singan.geometry import factor_text
from singan.level import LOSS_NAMES, EpochReport, InterruptedTrainingError

_RECONSTRUCTION = LOSS_NAMES.index("reconstruction")
_MAX_REPAIRS = 20
"""Damaged entries mended per run before it counts as failed: a dying disk must not loop."""


@dataclass
class Outcome:
    """What became of the runs."""

    done: int = 0
    trained: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    """Reason by run."""


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
    """Set it to stop after the current epoch; what is in progress is kept."""
    outcome: Outcome = field(default_factory=Outcome)
    _position: str = ""
    """Which of the runs this is, for the display."""
    _failed: dict[str, str] = field(default_factory=dict)
    """Reasons by the key of what failed."""
    _fresh: set[str] = field(default_factory=set)
    """Keys of the work done here, which `force` need not do twice."""
    _pool: WorkerPool | None = None
    _has_begun: bool = False

    def run_all(self, results: Results, command_of: Callable[[Run], str]) -> Outcome:
        """Carry out every run and record it in `results`."""
        record_profile(results, self.plan.profile)
        measuring = Measuring(self.store, partial(provenance, self.place))
        for name, factor in sorted({(run.image, run.factor) for run in self.plan.runs}):
            baselines = measuring.baselines(self.images[name], factor)
            record_image(results, self.images[name], factor, baselines)
        if measuring.niqe_parameters is None:
            self.progress.say("NIQE is left out: its parameters can neither be downloaded nor found")
        self._begin()
        with self._pool_at_work():
            self._run_each(results, command_of, measuring)
        return self.outcome

    def _begin(self) -> None:
        """Before the first work of whatever kind: tell how much there is, and prepare this process."""
        if self._has_begun:
            return  # settling takes a share of the threads, every time
        self._has_begun = True
        self.progress.begin(self._work_left())
        self.place.settle()

    def _run_each(self, results: Results, command_of: Callable[[Run], str], measuring: Measuring) -> None:
        for number, run in enumerate(self.plan.runs, start=1):
            self._position = f"[{number}/{len(self.plan.runs)}] "
            command = command_of(run)

            def record(run: Run = run, command: str = command) -> None:
                measured = measuring.output(run, self.images[run.image])
                record_run(results, run, self.plan, self.store, command, measured)

            reason = self.carry_out(run, record)
            if reason is None:
                self.outcome.done += 1
            else:
                label = self.plan.label(run)
                record_failure(results, run, self.plan, self.store, command, reason)
                self.outcome.failures[label] = reason
                self.progress.say(f"FAILED {label}: {reason}")
            self._note(run, reason)

    @contextmanager
    def _pool_at_work(self) -> Iterator[None]:
        """Other processes work ahead in here, if there are to be several and more than one thing to do."""
        tasks = pending_tasks(self.plan, self.store, force=self.force)
        if self.place.jobs == 1 or len(tasks) < 2:
            yield
            return
        pool = WorkerPool(self.plan, self.images, self.store, self.place, self.progress, self.interrupt)
        pool.begin(tasks)
        with working(pool):
            self._pool = pool
            yield

    def _wait_for_pool(self, run: Run) -> None:
        if self._pool is not None:
            self._pool.wait_for(run)
            self._failed |= self._pool.failures
            self._fresh.update(self._pool.finished)
            self.outcome.trained = len(self._pool.finished & self.plan.levels.keys())

    def carry_out(self, run: Run, record: Callable[[], None] | None = None) -> str | None:
        """Get a run's levels and picture into the store, and record them; the reason if that fails.

        What turns out to be damaged on the way is set aside and done again.
        """
        self._begin()
        for _ in range(_MAX_REPAIRS):
            try:
                self._wait_for_pool(run)
                for key in run.levels:
                    self._ensure_level(run, self.plan.levels[key])
                for draw in run.draws:
                    self._ensure_output(run, draw)
                if record is not None:
                    record()
            except DamagedError as damaged:
                self.store.set_aside(damaged)
                self.progress.say(f"{damaged}; set aside, doing it again")
            except UserError as error:
                return str(error)
            except (RuntimeError, ValueError, MemoryError) as error:
                return failure_words(error, self.place.device)
            else:
                return None
        return "the store damages what is written to it"

    def _ensure_level(self, run: Run, task: LevelTraining) -> None:
        if task.key in self._failed:
            raise UserError(self._failed[task.key])
        if self._is_done("levels", task.key):
            return
        below = run.levels[: task.level]
        self._stop_if_asked()
        with self.store.lock(task.key, self._while_waiting(str(run))):
            if self._is_done("levels", task.key):
                return  # another process trained it while this one waited
            if self.force:
                self.store.drop_partial(task.key)
            where = f"level {task.level} of {task.geometry.last} ({task.size})"
            self.progress.start(f"{self._position}{self.plan.label(run)}, {where}", task.cost)
            try:
                train_task(task, below, self.images[task.image], self.store, self.place, self)
            except DamagedError:
                raise
            except UserError as error:
                self._failed[task.key] = f"level {task.level}: {error}"
                raise UserError(self._failed[task.key]) from None
        self._fresh.add(task.key)
        self.outcome.trained += 1
        entry = self.store.find("levels", task.key)
        if entry is None:
            raise UserError("what was just written is gone", where=str(self.store.root))
        stopped = ", stopped early" if entry.facts["stopped_early"] else ""
        self.progress.finish(f"trained in {duration(entry.facts['seconds'])}{stopped}")

    def _ensure_output(self, run: Run, task: SuperResolution) -> None:
        if task.key in self._failed:
            raise UserError(self._failed[task.key])
        if self._is_done("outputs", task.key):
            return
        self._stop_if_asked()
        with self.store.lock(task.key, self._while_waiting(str(run))):
            if self._is_done("outputs", task.key):
                return
            which = f", noise {task.draw + 1} of {len(run.draws)}" if len(run.draws) > 1 else ""
            what = f"super-resolution x{factor_text(task.factor)}{which}"
            self.progress.start(f"{self._position}{self.plan.label(run)}, {what}", task.cost)
            geometry = self.plan.levels[task.last_level_key].geometry
            super_resolve_task(task, geometry, self.images[run.image], self.store, self.place, self._on_step)
        self._fresh.add(task.key)
        self.progress.finish("super-resolved")

    def _is_done(self, kind: Kind, key: str) -> bool:
        if self.force and key not in self._fresh:
            return False
        return self.store.find(kind, key) is not None

    def _work_left(self) -> float:
        levels = sum(task.cost for key, task in self.plan.levels.items() if not self._is_done("levels", key))
        outputs = {task.key: task for run in self.plan.runs for task in run.draws}
        return levels + sum(task.cost for key, task in outputs.items() if not self._is_done("outputs", key))

    def epoch_done(self, report: EpochReport) -> None:
        """Show how far the level is."""
        if self.progress.wants_update():
            loss = float(report.losses[_RECONSTRUCTION])
            detail = f"epoch {report.epochs_done} of {report.epochs}, reconstruction loss {loss:.4g}"
            self.progress.update(report.epochs_done / report.epochs, detail)

    def wants_stop(self) -> bool:
        """Whether the user asked to stop."""
        return self.interrupt.is_set()

    def _while_waiting(self, what: str) -> WhileWaiting:
        """Say once whom this waits for, and stop waiting when asked to stop."""
        told: set[str] = set()

        def wait(holder: str) -> None:
            self._stop_if_asked()
            if holder not in told:
                told.add(holder)
                self.progress.say(f"{what}: waiting for {holder}, which works on the same")

        return wait

    def _stop_if_asked(self) -> None:
        if self.interrupt.is_set():
            raise InterruptedTrainingError

    def _on_step(self, done: int, steps: int) -> None:
        if self.progress.wants_update():
            self.progress.update(done / steps, f"step {done} of {steps}")

    def _note(self, run: Run, reason: str | None) -> None:
        levels = {str(self.plan.levels[key].level): dict(self.plan.levels[key].fields) for key in run.levels}
        self.store.write_note(note_name(self.plan, run), {"failure": reason, "levels": levels})
