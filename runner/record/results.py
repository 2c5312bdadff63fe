"""The record as files: JSON and pictures in `results/`, one folder a profile.

results/<profile>/profile.json
results/<profile>/images/<image>.json           and its enlarged inputs
results/<profile>/levels/<key>.json             losses, timing and snapshots of a level; runs share levels
results/<profile>/levels/<key>-<training>.json  a further training of it, which later runs stand on
results/<profile>/runs/<experiment>/<image>/x8-seed0.json
results/<profile>/runs/<experiment>/<image>/x8-seed0-imported-<key>.json   trained elsewhere
results/published.json                          figures of the pictures that the author published
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from runner.files import LFS_POINTER, read_file, write_atomically
from runner.record.schema import (
    RECORD_VERSION,
    ImageRecord,
    LevelRecord,
    ProfileRecord,
    PublishedRecord,
    Record,
    RunRecord,
    factor_name,
)
from singan.errors import UserError

_PROFILE = "profile"
"""Name of the record that is written first."""

_PUBLISHED = "published.json"

_COPY = re.compile(r"[\s()~]|sync-conflict")
"""Found in names that file managers and synchronised folders give to copies; no record is named so."""

_RIFF_HEAD_bytes = 8
"""`RIFF`, and how many bytes follow: the beginning of a WebP file."""

Pictures = Mapping[str, Callable[[], bytes]]
"""Pictures of a record: by file name, how to encode each if it has to be written."""

RecordType = TypeVar("RecordType", bound=Record)


class Results:
    """The record of one profile in a results folder."""

    def __init__(self, root: Path, profile: str) -> None:
        self.folder = root / profile

    def picture_path(self, file: str) -> Path:
        """Path of a picture a record names; raises `UserError` if it points outside the folder."""
        path = self.folder / file
        if Path(file).is_absolute() or ".." in Path(file).parts:
            raise UserError(
                f'the picture "{file}" lies outside', where=str(self.folder), right="run the study again"
            )
        return path

    def write(self, name: str, record: Record, pictures: Pictures | None = None) -> None:
        """Write `<name>.json` after the pictures it names; the same record gives the same bytes.

        Raises `UserError` where the profile's record, which is written first, is missing, because the folder
        was taken away; and where the record that is there has a newer version, and must not be lost.

        A record that is already there word for word was written from the same work: what is whole of its
        pictures is then not encoded again.
        """
        if name != _PROFILE and not (self.folder / f"{_PROFILE}.json").is_file():
            raise UserError(
                "the record has gone",
                where=str(self.folder),
                right="run again: the store has what is done",
            )
        path = self.folder / f"{name}.json"
        _refuse_newer(path)
        text = (record.model_dump_json(indent=1) + "\n").encode()
        files = {self.picture_path(file): encode for file, encode in (pictures or {}).items()}
        unchanged = path.is_file() and path.read_bytes() == text
        for file, encode in files.items():
            if not (unchanged and _is_whole_webp(file)):
                write_atomically(file, encode())
        write_atomically(path, text)

    def profile(self) -> ProfileRecord | None:
        """The profile's settings, or None where nothing was run."""
        path = self.folder / f"{_PROFILE}.json"
        return _read(path, ProfileRecord) if path.exists() else None

    def refuse_newer(self) -> None:
        """Raise `UserError` if a record is of a newer version: before work that could not be recorded."""
        for path in sorted(self.folder.rglob("*.json")):
            if _is_record(path, self.folder):
                _refuse_newer(path)

    def copies(self) -> list[str]:
        """Files whose names show that they are somebody's copies of records; they are not read."""
        names = (path.relative_to(self.folder) for path in sorted(self.folder.rglob("*.json")))
        return [name.as_posix() for name in names if not _is_hidden(name) and _COPY.search(name.as_posix())]

    def images(self) -> Iterator[ImageRecord]:
        """All images, by id."""
        return _read_all(self.folder / "images", "*.json", ImageRecord)

    def levels(self) -> Iterator[LevelRecord]:
        """All levels, by name."""
        return _read_all(self.folder / "levels", "*.json", LevelRecord)

    def level(self, name: str) -> LevelRecord | None:
        """A level by the name of its record; None where there is none that can be read."""
        return _read_if_sound(self.folder / "levels" / f"{name}.json", LevelRecord)

    def runs(self) -> Iterator[RunRecord]:
        """All runs, by experiment, image, factor and seed."""
        return _read_all(self.folder / "runs", "*/*/*.json", RunRecord)

    def run(self, name: str) -> RunRecord | None:
        """A run by the `run_name` of its record; None where there is none that can be read."""
        return _read_if_sound(self.folder / f"{name}.json", RunRecord)

    def levels_in_use(self, but_for: Collection[str] = ()) -> frozenset[str]:
        """Names of the levels that recorded runs stand on, but for runs of some `run_name`."""
        folder = self.folder / "runs"
        paths = [path for path in folder.glob("*/*/*.json") if _is_record(path, folder)]
        names = (path.relative_to(self.folder).as_posix().removesuffix(".json") for path in paths)
        runs = [self.run(name) for name in names if name not in but_for]
        return frozenset(level for run in runs if run is not None for level in run.levels)

    def drop_levels(self, names: Iterable[str]) -> None:
        """Remove the records of these levels, with their pictures."""
        for name in names:
            for suffix in ("json", "webp"):
                (self.folder / "levels" / f"{name}.{suffix}").unlink(missing_ok=True)


