"""Standard streams that a shell may have closed, or set to an encoding of few characters."""

from __future__ import annotations

import io
import os
import sys

import click

_SHOWN = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r"},
    0x7F: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0)], 0xFFFD),
    **{plane + code: 0xFFFD for plane in range(0, 0x110000, 0x10000) for code in (0xFFFE, 0xFFFF)},
}
"""What to show for each character that a terminal obeys or that a page may not contain.

Control characters of ASCII become control pictures (from U+2400 on); those of the C1 set, surrogates and
noncharacters become U+FFFD."""


def settle_streams() -> None:
    """Make standard streams safe to write any text to, even closed ones and those of another encoding."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # It is closed: the next file opened would get its number, and with it what a child writes there.
            handle = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(handle, handle == number)
            setattr(sys, name, os.fdopen(handle, "r" if name == "stdin" else "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name no terminal can show must not end a command
            stream.reconfigure(errors="backslashreplace")


def harmless(text: str) -> str:
    """Text with a visible character in place of each that a terminal obeys or that a page may not contain.

    File names and titles may contain any of them: BEL, ESC, half of a surrogate pair.
    """
    return text.translate(_SHOWN)


def tell(line: str) -> None:
    """Print a notice on standard error, as standard output is for what was asked for."""
    click.echo(f"note: {harmless(line)}", err=True)


def wants_colour() -> bool | None:
    """False where colours are not wanted (https://no-color.org) or not understood; None lets click decide."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
