"""Private, content-addressed results of finished work: files by key, whole and verified or not there.

<store>/format                     the format's version
<store>/levels/<key>/              entry.json, level.safetensors, history.safetensors
<store>/outputs/<key>/             entry.json, picture.webp
<store>/metrics/<key>/             entry.json, metrics.json
<store>/runs/<profile>/...json     what each run last was: tells what changed, and why one failed
<store>/runs/begun/...json         what a run is that has not ended yet: its levels are needed
<store>/partial/<key>              a training in progress, with its checksum
<store>/locks/<key>.lock           held while a key is worked on; <key>.holder says by whom
<store>/damaged/                   entries set aside because their checksum was wrong
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, Field, ValidationError

from runner.files import check_writable, is_litter, read_file, write_atomically
from runner.store.locks import HeldKey, Locks, WhileWaiting
from runner.store.provenance import Provenance
from singan.errors import UserError

FORMAT = "1"
Kind = Literal["levels", "outputs", "metrics"]
KINDS: tuple[Kind, ...] = ("levels", "outputs", "metrics")

WEIGHTS = "level.safetensors"
HISTORY = "history.safetensors"
PICTURE = "picture.webp"

FOLDERS = frozenset({*KINDS, "runs", "partial", "locks", "damaged"})
"""All that a store keeps to itself, by name."""

_DIGEST_bytes = 32

MAX_REPAIRS = 20
"""Damaged entries set aside and made again before giving up: a dying disk must not cause an endless loop."""

_MOST_RIVALS = 20
"""How often another process may be faster to put an entry in its place."""


class StoredFile(BaseModel):
    """Size and checksum that a file of an entry must have."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: str


class _Description(BaseModel):
    """entry.json. It has no checksum of its own, so nothing in it is taken for granted."""

    fields: dict[str, Any]
    facts: dict[str, Any]
    provenance: Provenance
    files: dict[Annotated[str, Field(pattern=r"^\w[\w.-]*$")], StoredFile]


class Note(TypedDict):
    """What a run last was: why it failed, if it did, and the fields of its levels by their index."""

    failure: str | None
    levels: dict[str, dict[str, Any]]


class _NoteFile(BaseModel):
    """A note as it is read from the store, where it may have been damaged."""

    failure: str | None
    levels: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Entry:
    """Finished work: its files, what its key was made from, how long it took and where."""

    folder: Path
    fields: Mapping[str, Any]
    facts: Mapping[str, Any]
    provenance: Provenance
    files: Mapping[str, StoredFile]

    @property
    def is_complete(self) -> bool:
        """Whether every file is there with its size; contents are verified when read."""
        return all(_size(self.folder / name) == file.bytes for name, file in self.files.items())

    def read(self, name: str) -> bytes:
        """Contents of a file; raises `DamagedError` if they are not what was written."""
        if name not in self.files:
            raise DamagedError(self.folder, "is not among the entry's files", name)
        try:
            data = read_file(self.folder / name)
        except OSError as error:
            raise DamagedError(self.folder, error.strerror or "cannot be read", name) from None
        if hashlib.sha256(data).hexdigest() != self.files[name].sha256:
            raise DamagedError(self.folder, "wrong checksum", name)
        return data


class DamagedError(UserError):
    """A file of the store is not what was written; `path` is what to set aside, an entry or a file."""

    def __init__(self, path: Path, reason: str, name: str = "") -> None:
        self.path = path
        super().__init__(reason, where=str(path / name))


def store_around(path: Path) -> Path | None:
    """The store in one of whose own folders a path lies, or would lie; None too where nobody can tell."""
    try:
        path = path.resolve()
        for folder in (path, *path.parents):
            root = folder.parent
            if folder.name in FOLDERS and (root / "format").is_file() and (root / "locks").is_dir():
                return root
    except (OSError, RuntimeError):  # (a loop of links is a `RuntimeError` before Python 3.13)
        pass
    return None


