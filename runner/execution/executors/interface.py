"""What every way to carry out assignments offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from runner.execution.assignment import Assignment, Event, Moved, Saved
from singan.errors import UserError

PATIENCE_s = 0.5
"""How long to wait for something to happen before looking whether the user wants to stop."""


class LostError(UserError):
    """Whoever carried out the tasks is gone for good; no task has failed for that."""


class Executor(Protocol):
    """Takes assignments, and tells what becomes of them. Every one of them ends in exactly one `Ended`."""

    slots: int
    """How many assignments it works on at a time, as far as it knows now."""

    def free(self) -> int:
        """How many assignments it would begin with at once."""

    def submit(self, assignment: Assignment) -> None:
        """Begin with an assignment, whose key must not be at work."""

    def listen(self, hear: Callable[[Event], None]) -> None:
        """Tell what has happened; if nothing has, wait a moment for it.

        When `hear` raises `UserError` at a `Saved`, the task is given up, and ends `Refused` for that reason.
        Raises `LostError` when nothing can be carried out any more.
        """

    def ask_to_stop(self) -> None:
        """Whatever is at work shall end soon, with `Kept`."""

    def close(self, *, at_once: bool) -> None:
        """Let go of everything; `at_once` without waiting for what is at work."""


class Teller:
    """An observer of a task at work (`carry_out.Observer`) that passes on what happens as events."""

    def __init__(self, key: str, tell: Callable[[Event], None], wants_stop: Callable[[], bool]) -> None:
        self._key, self._tell, self.wants_stop = key, tell, wants_stop

    def moved(self, fraction: float, detail: str) -> None:
        self._tell(Moved(self._key, fraction, detail))

    def saved(self, data: bytes) -> None:
        self._tell(Saved(self._key, data))
