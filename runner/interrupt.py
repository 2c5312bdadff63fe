"""Ctrl-C asks to stop after the current epoch; twice, at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """Within, the first Ctrl-C or SIGTERM sets the event, the second raises `KeyboardInterrupt` at once.

    Leaving after the first raises `KeyboardInterrupt` too, whatever the work inside raised to get out.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (the signature signal wants)
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        say("stopping after this epoch; once more stops at once")

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    except Exception:
        if asked.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
