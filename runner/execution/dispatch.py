"""Bring the tasks of a plan to an executor, and keep in the store what it makes of them.

Here tasks are locked against other processes, damage is mended and progress is shown; the executor, in this
process or on another machine, gets everything a task needs by value, and gives back what it made.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

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
from runner.execution.executors.interface import Executor, PATIENCE_s
from runner.execution.resources import Resources
from runner.execution.stored_work import StoredWork
from runner.execution.task import Task
from runner.execution.task_queue import TaskQueue
from runner.planning.plan import LevelTraining
from runner.progress import Progress, duration
from runner.store.locks import HeldKey
from runner.store.store import MAX_REPAIRS, DamagedError, Store
from singan.errors import UserError
from singan.level import InterruptedTrainingError

DISK_IS_DYING = "the store damages what is written to it"


@dataclass
class _AtWork:
    """A task that an executor works on, and how far it is."""

    task: Task
    held: HeldKey
    fraction: float = 0.0
    detail: str = ""


@dataclass
class Dispatcher:
    """Has an executor work on the tasks of a queue."""

    queue: TaskQueue
    executor: Executor
    store: Store
    stored: StoredWork
    place: Resources
    progress: Progress
    interrupt: threading.Event
    """Whoever sets it wants the work to stop soon; what is in progress is kept."""
    leg_s: float | None = None
    """Seconds after which an executor has to give an unfinished training back; None: never."""
    force: bool = False
    """Do finished work again."""
    position: str | None = None
    """What to show before a task's name, where tasks are done one by one; None where several are at work."""
    trained: int = 0
    """How many levels have been trained."""
    _at_work: dict[str, _AtWork] = field(default_factory=dict)
    _repairs: dict[str, int] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)
    _told_waiting: set[str] = field(default_factory=set)

    def is_open(self, keys: Collection[str]) -> bool:
        """Whether work is left for these; what was there when the work began may have gone since."""
        if self.queue.is_open(keys):
            return True
        for key in keys:
            if key not in self.queue.failures and not self.stored.has(self.queue.tasks[key]):
                self.queue.put_back(key)
        return self.queue.is_open(keys)

    def work_until_one_ends(self) -> None:
        """Work until any task is finished or has failed; raises `InterruptedTrainingError` to stop."""
        ended = self.queue.ended
        while self.queue.ended == ended:
            if self.interrupt.is_set():
                self._leave()
            self._hand_out()
            if self._at_work:
                self.executor.listen(self._hear)
                self._show()
            elif self.queue.ended == ended:  # other processes work on it
                self.interrupt.wait(PATIENCE_s)

    def set_aside(self, damaged: DamagedError) -> None:
        """Move what is damaged out of the way; have it made again where it is the result of a task."""
        self.store.set_aside(damaged)
        self.progress.say(f"{damaged}; set aside, doing it again")
        key = damaged.path.name
        if key in self.queue.tasks and damaged.path.parent.name == self.queue.tasks[key].kind:
            self.queue.put_back(key)

    def close(self, *, at_once: bool) -> None:
        """Release the executor and all locks; if `at_once`, without waiting for the tasks at work."""
        self.executor.close(at_once=at_once)
        for at_work in self._at_work.values():
            at_work.held.release()
        self._at_work.clear()

    def _leave(self) -> None:
        """Stop all tasks at work, keep what they have, and raise `InterruptedTrainingError`."""
        self.executor.ask_to_stop()
        while self._at_work:
            self.executor.listen(self._hear)
        raise InterruptedTrainingError

    def _hand_out(self) -> None:
        """Give the executor as many tasks as it takes."""
        held_by_others = []
        while self.executor.free() > 0 and (task := self.queue.take()) is not None:
            try:
                held = self.store.try_lock(task.key)
                if held is None:
                    held_by_others.append(task.key)
                    self._tell_waiting(task)
                else:
                    self._begin(task, held)
            except UserError as error:
                self.queue.fail(task.key, str(error))
        for key in held_by_others:
            self.queue.put_back(key)

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
            if not self.force and self.stored.has(task):
                self.queue.finish(task.key)
                return
            if self.force and task.key not in self._begun:
                self.store.drop_partial(task.key)
            assignment = self.stored.assignment(task, self.place, self.leg_s)
            self._begun.add(task.key)
            self._at_work[task.key] = _AtWork(task, held)
            is_submitted = True
            if self.position is not None:
                self.progress.start(self._label(task), task.cost)
            self.executor.submit(assignment)
        except DamagedError as damaged:
            self._mend(task, damaged)
        finally:
            if not is_submitted:
                held.release()

    def _mend(self, task: Task, damaged: DamagedError) -> None:
        """Have what a task needs, and is damaged, made again first, unless that was tried too often."""
        self.set_aside(damaged)
        self._repairs[task.key] = self._repairs.get(task.key, 0) + 1
        if self._repairs[task.key] > MAX_REPAIRS:
            self.queue.fail(task.key, DISK_IS_DYING)
        else:
            self.queue.put_back(task.key)

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
                self.queue.fail(event.key, str(error))
            finally:
                at_work.held.release()

    def _end(self, task: Task, result: Result) -> None:
        """Keep the result of a task on which work has ended."""
        if isinstance(result, LevelMade | PictureMade):
            self.stored.add(task, result)
            self.progress.start(self._label(task), task.cost)
            self.progress.finish(self._outcome(result))
            self.queue.finish(task.key)
        elif isinstance(result, Kept):
            if result.data is not None:
                self.store.keep_partial(task.key, result.data)
            self.queue.put_back(task.key)
        elif isinstance(result, Unreadable):
            self._mend(task, self.stored.damage(task, result))
        elif isinstance(result, Refused):
            where = f"level {task.what.level}: " if isinstance(task.what, LevelTraining) else ""
            self.queue.fail(task.key, f"{where}{result.reason}")

    def _outcome(self, made: LevelMade | PictureMade) -> str:
        """What was made, in words."""
        if isinstance(made, PictureMade):
            return "super-resolved"
        self.trained += 1
        stopped = ", stopped early" if made.facts.stopped_early else ""
        return f"trained in {duration(made.facts.seconds)}{stopped}"

    def _label(self, task: Task) -> str:
        return f"{self.position or ''}{task.label}"

    def _show(self) -> None:
        """Show progress, if it is time to."""
        if not self._at_work or not self.progress.wants_update():
            return
        if self.position is not None:
            (only,) = self._at_work.values()
            self.progress.update(only.fraction, only.detail)
            return
        at_work = self._at_work.values()
        self.progress.update_several(
            sum(one.task.cost * one.fraction for one in at_work),
            sum(one.task.cost for one in at_work),
            "; ".join(f"{one.task.label} {one.fraction:.0%}" for one in at_work),
        )
