"""The site's folder: written in place, file by file, each whole; what was not written here is left alone.

The folder itself stays: it may be a mount point, the shell's own folder, or what a server looks at. New files
are prepared in a folder inside it and renamed one by one. With them lies a manifest of all of them, so that
after a build that was killed among its renames the next one knows which files are ours.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from runner.files import is_litter
from runner.publish.output.manifest import EMPTY, MARKER, Manifest, read_manifest
from runner.publish.output.turns import turn
from singan.errors import UserError

STAGING = f"{MARKER}.new"
"""Folder of the files that are prepared; a build that was killed leaves it behind until the next one."""
LOCK = f"{MARKER}.lock"
"""Lock file, which is there while a build writes."""

_NOBODYS = frozenset([STAGING, LOCK, "lost+found"])
"""What may be in a folder that is empty: our own litter, and what a new file system comes with."""


def _is_nobodys(name: str) -> bool:
    return name in _NOBODYS or is_litter(name)


@dataclass
class SiteFolder:
    """A site being prepared in `staging`; what `old` has already, byte for byte, stays there untouched."""

    staging: Path
    old: Path
    old_digests: Mapping[str, str]
    """The old site's files that may be reused, by name."""
    digests: dict[str, str] = field(default_factory=dict)
    reused: int = 0

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the site; `name` is its path in it."""
        digest = _sha256(data)
        if _digest_of(self.old / name) != digest:
            path = self.staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.digests[name] = digest

    def keep(self, name: str, make: Callable[[], bytes]) -> None:
        """Write a file whose name is a digest of what decides its content; made if the old site lacks it."""
        if not self.take_over(name):
            self.write(name, make())

    def take_over(self, name: str) -> bool:
        """Whether the file has been written already, or could be taken over from the old site."""
        if name in self.digests:
            return True
        digest = self.old_digests.get(name)
        if digest is None or _digest_of(self.old / name) != digest:
            return False
        self.digests[name] = digest
        self.reused += 1
        return True


@dataclass(frozen=True)
class _Old:
    """What is known of the files in a folder before it is written to."""

    built: Manifest
    """What the last whole build wrote."""
    begun: Manifest
    """What a build that was killed was about to put in place."""

    def reusable(self, made_with: str) -> Mapping[str, str]:
        """Files made by the same libraries and code, by name."""
        same = [manifest.files for manifest in (self.built, self.begun) if manifest.made_with == made_with]
        return {name: digest for files in reversed(same) for name, digest in files.items()}

    def is_ours(self, name: str, digest: str | None) -> bool:
        """Whether a file, as it is now, was written here."""
        return digest is not None and digest in {self.built.files.get(name), self.begun.files.get(name)}


@contextmanager
def site_folder(out: Path, made_with: str) -> Iterator[SiteFolder]:
    """A folder to write a site into, put into `out` when all went well; otherwise `out` stays as it was.

    Only where a file cannot be put in place `out` has some new pages and some old ones, which the next build
    mends. What an earlier build did not write is kept, empty folders included. `made_with` names what decides
    the bytes of derived files beyond their names: another version's are not reused. Builds of one folder take
    turns. Raises `UserError` when `out` is not ours, or cannot be written.
    """
    out = out.resolve()
    try:
        _refuse_strange(out)
        with _existing(out), turn(out / LOCK, str(out)):
            old = _old(out)  # (what was true before it was our turn may no longer be)
            with _emptied(out / STAGING) as staging:
                folder = SiteFolder(staging, out, old.reusable(made_with))
                yield folder
                _refuse_obstacles(folder, old)
                _put_in_place(folder, old, made_with)
    except OSError as error:
        where = error.filename or out
        raise UserError(f"the site cannot be written: {error.strerror or error}", where=str(where)) from None


def written_files(out: Path) -> Collection[str]:
    """Names of the files of the site at `out`, as it was built. Raises `UserError` when there is no site."""
    files = _old(out).built.files
    if not files:
        raise UserError("holds no site", where=str(out), right="build one with singan build-site")
    return files.keys()


def is_temporary(name: str) -> bool:
    """Whether a path in a site's folder is only there while a build writes."""
    return name.partition("/")[0] in {STAGING, LOCK}


def _refuse_strange(out: Path) -> None:
    """Refuse what is not ours before anything in it is touched, a lock included."""
    if not (out / LOCK).exists():
        _old(out)


