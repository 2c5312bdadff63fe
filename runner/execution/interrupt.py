"""When to stop before the work is done: at Ctrl-C, or when the time for it is up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class TimeLimitReachedError(Exception):
    """The time that was given is up; what is in progress has been kept."""


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(say: Callable[[str], None], time_limit_s: float | None = None) -> Iterator[threading.Event]:
    """Context whose event is set by the first Ctrl-C or SIGTERM, and when the time is up.

    A second Ctrl-C raises `KeyboardInterrupt` at once. Leaving by an exception once the event is set raises
    `KeyboardInterrupt` or `TimeLimitReachedError`, whatever the work inside raised to get out.
    """
    request = _StopRequest(say)
    previous = {
        number: signal.signal(number, request.by_person) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with _calling_after(time_limit_s, request.by_clock):
            yield request.made
    except Exception:
        if request.is_time_up:
            raise TimeLimitReachedError from None
        if request.made.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _StopRequest:
    """Whether the work should stop, and because of whom: a person's request outranks the clock's."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.made = threading.Event()
        self.is_time_up = False

    def by_person(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  (what signal wants)
        if self.made.is_set() and not self.is_time_up:
            raise KeyboardInterrupt
        self.is_time_up = False
        self.made.set()
        self._say("stopping after this epoch; once more stops at once")

    def by_clock(self) -> None:
        if not self.made.is_set():
            self.is_time_up = True
            self.made.set()
            self._say("the time is up; stopping after this epoch")


@contextmanager
def _calling_after(seconds: float | None, call: Callable[[], None]) -> Iterator[None]:
    """Call `call` from another thread after `seconds` (None: never), unless the context is left before."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), call)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
