"""A command in a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
import threading
from pathlib import Path

import psutil

from helpers.shell import SINGAN

ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """`singan` as a person starts it: what is typed reaches it and all its children."""

    def __init__(self, *arguments: str, folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*SINGAN, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),  # noqa: PLW1509  (as a shell does it)
        )
        os.close(theirs)
        self._said: list[bytes] = []
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def said(self) -> str:
        """All that has appeared so far."""
        return b"".join(self._said).decode()

    def press_ctrl_c(self) -> None:
        os.write(self._ours, b"\x03")

    def wait(self, within_s: float) -> int:
        """Exit status of the command."""
        try:
            return self.process.wait(within_s)
        finally:
            self.process.kill()

    def children(self) -> list[psutil.Process]:
        """What the command started that is still there, even when the command is not."""
        return [
            process
            for process in psutil.process_iter()
            if process.pid != self.process.pid and _session(process.pid) == self.process.pid
        ]

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:
                return
            self._said.append(data)


def _session(process: int) -> int | None:
    try:
        return os.getsid(process)
    except OSError:
        return None
