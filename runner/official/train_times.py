"""Training times as the author's program leaves them in a trained folder: `train times.txt`.

level 0 time: 2.52 minuets
level 1 time: 2.02 minuets
total time: 4.54 minuets
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

_FILES = "train times*.txt"
_LEVEL = re.compile(r"^level (\d{1,2}) time: (\d{1,6}(?:\.\d{1,6})?) min", re.MULTILINE | re.ASCII)
_MOST_BYTES = 10_000


def read_minutes(folder: Path, levels: int, say: Callable[[str], None]) -> tuple[float, ...] | None:
    """Training minutes of each of `levels` levels, coarsest first; None where they are not known.

    A file that does not name each level once is left out, and so are several files; `say` is told so.
    """
    try:
        files = sorted(folder.glob(_FILES))
    except OSError:
        return None
    if len(files) > 1:
        say(f"{folder}: {len(files)} files of training times; none is taken, as it is unknown which holds")
    if len(files) != 1:
        return None
    found = _LEVEL.findall(_text(files[0]))
    if [int(level) for level, _ in found] != list(range(levels)):
        say(f"{files[0]}: does not tell the time of each of the {levels} levels; training times are left out")
        return None
    return tuple(float(minutes) for _, minutes in found)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
