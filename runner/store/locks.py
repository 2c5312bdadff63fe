"""Locks of keys, so that no two processes on one store work on the same key.

<locks>/<key>.lock    held while a key is worked on
<locks>/<key>.holder  says by whom
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from runner.files import write_atomically
from singan.errors import UserError

_MOMENT_s = 0.5
"""How long to wait for a lock before looking whether there is still reason to."""

WhileWaiting = Callable[[str], None]
"""Called with who holds the key that is waited for."""


@dataclass(frozen=True)
class HeldKey:
    """A key that this process works on, until it releases it."""

    lock: FileLock
    holder: Path

    def release(self) -> None:
        """Let others have the key."""
        with suppress(OSError):  # what matters is the lock, and the store may have gone
            self.holder.unlink(missing_ok=True)
        self.lock.release()


class Locks:
    """The locks in a folder, which is made when it is needed. Raises `UserError` where none can be had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, key: str, patience_s: float = 0.0) -> HeldKey | None:
        """Hold a key from now on; None if another process still holds it after `patience_s`."""
        path = self._folder / f"{key}.lock"
        lock = FileLock(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _acquired(lock, patience_s):
                return None
            write_atomically(self._holder(key), f"process {os.getpid()} on {platform.node()}".encode())
        except OSError as error:
            lock.release()
            raise UserError(f"cannot be locked: {error.strerror or error}", where=str(path)) from None
        return HeldKey(lock, self._holder(key))

    @contextmanager
    def held(self, key: str, while_waiting: WhileWaiting | None = None) -> Iterator[None]:
        """Context that holds a key; `while_waiting` is called again and again until that is possible."""
        while (held := self.take(key, _MOMENT_s)) is None:
            if while_waiting is not None:
                while_waiting(self.holder_of(key))
        try:
            yield
        finally:
            held.release()

    def holder_of(self, key: str) -> str:
        """Who holds a key, as far as its holder has said."""
        try:
            told = self._holder(key).read_text(encoding="utf-8", errors="replace")
        except OSError:
            told = ""
        return told[:200] or "another process"

    def check(self) -> None:
        """Refuse a file system whose locks nobody can get: waiting for one would never end."""
        path = self._folder / f".try-{os.getpid()}-{threading.get_ident()}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _acquired(probe := FileLock(path), _MOMENT_s):
                raise OSError("a lock that nobody holds is not to be had")
            probe.release()
            path.unlink(missing_ok=True)
        except (OSError, NotImplementedError) as error:
            raise UserError(
                f"files cannot be locked there: {error}",
                where=str(self._folder.parent),
                right="name a --store on another file system",
            ) from None

    def _holder(self, key: str) -> Path:
        return self._folder / f"{key}.holder"


def _acquired(lock: FileLock, patience_s: float) -> bool:
    """Whether the lock was got within `patience_s`; raises `OSError` where it cannot be had at all."""
    try:
        lock.acquire(timeout=patience_s)
    except Timeout:
        return False
    return True
