"""Processes that write one folder take turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from singan.errors import UserError

LONGEST_WAIT_s = 600.0
"""Many times what a build takes; whoever holds the lock for longer hangs, or was stopped."""


@contextmanager
def turn(lock: Path, what: str) -> Iterator[None]:
    """Context that holds the lock file `lock`, which is gone afterwards. `what` is being written, for people.

    Raises `UserError` where another process keeps it too long, and `OSError` where it cannot be made.
    """
    held = FileLock(lock, timeout=LONGEST_WAIT_s)
    try:
        held.acquire()
    except Timeout:
        raise UserError(
            "another build has been writing it for long", where=what, right="end that one, or wait for it"
        ) from None
    try:
        yield
    finally:
        # While it is still held: one who waits for the unlinked file sees that it is, and takes a new one.
        # (Where no file can be removed while it is open, on Windows, releasing it removes it.)
        if not isinstance(held, SoftFileLock):
            with suppress(OSError):
                lock.unlink()
        held.release()
