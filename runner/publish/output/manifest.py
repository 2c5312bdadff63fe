"""The manifest of a site's folder: which files in it were written here, and what made them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MARKER = ".singan-site"
"""The manifest's file. It makes a folder a site of ours."""


@dataclass(frozen=True)
class Manifest:
    """The files of a site, each with the SHA-256 of what was written."""

    made_with: str
    files: Mapping[str, str]
    """Digest of each file, by name."""

    def encoded(self) -> bytes:
        """The bytes of the manifest's file; the same files give the same bytes."""
        whole = {"made_with": self.made_with, "files": dict(sorted(self.files.items()))}
        return (json.dumps(whole, indent=1) + "\n").encode()


EMPTY = Manifest("", {})


def read_manifest(path: Path) -> Manifest | None:
    """The manifest in a file; None where there is none, or it cannot be used."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        made_with, files = whole["made_with"], whole["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(files, dict) or not all(map(_stays_inside, files)):
        return None
    return Manifest(str(made_with), {name: str(digest) for name, digest in files.items()})


def _stays_inside(name: str) -> bool:
    """Whether a name is one of a file in the folder: others would let a build remove a stranger's files."""
    path = PurePosixPath(name)
    return name == path.as_posix() != "." and not path.is_absolute() and ".." not in path.parts
