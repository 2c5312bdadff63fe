"""Private, content-addressed results of finished work: files by key, whole and verified or not there.

<store>/format                     the format's version
<store>/levels/<key>/              entry.json, level.safetensors, history.safetensors
<store>/outputs/<key>/             entry.json, picture.webp
<store>/runs/<profile>/...json     what each run last was: tells what changed, and why one failed
<store>/locks/<key>.lock           held while a key is worked on
<store>/damaged/                   entries set aside because their checksum was wrong
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from runner.files import write_atomically
from runner.results import Provenance
from singan.errors import UserError

FORMAT = "1"
Kind = Literal["levels", "outputs"]

WEIGHTS = "level.safetensors"
HISTORY = "history.safetensors"
PICTURE = "picture.webp"


@dataclass(frozen=True)
class Entry:
    """Finished work: its files, what its key was made from, how long it took and where."""

    folder: Path
    fields: Mapping[str, Any]
    facts: Mapping[str, Any]
    provenance: Provenance
    files: Mapping[str, Mapping[str, Any]]

    @property
    def is_complete(self) -> bool:
        """Whether every file is there with its size; contents are verified when read."""
        return all(_size(self.folder / name) == file["bytes"] for name, file in self.files.items())

    def read(self, name: str) -> bytes:
        """Contents of a file; raises `DamagedError` if they are not what was written."""
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise DamagedError(self.folder, name, error.strerror or "cannot be read") from None
        if hashlib.sha256(data).hexdigest() != self.files[name]["sha256"]:
            raise DamagedError(self.folder, name, "wrong checksum")
        return data


class DamagedError(UserError):
    """A file of the store is not what was written."""

    def __init__(self, folder: Path, name: str, reason: str) -> None:
        self.folder = folder
        super().__init__(reason, where=str(folder / name))


class Store:
    """A store folder; created when first written to.

    Raises `UserError` for a folder of another format, and for one that cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        version = root / "format"
        if version.exists():
            found = version.read_text(encoding="utf-8").strip()
            if found != FORMAT:
                raise UserError(
                    f'has format "{found}", this program reads "{FORMAT}"',
                    where=str(root),
                    right="use another --store, or the version of singan that wrote it",
                )
        elif root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UserError(
                "is no store", where=str(root), right="name an empty or a new folder with --store"
            )

    def prepare(self) -> None:
        """Make sure the folder exists and can be written, before hours of work depend on it."""
        write_atomically(self.root / "format", f"{FORMAT}\n".encode())
        if not os.access(self.root, os.W_OK):
            raise UserError("cannot be written", where=str(self.root), right="name another with --store")

    def find(self, kind: Kind, key: str) -> Entry | None:
        """The entry of a key, or None if it is not there or not complete."""
        folder = self.root / kind / key
        try:
            raw = json.loads((folder / "entry.json").read_bytes())
            entry = Entry(folder, raw["fields"], raw["facts"], Provenance(**raw["provenance"]), raw["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return entry if entry.is_complete else None

    def add(
        self,
        kind: Kind,
        key: str,
        files: Mapping[str, bytes],
        *,
        fields: Mapping[str, Any],
        facts: Mapping[str, Any],
        provenance: Provenance,
    ) -> Entry:
        """Store finished work under its key, all of it or nothing, in place of what was there."""
        folder = self.root / kind / key
        described = {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        }
        entry = {
            "fields": dict(fields),
            "facts": dict(facts),
            "provenance": provenance.model_dump(),
            "files": described,
        }
        with self._replacing(folder) as fresh:
            for name, data in {**files, "entry.json": json.dumps(entry, indent=1).encode()}.items():
                write_atomically(fresh / name, data)
        return Entry(folder, fields, facts, provenance, described)

    @contextmanager
    def _replacing(self, folder: Path) -> Iterator[Path]:
        fresh: Path | None = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            yield fresh
            fresh.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            fresh.rename(folder)
        except OSError as error:
            raise UserError(f"cannot be written: {error.strerror}", where=str(folder)) from None
        finally:
            if fresh is not None:
                shutil.rmtree(fresh, ignore_errors=True)

    def set_aside(self, damaged: DamagedError) -> Path:
        """Move a damaged entry out of the way, so that its work is done again; returns where it went."""
        target = self.root / "damaged" / damaged.folder.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        damaged.folder.rename(target)
        return target

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a key while working on it; another process waits here, then finds the work done."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):
            yield

    def write_note(self, name: str, note: Mapping[str, Any]) -> None:
        """Keep what a run last was."""
        write_atomically(self.root / "runs" / f"{name}.json", json.dumps(note, indent=1).encode())

    def read_note(self, name: str) -> dict[str, Any] | None:
        """What a run last was, or None."""
        try:
            note = json.loads((self.root / "runs" / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return note if isinstance(note, dict) else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