class Store:
    """A store folder; created when first written to.

    Raises `UserError` for a folder of another format, and for one that cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._locks = Locks(root / "locks")
        version = root / "format"
        if version.is_file():
            found = version.read_text(encoding="utf-8", errors="replace").strip()
            if found != FORMAT:
                raise UserError(
                    f'has format "{found}", this program reads "{FORMAT}"',
                    where=str(root),
                    right="use another --store, or the version of singan that wrote it",
                )
        elif root.exists() and (not root.is_dir() or self._holds_something_else()):
            raise UserError(
                "is no store", where=str(root), right="name an empty or a new folder with --store"
            )

    def _holds_something_else(self) -> bool:
        """Whether the folder is in use, but not by a store, even one that another process is just making."""
        names = [path.name for path in self.root.iterdir()]
        others = [name for name in names if not name.startswith(".format.") and not is_litter(name)]
        return bool(others) and not (self.root / "format").is_file()

    def prepare(self) -> None:
        """Make sure the folder exists and can be written, before hours of work depend on it."""
        check_writable(self.root)
        write_atomically(self.root / "format", f"{FORMAT}\n".encode())
        self._locks.check()

    def _check_there(self) -> None:
        """Refuse to write if the store has gone: where a disk was taken away, no half store must be begun."""
        if not (self.root / "format").is_file():
            raise UserError("the store has gone", where=str(self.root), right="bring it back, and run again")

    def find(self, kind: Kind, key: str) -> Entry | None:
        """The entry of a key, or None if it is not there or not complete."""
        folder = self.root / kind / key
        try:
            found = _Description.model_validate_json(read_file(folder / "entry.json"))
        except (OSError, ValidationError):
            return None
        entry = Entry(folder, found.fields, found.facts, found.provenance, found.files)
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
            name: StoredFile(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for name, data in files.items()
        }
        entry = {
            "fields": dict(fields),
            "facts": dict(facts),
            "provenance": provenance.model_dump(),
            "files": {name: file.model_dump() for name, file in described.items()},
        }
        with self._replacing(folder) as fresh:
            for name, data in {**files, "entry.json": json.dumps(entry, indent=1).encode()}.items():
                write_atomically(fresh / name, data)
        return Entry(folder, fields, facts, provenance, described)

    @contextmanager
    def _replacing(self, folder: Path) -> Iterator[Path]:
        self._check_there()
        fresh: Path | None = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            yield fresh
            fresh.chmod(0o755)
            _put_in_place(fresh, folder)
        except OSError as error:
            raise UserError(f"cannot be written: {error.strerror}", where=str(folder)) from None
        finally:
            if fresh is not None:
                shutil.rmtree(fresh, ignore_errors=True)

    def set_aside(self, damaged: DamagedError) -> Path:
        """Move a damaged entry out of the way, so that its work is done again; returns where it went."""
        self._check_there()
        path = damaged.path
        target = self.root / "damaged" / f"{path.parent.name}-{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(target)
        if path.exists():
            path.rename(target)
        return target

    def keep_partial(self, key: str, data: bytes) -> None:
        """Keep a training in progress, in place of what was kept of it before."""
        self._check_there()
        write_atomically(self._partial(key), hashlib.sha256(data).digest() + data)

    def read_partial(self, key: str) -> bytes | None:
        """What was last kept, or None; raises `DamagedError` if it is not what was written."""
        try:
            kept = read_file(self._partial(key))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DamagedError(self._partial(key), error.strerror or "cannot be read") from None
        data = kept[_DIGEST_bytes:]
        if hashlib.sha256(data).digest() != kept[:_DIGEST_bytes]:
            raise DamagedError(self._partial(key), "wrong checksum")
        return data

    def partial_is_damaged(self, key: str, reason: str) -> DamagedError:
        """The error for a caller that cannot make sense of what `read_partial` returned."""
        return DamagedError(self._partial(key), reason)

    def drop_partial(self, key: str) -> None:
        """Forget a training in progress, because it is finished or of no use."""
        _remove(self._partial(key))

    def _partial(self, key: str) -> Path:
        return self.root / "partial" / key

    @contextmanager
    def lock(self, key: str, while_waiting: WhileWaiting | None = None) -> Iterator[None]:
        """Hold a key while working on it; another process waits here, then finds the work done.

        While it waits, `while_waiting` is called again and again with who holds the key; what it raises ends
        the waiting.
        """
        self._check_there()
        with self._locks.held(key, while_waiting):
            yield

    def try_lock(self, key: str) -> HeldKey | None:
        """Hold a key from now on, or None while another process does; raises `UserError` where nobody can."""
        self._check_there()
        return self._locks.take(key)

    def holder_of(self, key: str) -> str:
        """Who holds a key, as far as its holder has said."""
        return self._locks.holder_of(key)

    def write_note(self, name: str, note: Mapping[str, Any]) -> None:
        """Keep what a run last was."""
        self._check_there()
        write_atomically(self.root / "runs" / f"{name}.json", json.dumps(note, indent=1).encode())

    def drop_note(self, name: str) -> None:
        """Forget what a run was."""
        (self.root / "runs" / f"{name}.json").unlink(missing_ok=True)

    def has_note_beginning(self, name: str) -> bool:
        """Whether there is a note whose name begins with `name`."""
        path = self.root / "runs" / name
        return path.parent.is_dir() and any(
            other.name.startswith(path.name) and other.suffix == ".json" for other in path.parent.iterdir()
        )

    def read_note(self, name: str) -> Note | None:
        """What a run last was, or None."""
        try:
            note = _NoteFile.model_validate_json(read_file(self.root / "runs" / f"{name}.json"))
        except (OSError, ValidationError):
            return None
        return Note(failure=note.failure, levels=note.levels)


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Rename `fresh` to `folder`, in place of what is there. Another process may do so at the same time;
    equal keys mean equal work, so the last one wins.
    """
    aside = fresh.with_name(f"{fresh.name}-old")
    for _ in range(_MOST_RIVALS):
        with suppress(FileNotFoundError):
            folder.rename(aside)
        try:
            fresh.rename(folder)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        else:
            return
        finally:
            _remove(aside)
    raise OSError(errno.ENOTEMPTY, "other processes put the same there again and again")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
