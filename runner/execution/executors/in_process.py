"""Carry out assignments in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from runner.execution.assignment import Assignment, Ended, Event
from runner.execution.carry_out import carry_out
from runner.execution.executors.interface import Teller


class InProcess:
    """Carries out an assignment within `listen`; `wants_stop` says when the user wants to stop."""

    slots = 1

    def __init__(self, wants_stop: Callable[[], bool]) -> None:
        self._wants_stop = wants_stop
        self._assignment: Assignment | None = None

    def free(self) -> int:
        return 0 if self._assignment else 1

    def submit(self, assignment: Assignment) -> None:
        self._assignment = assignment

    def listen(self, hear: Callable[[Event], None]) -> None:
        if self._assignment is None:
            return
        assignment, self._assignment = self._assignment, None
        observer = Teller(assignment.key, hear, self._wants_stop)
        hear(Ended(assignment.key, carry_out(assignment, observer)))

    def ask_to_stop(self) -> None:
        """Do nothing: outside `listen`, no task is at work."""

    def close(self, *, at_once: bool) -> None:
        """Do nothing: there is nothing to release."""
