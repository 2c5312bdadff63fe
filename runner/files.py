"""Reading and writing files, so that a file is either whole or not there."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from singan.errors import UserError

LFS_POINTER = b"version https://git-lfs.github.com/"
"""First bytes of a file that Git LFS has not fetched yet."""

_LITTER = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"})


def is_litter(name: str) -> bool:
    """Whether a file's name is one that file managers and office programs put beside people's files."""
    return name.lower() in _LITTER or name.startswith(("._", "~$", ".~lock."))


def check_writable(folder: Path) -> None:
    """Refuse a folder that could not be written to, without creating it; raises `UserError`."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        what = "cannot be written" if existing.is_dir() else f"cannot be a folder: {existing} is a file"
        raise UserError(what, where=str(folder), right="name another folder")


def read_file(path: Path) -> bytes:
    """Contents of a file; raises `OSError` for a pipe or a device, which could be read for ever."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return path.read_bytes()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old bytes or the new, never a part; equal bytes are left alone.

    Raises `UserError` when the disk is full or the folder cannot be written.
    """
    temporary: Path | None = None
    try:
        if path.is_file() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise UserError(f"cannot be written: {error.strerror}", where=str(path)) from None
