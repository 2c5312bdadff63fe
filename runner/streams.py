"""Standard streams as a shell may leave them: closed, or in a code of few letters."""

from __future__ import annotations

import io
import os
import sys

import click


def settle_streams() -> None:
    """Make standard streams safe to write any text to, whatever was done to them."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Closed: the next file to be opened would get its number, and take what a child writes there.
            handle = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(handle, handle == number)
            setattr(sys, name, os.fdopen(handle, "r" if name == "stdin" else "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name no terminal can show must not end a command
            stream.reconfigure(errors="backslashreplace")


def tell(line: str) -> None:
    """A notice for whoever runs a command, where errors go: standard output is for what was asked for."""
    click.echo(f"note: {line}", err=True)


def wants_colour() -> bool | None:
    """False where they are not wanted (https://no-color.org) or not understood; None: if it is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
