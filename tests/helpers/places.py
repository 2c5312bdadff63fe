"""A command in folders that are mount points, full or read-only, and with streams that a shell may leave.

Folders are mounted in a namespace of the command's own, so nothing is left of them when it has ended. Where a
machine allows no mounts, folders stay what they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from helpers.shell import SINGAN

_PAGE_kib = 4
_MINUTES_s = 300

Streams = Literal["", ">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full", "| true"]


@dataclass(frozen=True)
class Place:
    """What becomes of a folder: a file system of its own with its contents and little room beside them."""

    room_kib: int
    read_only: bool = False


@dataclass(frozen=True)
class Ended:
    """What came of a command."""

    status: int
    out: str
    err: str
    after: Path
    """A copy of the folder as the command left it."""


@cache
def _own_mounts() -> Sequence[str]:
    """A command that gives the one after it mounts of its own; nothing where that is not allowed."""
    for prefix in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        script = "mount -t tmpfs tmpfs /mnt"
        if shutil.which(prefix[0]) and not _run([*prefix, "sh", "-c", script], Path("/")).returncode:
            return prefix
    return []


def carry_out(
    folder: Path, command: Sequence[str], places: Mapping[str, Place], streams: Streams = ""
) -> Ended:
    """Run `singan` in `folder`, its streams redirected; the named folders in it become such places."""
    after = folder.with_name(f"{folder.name}-after")
    mounted = places if _own_mounts() else {}
    script = [
        "set -e",
        *(
            line
            for name, place in mounted.items()
            for line in _mounting(name, _needed_kib(folder / name), place)
        ),
        "set +e",
        f'{{ "$@" && echo 0 >"$AFTER.status" || echo $? >"$AFTER.status"; }} {streams}',
        'cp -a . "$AFTER"',
    ]
    shell = [*_own_mounts(), "sh", "-c", "\n".join(script), "sh", *SINGAN, *command]
    done = _run(shell, folder, _environment(folder, after))
    status = after.with_name(f"{after.name}.status")
    assert status.exists(), done.stderr
    return Ended(int(status.read_text()), done.stdout, done.stderr, after)


def _environment(folder: Path, after: Path) -> Mapping[str, str]:
    """The home, caches and temporary files are in the folder, and there is nobody at the network's door."""
    own = {"HOME": "home", "XDG_CACHE_HOME": "home/.cache", "TMPDIR": "tmp", "MPLCONFIGDIR": "home/.mpl"}
    return {
        **os.environ,
        **{name: str(folder / place) for name, place in own.items()},
        "AFTER": str(after),
        "https_proxy": "http://127.0.0.1:9",
    }


def _mounting(name: str, needed_kib: int, place: Place) -> Sequence[str]:
    """Shell lines that put a file system over a folder, with what is in it."""
    size = max(_PAGE_kib, needed_kib + place.room_kib)
    lines = [f"cp -a {name} .aside", f"mount -t tmpfs -o size={size}k tmpfs {name}", f"cp -a .aside/. {name}"]
    lines += ["rm -r .aside"]
    return [*lines, f"mount -o remount,ro {name}"] if place.read_only else lines


def _needed_kib(folder: Path) -> int:
    """What the files of a folder take in memory, in whole pages."""
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return sum(-(-size // (_PAGE_kib * 1024)) * _PAGE_kib for size in sizes)


def _run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_MINUTES_s,
    )
