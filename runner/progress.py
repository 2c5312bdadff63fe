"""Progress for a person to follow: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_PLAIN_INTERVAL_s = 15.0
_LIVE_INTERVAL_s = 0.2


class Progress(Protocol):
    """What execution reports its progress to. Work and costs are in the plan's unit of cost."""

    def begin(self, work: float) -> None:
        """Called before the first task, with the cost of all tasks."""

    def start(self, label: str, cost: float) -> None:
        """Called when a task begins."""

    def wants_update(self) -> bool:
        """Whether `update` would show anything now; to be asked before working out a detail."""

    def update(self, fraction: float, detail: str) -> None:
        """Called with how much of the task is done, 0 to 1."""

    def update_several(self, done: float, cost: float, detail: str) -> None:
        """Called where several tasks are at work: how much of their cost is done, and what they are."""

    def finish(self, outcome: str) -> None:
        """Called when the task has ended; `outcome` in words."""

    def say(self, line: str) -> None:
        """Called with something worth a line of its own."""


def duration(seconds: float) -> str:
    """Seconds in words, to about three figures: `0.43 s`, `12.7 s`, `3 min 05 s`, `2 h 07 min`.

    >>> [duration(value) for value in (0.432, 12.68, 59.96, 185.2, 7620.0)]
    ['0.43 s', '12.7 s', '1 min 00 s', '3 min 05 s', '2 h 07 min']
    """
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


class _Clock:
    """Estimates the time left from the share of the cost that is done and the time it took."""

    def __init__(self, work: float) -> None:
        self.work, self.done, self.started = work, 0.0, time.monotonic()

    def share(self, running: float) -> float:
        """How much of all the work is done, 0 to 1, when `running` of the current tasks' cost is."""
        return min((self.done + running) / self.work, 1.0) if self.work > 0 else 0.0

    def left(self, running: float = 0.0) -> str:
        """Time left when `running` of the current task's cost is done."""
        done = self.done + running
        elapsed = time.monotonic() - self.started
        if done <= 0 or elapsed < 2 or self.work <= 0:  # (work is 0 where nobody told how much there is)
            return "estimating the time left"
        return f"about {duration(elapsed * max(self.work - done, 0) / done)} left"


class PlainProgress:
    """Lines for logs: one when a task ends, and one every 15 seconds while it runs."""

    def __init__(self) -> None:
        self._clock = _Clock(0)
        self._label, self._cost, self._shown = "", 0.0, 0.0

    def begin(self, work: float) -> None:
        self._clock = _Clock(work)

    def start(self, label: str, cost: float) -> None:
        self._label, self._cost, self._shown = label, cost, time.monotonic()

    def wants_update(self) -> bool:
        return time.monotonic() - self._shown > _PLAIN_INTERVAL_s

    def update(self, fraction: float, detail: str) -> None:
        self._shown = time.monotonic()
        self.say(f"{self._label}: {fraction:.0%}, {detail}, {self._clock.left(fraction * self._cost)}")

    def update_several(self, done: float, cost: float, detail: str) -> None:  # noqa: ARG002  (of all, not of these)
        self._shown = time.monotonic()
        self.say(f"{self._clock.share(done):.0%} of the work: {detail}, {self._clock.left(done)}")

    def finish(self, outcome: str) -> None:
        self._clock.done += self._cost
        self.say(f"{self._label}: {outcome}, {self._clock.left()}")

    def say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class LiveProgress:
    """A bar for all the work and one for the current task."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415  (only a terminal needs rich)
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        self._bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TextColumn("{task.fields[detail]}", markup=False),
            refresh_per_second=5,
        )
        self._clock = _Clock(0)
        self._all = self._bars.add_task("all", total=None, detail="")
        self._one = self._bars.add_task("", total=1.0, detail="", visible=False)
        self._label, self._cost, self._shown = "", 0.0, 0.0

    def begin(self, work: float) -> None:
        self._clock = _Clock(work)
        self._bars.update(self._all, total=work or 1.0, completed=0)

    def start(self, label: str, cost: float) -> None:
        self._label, self._cost = label, cost
        self._bars.update(self._one, description=label, completed=0, detail="", visible=True)

    def wants_update(self) -> bool:
        return time.monotonic() - self._shown > _LIVE_INTERVAL_s

    def update(self, fraction: float, detail: str) -> None:
        self._shown = time.monotonic()
        self._bars.update(self._one, completed=fraction, detail=detail)
        running = fraction * self._cost
        self._bars.update(self._all, completed=self._clock.done + running, detail=self._clock.left(running))

    def update_several(self, done: float, cost: float, detail: str) -> None:
        self.start("at work", cost)
        self.update(done / cost if cost else 0.0, detail)

    def finish(self, outcome: str) -> None:
        self._clock.done += self._cost
        self._bars.update(self._all, completed=self._clock.done, detail=self._clock.left())
        self.say(f"{self._label}: {outcome}")

    def say(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Context in which the bars are drawn."""
        with self._bars:
            yield


@contextmanager
def showing_progress() -> Iterator[Progress]:
    """Live bars where standard output is a terminal, plain lines elsewhere."""
    if sys.stdout.isatty():
        live = LiveProgress()
        with live.shown():
            yield live
    else:
        yield PlainProgress()
