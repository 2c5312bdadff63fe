"""Whether the pictures a record names are there and are what it says."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import PIL.Image

from runner.files import LFS_POINTER, read_file
from runner.publish.data.model import PictureFile, Slot
from runner.record.results import Results
from runner.record.schema import Picture
from singan.errors import UserError

_SUFFIXES = {"WEBP": ".webp", "PNG": ".png"}


class Inspector:
    """Looks at every picture once; what is wrong is added to `notes` and shown in the picture's place."""

    def __init__(self, results: Results, notes: list[str]) -> None:
        self._results = results
        self._notes = notes
        self._seen: dict[Picture, PictureFile | str] = {}

    @property
    def faulty(self) -> int:
        """How many pictures that the record names are missing, or not what it says."""
        return sum(isinstance(found, str) for found in self._seen.values())

    def slot(self, picture: Picture | None, otherwise: str, stand_in: str | None) -> Slot:
        """The place of a picture; `otherwise` is shown there when the record names none."""
        if picture is None:
            return Slot(None, otherwise)
        if picture not in self._seen:
            self._seen[picture] = self._look(picture)
        found = self._seen[picture]
        if isinstance(found, str):
            self._notes.append(found)
            return Slot(None, found)
        return Slot(found, "", stand_in)

    def _look(self, picture: Picture) -> PictureFile | str:
        try:
            path = self._results.picture_path(picture.file)
            data = read_file(path)
        except UserError:
            return f"picture outside the results: {picture.file}"
        except (OSError, ValueError):
            return f"picture missing: {picture.file}"
        return _checked(path, data, picture)


def _checked(path: Path, data: bytes, picture: Picture) -> PictureFile | str:
    if data.startswith(LFS_POINTER):
        return f"picture not fetched (a Git LFS pointer; git lfs pull fetches it): {picture.file}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(path, formats=tuple(_SUFFIXES)) as opened:
                size, suffix = opened.size, _SUFFIXES[opened.format or ""]
    except Exception:  # (decoders raise almost anything on damaged files)
        return f"not a whole WebP or PNG picture: {picture.file}"
    if size != (picture.width, picture.height):
        said = f"{picture.width}x{picture.height}"
        return f"picture of {size[0]}x{size[1]} pixels, not {said} as recorded: {picture.file}"
    return PictureFile(path, hashlib.sha256(data).hexdigest(), suffix, *size)
