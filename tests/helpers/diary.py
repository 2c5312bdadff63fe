"""Loaded by workers of tests (Dask's `preload`): they write down their legs, and in one do as they are told.

What they write is one file for all, beside their folders; what a worker is told are files in its own folder.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import safetensors.numpy

from runner.execution import carry_out as module
from runner.execution.assignment import Assignment, Result
from runner.execution.carry_out import Observer, carry_out
from singan.errors import UserError


def dask_setup(worker: object) -> None:
    """What Dask calls."""
    module.carry_out = _carry_out


def _carry_out(assignment: Assignment, observer: Observer) -> Result:
    _write("begun", assignment)
    result = carry_out(assignment, _Told(assignment, observer))
    _write("ended", assignment)
    return result


def _write(what: str, assignment: Assignment) -> None:
    line = f"{Path.cwd().name} {os.getpid()} {assignment.key} {_epochs_before(assignment)} {what}\n"
    with Path("../legs").open("a", encoding="utf-8") as file:
        file.write(line)


class _Told:
    """Does as it is told after an epoch.

    hold: waits as long as it is told so, in legs before which at least that many epochs are done
    refuse: raises a `UserError`
    die: takes its process with it, if it is at the level of that key
    """

    def __init__(self, assignment: Assignment, observer: Observer) -> None:
        self._assignment, self._observer = assignment, observer
        self.moved, self.saved = observer.moved, observer.saved

    def wants_stop(self) -> bool:
        if _told("refuse") is not None:
            raise UserError("told to refuse")
        if _told("die") == self._assignment.key:
            os._exit(1)
        if self._is_held():
            _write("held", self._assignment)
        while self._is_held() and not self._observer.wants_stop():
            time.sleep(0.02)
        return self._observer.wants_stop()

    def _is_held(self) -> bool:
        told = _told("hold")
        return told is not None and _epochs_before(self._assignment) >= int(told or 0)


def _told(what: str) -> str | None:
    try:
        return Path(what).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _epochs_before(assignment: Assignment) -> int:
    if assignment.kept is None:
        return 0
    return int(safetensors.numpy.load(assignment.kept)["epochs_done"])
