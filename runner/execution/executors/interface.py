"""The interface of everything that carries out assignments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from runner.execution.assignment import Assignment, Event, Moved, Saved
from singan.errors import UserError

PATIENCE_s = 0.5
"""How long to wait for something to happen before looking whether the user wants to stop."""


class LostError(UserError):
    """The processes or machines of an executor are gone for good; no task counts as failed because of it."""


class Executor(Protocol):
    """Takes assignments, and reports what becomes of them. Each of them ends with exactly one `Ended`."""

    slots: int
    """How many assignments it works on at a time, as far as it knows now."""

    def free(self) -> int:
        """How many more assignments it would begin with right now."""

    def submit(self, assignment: Assignment) -> None:
        """Begin with an assignment, whose key must not be at work."""

    def listen(self, hear: Callable[[Event], None]) -> None:
        """Call `hear` with what has happened; if nothing has, wait a moment for it.

        When `hear` raises `UserError` at a `Saved`, the task is given up, and ends `Refused` for that reason.
        Raises `LostError` when nothing can be carried out any more.
        """

    def ask_to_stop(self) -> None:
        """Ask the tasks at work to end soon, with `Kept`."""

    def close(self, *, at_once: bool) -> None:
        """Release everything; if `at_once`, without waiting for the tasks at work."""


class Teller:
    """An observer of a task at work (`carry_out.Observer`) that passes on what happens as events."""

    def __init__(self, key: str, tell: Callable[[Event], None], wants_stop: Callable[[], bool]) -> None:
        self._key, self._tell, self.wants_stop = key, tell, wants_stop

    def moved(self, fraction: float, detail: str) -> None:
        self._tell(Moved(self._key, fraction, detail))

    def saved(self, data: bytes) -> None:
        self._tell(Saved(self._key, data))
