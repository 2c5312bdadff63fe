"""Maintenance of a store: whether it is whole, how large it is, and what in it can be removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from runner.files import is_litter
from runner.planning.plan import digest
from runner.store.store import KINDS, DamagedError, Entry, Kind, Store
from singan.errors import UserError


@dataclass(frozen=True)
class Verified:
    """What reading every file of a store showed."""

    whole: int
    damaged: tuple[DamagedError, ...]
    incomplete: tuple[Path, ...]
    """Entries without a readable description, or with a file missing or cut: treated as not there."""


def verify(store: Store) -> Verified:
    """Compare every file with its checksum, changing nothing. Raises `UserError` where there is no store."""
    _refuse_no_store(store)
    whole, damaged, incomplete = 0, [], []
    for kind, folder in _entries(store):
        entry = store.find(kind, folder.name)
        if entry is None:
            incomplete.append(folder)
            continue
        try:
            for name in entry.files:
                entry.read(name)
        except DamagedError as error:
            damaged.append(error)
        else:
            whole += 1
    for path in _files(store.root / "partial"):
        if is_litter(path.name):
            continue
        try:
            store.read_partial(path.name)
        except DamagedError as error:
            damaged.append(error)
    return Verified(whole, tuple(damaged), tuple(incomplete))


def disk_use(store: Store) -> dict[str, int]:
    """Bytes by part of the store, largest first. Raises `UserError` where there is no store."""
    _refuse_no_store(store)
    parts = [path for path in store.root.iterdir() if path.is_dir()]
    sizes = {path.name: size_of(path) for path in parts}
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())


def rubbish(store: Store, *, unused: bool = False) -> list[Path]:
    """What can go: entries set aside, what killed writes left, kept trainings of levels that are finished.

    With `unused` also finished work that no run needed when it last ran, nor needs since it was begun: all of
    `singan super-resolve`, for one.
    Raises `UserError` where there is no store.
    """
    _refuse_no_store(store)
    found = [*_files(store.root / "damaged"), *_torn_writes(store)]
    found += [path for path in _files(store.root / "partial") if store.find("levels", path.name) is not None]
    if unused:
        needed = _needed_levels(store)
        for kind, folder in _entries(store):
            entry = store.find(kind, folder.name)
            if entry is None or _level_of(entry, kind, folder.name) not in {*needed, None}:
                found.append(folder)
    return found


def remove(paths: list[Path]) -> None:
    """Remove files and folders; what is gone already is fine."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _refuse_no_store(store: Store) -> None:
    """Raise `UserError` where there is no store: a mistyped name must not be reported as whole or tidy."""
    if not (store.root / "format").is_file():
        raise UserError("is no store", where=str(store.root), right="name one with --store")


def _entries(store: Store) -> Iterator[tuple[Kind, Path]]:
    for kind in KINDS:
        yield from (
            (kind, path)
            for path in _files(store.root / kind)
            if not path.name.startswith(".") and not is_litter(path.name)
        )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _torn_writes(store: Store) -> list[Path]:
    """Temporary files and folders (named with a dot in front) whose key no write in progress has locked."""
    places = [store.root / name for name in (*KINDS, "partial")]
    torn = [path for place in places for path in _files(place) if path.name.startswith(".")]
    locks = store.root / "locks"
    return [path for path in torn if _is_free(locks / f"{path.name.split('.')[1]}.lock")]


def _is_free(lock: Path) -> bool:
    if not lock.exists():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except OSError:  # held by another process (`Timeout`), or not to be had by anybody
        return False


def _needed_levels(store: Store) -> set[str]:
    """Keys of the levels each run last needed, or needs since it was begun, as the store's notes tell."""
    notes = (
        store.read_note(str(path.relative_to(store.root / "runs").with_suffix("")))
        for path in (store.root / "runs").rglob("*.json")
    )
    needed = set()
    for fields in (fields for note in notes if note for fields in note["levels"].values()):
        with suppress(ValueError):  # a number no key can be made from was never written here
            needed.add(digest(fields))
    return needed


def _level_of(entry: Entry, kind: Kind, key: str) -> str | None:
    """Key of the level that an entry belongs to; None for metrics of plain enlargements."""
    top = entry.fields.get("top")
    return key if kind == "levels" else top if isinstance(top, str) else None
