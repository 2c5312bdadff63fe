"""The order in which tasks are begun: by a given order, as soon as nothing below them is left to do.

A task is open until it is finished or has failed. When it fails, so do all tasks that stand on it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from runner.execution.task import Task


class TaskQueue:
    """The open tasks of a plan. Each change costs the logarithm of their number, so there may be many."""

    def __init__(self, tasks: Mapping[str, Task], pending: Iterable[str], order: Mapping[str, float]) -> None:
        """`tasks` are all of the plan's by key, `pending` the keys to do; the lowest `order` comes first."""
        self.failures: dict[str, str] = {}
        """Reason of each failed task, by its key."""
        self.ended = 0
        """How many times a task was finished or has failed."""
        self.tasks, self._order = tasks, order
        self._open = set(pending)
        self._ready: list[tuple[float, str]] = []
        self._waiting: dict[str, set[str]] = {}
        """Keys of tasks that cannot begin yet, by the key of the open task they stand on."""
        for key in self._open:
            self._place(key)

    @property
    def cost(self) -> float:
        """Expected work of all open tasks."""
        return sum(self.tasks[key].cost for key in self._open)

    def is_open(self, keys: Iterable[str]) -> bool:
        """Whether any of these is neither finished nor failed."""
        return not self._open.isdisjoint(keys)

    def take(self) -> Task | None:
        """The next task to begin, or None while there is none; it stays open until `finish` or `fail`."""
        while self._ready:
            _, key = heapq.heappop(self._ready)
            task = self.tasks[key]
            if task.below in self._open:  # (the task below has been reopened meanwhile)
                self._place(key)
            elif key in self._open:
                return task
        return None

    def put_back(self, key: str) -> None:
        """Open a task again, because it was taken but not done, or because its result is gone."""
        self._open.add(key)
        self._place(key)

    def finish(self, key: str) -> None:
        """Mark a task as done, so that those waiting for it can begin."""
        self._open.discard(key)
        self.ended += 1
        for above in self._waiting.pop(key, ()):
            self._place(above)

    def fail(self, key: str, reason: str) -> None:
        """Mark a task as failed, and with it everything that stands on it."""
        hopeless = [key]
        while hopeless:
            failed = hopeless.pop()
            self._open.discard(failed)
            self.ended += 1
            self.failures[failed] = reason
            hopeless.extend(self._waiting.pop(failed, ()))

    def _place(self, key: str) -> None:
        below = self.tasks[key].below
        if below is not None and below in self._open:
            self._waiting.setdefault(below, set()).add(key)
        elif below is not None and below in self.failures:
            self.fail(key, self.failures[below])
        else:
            heapq.heappush(self._ready, (self._order[key], key))