def _old(out: Path) -> _Old:
    """What is known of the folder `out`; nothing where it is new or empty."""
    if out.exists() and not out.is_dir():
        raise UserError("is a file", where=str(out), right="name a folder for the site")
    built, begun = read_manifest(out / MARKER), read_manifest(out / STAGING / MARKER)
    is_in_use = out.exists() and any(not _is_nobodys(path.name) for path in out.iterdir())
    if is_in_use and built is None and (begun is None or (out / MARKER).exists()):
        raise UserError(
            "holds files, and is no site written here", where=str(out), right="name a new or empty folder"
        )
    return _Old(built or EMPTY, begun or EMPTY)


@contextmanager
def _existing(out: Path) -> Iterator[None]:
    """Make sure the folder is there; one that was made in vain is removed again."""
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):  # another build has something in it by now
                out.rmdir()
        raise


@contextmanager
def _emptied(staging: Path) -> Iterator[Path]:
    """The folder to prepare files in, gone afterwards.

    Its manifest alone outlives a build that failed or was killed: it tells which files that one put in place.
    """
    if staging.is_symlink() or (staging.exists() and not staging.is_dir()):
        staging.unlink()
    staging.mkdir(exist_ok=True)
    _tidy(staging)
    try:
        yield staging
        (staging / MARKER).unlink(missing_ok=True)
    finally:
        _tidy(staging)
        if not any(staging.iterdir()):
            staging.rmdir()


def _tidy(staging: Path) -> None:
    """Remove everything but the manifest."""
    for path in staging.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != MARKER:
            path.unlink()


def _refuse_obstacles(folder: SiteFolder, old: _Old) -> None:
    """Refuse to put a file where somebody else has something, or a link leads out of the folder."""
    out = folder.old
    parents = {parent for name in folder.digests for parent in PurePosixPath(name).parents if parent.name}
    for path in (out / parent for parent in sorted(parents)):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise _in_the_way(path)
    for name in folder.digests:
        path = out / name
        is_folder = path.is_dir() and not path.is_symlink()
        is_ours = name in old.built.files or old.is_ours(name, _digest_of(path))
        if is_folder or (_is_there(path) and not is_ours):
            raise _in_the_way(path)


def _in_the_way(path: Path) -> UserError:
    return UserError("is in the way of a page", where=str(path), right="move it out of the site's folder")


def _put_in_place(folder: SiteFolder, old: _Old, made_with: str) -> None:
    """Rename what was prepared into place, remove what is no longer wanted, and write the manifest last."""
    out, staging = folder.old, folder.staging
    new = [path.relative_to(staging).as_posix() for path in staging.rglob("*") if path.is_file()]
    new = [name for name in new if name != MARKER]
    manifest = Manifest(made_with, folder.digests)
    _write_manifest(Manifest(made_with, {**old.begun.files, **folder.digests}), staging)
    for name in sorted(new, key=lambda name: _precedence(name, out)):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(out / name)
    for name in sorted({*old.built.files, *old.begun.files} - folder.digests.keys()):
        if old.is_ours(name, _digest_of(out / name)):
            _remove(name, out)
    if manifest != old.built:
        _write_manifest(manifest, staging, out)


def _write_manifest(manifest: Manifest, staging: Path, folder: Path | None = None) -> None:
    """Write a manifest into a folder, `staging` by default, so that it is never there in part."""
    prepared = staging / f"{MARKER}.prepared"
    prepared.write_bytes(manifest.encoded())
    prepared.replace((folder or staging) / MARKER)


def _precedence(name: str, out: Path) -> tuple[bool, bool, bool, str]:
    """Sort key: files before the pages that show them, new pages before old ones that will link to them."""
    return (out / name).exists(), name.endswith(".html"), name == "index.html", name


def _remove(name: str, out: Path) -> None:
    """Remove a file of ours, and the folders that it alone kept from being empty."""
    path = out / name
    path.unlink(missing_ok=True)
    with suppress(OSError):  # somebody's file is in there
        for parent in path.relative_to(out).parents:
            if parent.parts:
                (out / parent).rmdir()


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _digest_of(path: Path) -> str | None:
    """Digest of a file; None where there is none, or a link or something else in its place."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        return _sha256(path.read_bytes())
    except OSError:
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
