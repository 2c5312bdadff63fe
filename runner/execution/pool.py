"""Several processes that work on one plan: whatever is ready, the longest chain of work first.

Workers share nothing but the store, as separate invocations would. The parent hands out tasks, hears how they
went, and records runs as they become complete. A worker that dies takes only its task with it; workers whose
parent dies stop after their epoch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from runner.execution.resources import Resources
from runner.execution.task import Done, Failed, Moved, News, Task, Waiting, carry_out
from runner.images.load import LoadedImage
from runner.planning.plan import Plan, Run
from runner.progress import Progress
from runner.store.store import Store

_PATIENCE_s = 0.5
"""How long to wait for news before looking whether the user wants to stop."""


@dataclass
class _Worker:
    """A process, and what it is working on."""

    process: SpawnProcess
    connection: Connection
    task: Task | None = None
    fraction: float = 0.0


@dataclass
class WorkerPool:
    """Works ahead of the caller, who waits for one run after the other."""

    plan: Plan
    images: Mapping[str, LoadedImage]
    store: Store
    place: Resources
    progress: Progress
    interrupt: threading.Event
    failures: dict[str, str] = field(default_factory=dict)
    """Reasons by the key of the level or picture."""
    finished: set[str] = field(default_factory=set)
    """Keys of the work done."""
    _left: dict[str, Task] = field(default_factory=dict)
    _critical_path: dict[str, float] = field(default_factory=dict)
    _workers: list[_Worker] = field(default_factory=list)
    _stop: Event = field(default_factory=lambda: multiprocessing.get_context("spawn").Event())

    def begin(self, tasks: Mapping[str, Task]) -> None:
        """Take on this work: what a run of the plan needs and the store lacks, by key."""
        self._left = dict(tasks)
        self._critical_path = critical_paths(self.plan)

    def wait_for(self, run: Run) -> None:
        """Work until nothing of this run is left, or the user wants to stop."""
        wanted = {*run.levels, *(draw.key for draw in run.draws)}
        while not self.interrupt.is_set() and (self._open() & wanted):
            self._hand_out()
            self._listen()

    def _open(self) -> set[str]:
        """Keys of what is not done or failed yet."""
        return {*self._left, *(worker.task.key for worker in self._workers if worker.task)}

    def _hand_out(self) -> None:
        self._drop_hopeless()
        idle = [worker for worker in self._workers if worker.task is None]
        ready = sorted(self._ready(), key=lambda key: -self._critical_path[key])
        while len(self._workers) < self.place.jobs and len(idle) < len(ready):
            idle.append(self._hire())
        for worker, key in zip(idle, ready, strict=False):
            worker.task, worker.fraction = self._left.pop(key), 0.0
            worker.connection.send(worker.task)

    def _ready(self) -> list[str]:
        """Keys of tasks with nothing below them left to do."""
        unfinished = self._open()
        return [key for key, task in self._left.items() if task.below not in unfinished]

    def _drop_hopeless(self) -> None:
        """Leave out what stands on something that failed."""
        while hopeless := [key for key, task in self._left.items() if task.below in self.failures]:
            for key in hopeless:
                below = self._left.pop(key).below
                assert below is not None
                self.failures[key] = self.failures[below]

    def _hire(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        place = self.place.of_worker(len(self._workers))
        process = context.Process(
            target=_work, args=(theirs, self._stop, self.store.root, dict(self.images), place), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _listen(self) -> None:
        busy = {worker.connection: worker for worker in self._workers if worker.task}
        for connection in wait(list(busy), _PATIENCE_s):
            assert isinstance(connection, Connection)
            worker = busy[connection]
            try:
                self._hear(worker, connection.recv())
            except (EOFError, OSError):
                self._bury(worker)
        self._show()

    def _hear(self, worker: _Worker, news: News) -> None:
        assert worker.task is not None
        if isinstance(news, Moved):
            worker.fraction = news.fraction
            return
        if isinstance(news, Waiting):
            self.progress.say(f"{worker.task.label}: waiting for {news.holder}, which works on the same")
            return
        self.progress.start(worker.task.label, worker.task.cost)
        if isinstance(news, Failed):
            self.failures[worker.task.key] = news.reason
        elif isinstance(news, Done):
            self.finished.add(worker.task.key)
            self.progress.finish(news.outcome)
        worker.task = None

    def _bury(self, worker: _Worker) -> None:
        """A worker that was killed: the task failed, and another worker takes the place."""
        assert worker.task is not None
        worker.process.join()
        reason = f"its process died ({_death(worker.process.exitcode)})"
        self.failures[worker.task.key] = reason
        self._workers.remove(worker)

    def _show(self) -> None:
        if self.progress.wants_update():
            busy = [worker for worker in self._workers if worker.task]
            tasks = [(worker.task, worker.fraction) for worker in busy if worker.task]
            cost = sum(task.cost for task, _ in tasks)
            done = sum(task.cost * fraction for task, fraction in tasks)
            names = "; ".join(f"{task.label} {fraction:.0%}" for task, fraction in tasks)
            self.progress.start("at work", cost)
            self.progress.update(done / cost if cost else 0.0, names)

    def dismiss(self) -> None:
        """Let every worker finish its epoch, keep it, and go."""
        self._stop.set()
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.process.join()

    def kill(self) -> None:
        """End every worker at once; what was kept last is kept."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()


@contextmanager
def working(pool: WorkerPool) -> Iterator[WorkerPool]:
    """The pool works in here; leaving in haste kills it."""
    try:
        yield pool
    except KeyboardInterrupt:
        pool.kill()
        raise
    finally:
        pool.dismiss()


def critical_paths(plan: Plan) -> dict[str, float]:
    """By key of a level or picture: the cost of the longest chain of work that starts with it."""
    found = {draw.key: draw.cost for run in plan.runs for draw in run.draws}
    above: dict[str, list[str]] = {}
    for run in plan.runs:
        for below, key in zip(run.levels, run.levels[1:], strict=False):
            above.setdefault(below, []).append(key)
        above.setdefault(run.levels[-1], []).extend(draw.key for draw in run.draws)
    for key in reversed(list(plan.levels)):  # a level comes after the one below it
        found[key] = plan.levels[key].cost + max((found[next_] for next_ in above[key]), default=0.0)
    return found


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit status {code}"


def _work(
    connection: Connection, stop: Event, store_root: Path, images: Mapping[str, LoadedImage], place: Resources
) -> None:
    """Life of a worker: tasks come in, news goes out; it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    parent = os.getppid()

    def wants_stop() -> bool:
        return stop.is_set() or os.getppid() != parent

    place.settle()
    store = Store(store_root)
    try:
        while not wants_stop():
            if connection.poll(_PATIENCE_s):
                task: Task = connection.recv()
                connection.send(carry_out(task, images, store, place, connection.send, wants_stop))
    except (EOFError, OSError):
        return  # the parent is gone, or needs nothing more
