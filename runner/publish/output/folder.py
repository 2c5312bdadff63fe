"""The site's folder: built beside the old one, swapped in when whole, a user's own files kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from singan.errors import UserError

MARKER = ".singan-site"
"""Says that a folder is a site of ours, which files in it are, and what made them."""


@dataclass
class SiteFolder:
    """A site being written into `staging`, with the old one at hand for what has not changed."""

    staging: Path
    old: Path
    old_digests: Mapping[str, str]
    """The old site's files that may be reused, by name."""
    digests: dict[str, str] = field(default_factory=dict)
    reused: int = 0

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the site; `name` is its path in it."""
        path = self.staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.digests[name] = _sha256(data)

    def keep(self, name: str, make: Callable[[], bytes]) -> None:
        """Write a file whose name is a digest of what decides its content; made if the old site lacks it."""
        if not self.take_over(name):
            self.write(name, make())

    def take_over(self, name: str) -> bool:
        """Whether such a file is there, if need be from the old site."""
        if name in self.digests:
            return True
        data = self._old_data(name)
        if data is None:
            return False
        self.write(name, data)
        self.reused += 1
        return True

    def _old_data(self, name: str) -> bytes | None:
        """The old site's file, if it is still what was written there."""
        if name not in self.old_digests:
            return None
        try:
            data = (self.old / name).read_bytes()
        except OSError:
            return None
        return data if _sha256(data) == self.old_digests[name] else None


@contextmanager
def site_folder(out: Path, made_with: str) -> Iterator[SiteFolder]:
    """A folder to write a site into, put at `out` when all went well; otherwise `out` stays as it was.

    Files at `out` that an earlier build did not write are kept. `made_with` names what decides the bytes of
    derived files beyond their names: another version's are not reused. Raises `UserError` when `out` is
    not ours, or cannot be written.
    """
    out = out.resolve()
    try:
        old = _old_marker(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
            staging = Path(temporary, "new")
            staging.mkdir()
            folder = SiteFolder(staging, out, old.files if old.made_with == made_with else {})
            yield folder
            _keep_foreign_files(out, old.files, staging)
            _write_marker(folder, made_with)
            _swap(out, staging, Path(temporary, "old"))
    except OSError as error:
        where = error.filename or out
        raise UserError(f"the site cannot be written: {error.strerror or error}", where=str(where)) from None


def written_files(out: Path) -> Collection[str]:
    """Names of the files of the site at `out`, as it was built. Raises `UserError` when there is no site."""
    files = _old_marker(out).files
    if not files:
        raise UserError("holds no site", where=str(out), right="build one with singan build-site")
    return files.keys()


@dataclass(frozen=True)
class _Marker:
    """What the marker file says."""

    made_with: str
    files: Mapping[str, str]
    """Digest of each file, by name."""


def _old_marker(out: Path) -> _Marker:
    """The marker of the site at `out`; of no files when there is none yet."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return _Marker("", {})
    if not out.is_dir():
        raise UserError("is a file", where=str(out), right="name a folder for the site")
    try:
        marker = json.loads((out / MARKER).read_text(encoding="utf-8"))
        return _Marker(str(marker["made_with"]), dict(marker["files"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            "holds files, and is no site written here", where=str(out), right="name a new or empty folder"
        ) from None


def _keep_foreign_files(out: Path, ours: Mapping[str, str], staging: Path) -> None:
    """Carry over what somebody else put beside our pages, such as a CNAME file or a .git folder."""
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if name in ours or name == MARKER or (path.is_dir() and not path.is_symlink()):
            continue
        target = staging / name
        if target.exists():
            raise UserError(
                "is in the way of a page", where=str(path), right="move it out of the site's folder"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)


def _write_marker(folder: SiteFolder, made_with: str) -> None:
    marker = {"made_with": made_with, "files": dict(sorted(folder.digests.items()))}
    (folder.staging / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")


def _swap(out: Path, new: Path, old: Path) -> None:
    """Put `new` at `out`; what was there moves to `old`, and back again if that fails."""
    if not out.exists():
        new.rename(out)
        return
    out.rename(old)
    try:
        new.rename(out)
    except BaseException:
        old.rename(out)
        raise


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
