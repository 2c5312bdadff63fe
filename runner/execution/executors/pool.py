"""Carry out assignments in several processes of this machine.

Workers know nothing but what they are sent. One that dies takes only its task with it, and another takes its
place; workers whose parent dies stop after their epoch. (In the pools of well-known libraries a death
breaks all of the work, and nothing is heard from a task before its end.)
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event as Flag

from runner.execution.assignment import Assignment, Ended, Event, Kept, Refused
from runner.execution.carry_out import carry_out
from runner.execution.executors.interface import PATIENCE_s, Teller
from runner.execution.resources import Resources
from singan.errors import UserError


@dataclass
class _Worker:
    """A process, and the key of what it is working on."""

    process: SpawnProcess
    connection: Connection
    index: int
    at_work: str | None = None


class ProcessPool:
    """Processes that are started when there is work for them."""

    def __init__(self, place: Resources) -> None:
        self.slots = place.jobs
        self._place = place
        self._workers: list[_Worker] = []
        self._stop = multiprocessing.get_context("spawn").Event()

    def free(self) -> int:
        return self.slots - len(self._busy())

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.at_work is not None]

    def submit(self, assignment: Assignment) -> None:
        idle = (worker for worker in self._workers if worker.at_work is None)
        worker = next(idle, None) or self._hire()
        worker.at_work = assignment.key
        place = self._place.of_worker(worker.index)
        with suppress(OSError):  # it has just died, as listening will tell
            worker.connection.send(replace(assignment, resources=place))

    def _hire(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._stop), daemon=True)
        with _unheard_ctrl_c():
            process.start()
        theirs.close()
        taken = {worker.index for worker in self._workers}
        worker = _Worker(process, ours, min(set(range(self.slots)) - taken))
        self._workers.append(worker)
        return worker

    def listen(self, hear: Callable[[Event], None]) -> None:
        busy = {worker.connection: worker for worker in self._busy()}
        for connection in wait(list(busy), PATIENCE_s):
            assert isinstance(connection, Connection)
            worker = busy[connection]
            try:
                event: Event = connection.recv()
            except (EOFError, OSError):
                event = self._bury(worker)
            if isinstance(event, Ended):
                worker.at_work = None
            try:
                hear(event)
            except UserError as error:
                worker.process.kill()
                hear(self._bury(worker, str(error)))

    def _bury(self, worker: _Worker, reason: str | None = None) -> Ended:
        """Remove a dead or dying worker; its task has failed, unless the worker left before beginning it."""
        assert worker.at_work is not None
        worker.process.join()
        self._workers.remove(worker)
        if self._stop.is_set() and worker.process.exitcode == 0:
            return Ended(worker.at_work, Kept(None))
        reason = reason or f"its process died ({_death(worker.process.exitcode)})"
        return Ended(worker.at_work, Refused(reason))

    def ask_to_stop(self) -> None:
        self._stop.set()

    def close(self, *, at_once: bool) -> None:
        """End all workers: after the epoch they are at, or if `at_once` by killing them."""
        self._stop.set()
        for worker in self._workers:
            if at_once:
                worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join()


@contextmanager
def _unheard_ctrl_c() -> Iterator[None]:
    """Ctrl-C waits until the end of this; a process that is started in here never hears of it.

    It reaches every process of a terminal, and one that is still loading torch would die with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit status {code}"


def _work(connection: Connection, stop: Flag) -> None:
    """Main function of a worker, which gets assignments and sends events, until told to stop or orphaned."""
    parent = os.getppid()

    def wants_stop() -> bool:
        return stop.is_set() or os.getppid() != parent

    try:
        while not wants_stop():
            if connection.poll(PATIENCE_s):
                assignment: Assignment = connection.recv()
                observer = Teller(assignment.key, connection.send, wants_stop)
                connection.send(Ended(assignment.key, carry_out(assignment, observer)))
    except (EOFError, OSError):
        return  # the parent is gone, or needs nothing more