def read_published(root: Path) -> PublishedRecord:
    """What was measured on published pictures; empty where nothing was. Raises `UserError`."""
    path = root / _PUBLISHED
    return _read(path, PublishedRecord) if path.exists() else PublishedRecord(pictures=())


def write_published(root: Path, record: PublishedRecord) -> Path:
    """Write it beside the profiles; returns its path. Raises `UserError` where one of a newer version is."""
    path = root / _PUBLISHED
    _refuse_newer(path)
    write_atomically(path, (record.model_dump_json(indent=1) + "\n").encode())
    return path


def run_name(experiment: str, image: str, factor: float, seed: int) -> str:
    """Where a run's record and picture lie in the profile's folder, without suffix."""
    return f"runs/{experiment}/{image}/{factor_name(factor)}-seed{seed}"


def profiles_in(root: Path) -> list[str]:
    """Names of profiles with a record in a results folder, sorted; copies of such folders do not count."""
    return sorted(path.parent.name for path in root.glob("*/profile.json") if _is_record(path, root))


def _is_whole_webp(path: Path) -> bool:
    """Whether a file is there, and as long as it says itself: one cut short is not whole."""
    try:
        with path.open("rb") as file:
            head = file.read(_RIFF_HEAD_bytes)
        told = int.from_bytes(head[4:], "little") + _RIFF_HEAD_bytes
        return head[:4] == b"RIFF" and told == path.stat().st_size
    except OSError:
        return False


def _read_all(folder: Path, pattern: str, kind: type[RecordType]) -> Iterator[RecordType]:
    return (_read(path, kind) for path in sorted(folder.glob(pattern)) if _is_record(path, folder))


def _read_if_sound(path: Path, kind: type[RecordType]) -> RecordType | None:
    try:
        return _read(path, kind)
    except UserError:
        return None


def _is_record(path: Path, folder: Path) -> bool:
    """Whether a file has a name that this program gives, and not one such as macOS gives (`._x.json`)."""
    name = path.relative_to(folder)
    return not _is_hidden(name) and not _COPY.search(name.as_posix())


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)


def _refuse_newer(path: Path) -> None:
    """Refuse a record that a later version of this program wrote; a file that is no record at all passes."""
    try:
        whole = json.loads(_text(path))
    except (OSError, ValueError, RecursionError):
        return
    version = whole.get("version") if isinstance(whole, dict) else None
    if isinstance(version, int) and version > RECORD_VERSION:
        raise UserError(
            f"is a record of version {version}, and this program knows those up to {RECORD_VERSION}",
            where=str(path),
            right="use the newer singan that wrote it, or another folder of results",
        )


def _text(path: Path) -> bytes:
    """Contents of a record, without the mark that some editors put before them. Raises `OSError`."""
    return read_file(path).removeprefix(codecs.BOM_UTF8)


def _read(path: Path, kind: type[RecordType]) -> RecordType:
    try:
        text = _text(path)
        return kind.model_validate_json(text)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValidationError as error:
        _refuse_newer(path)
        if text.startswith(LFS_POINTER):
            raise UserError(
                "is a Git LFS pointer, not yet the record", where=str(path), right="git lfs pull fetches it"
            ) from None
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "it"
        raise UserError(
            f"{field}: {first['msg']}",
            where=str(path),
            right=f"this is no record of version {RECORD_VERSION}; delete it and run again",
        ) from None
