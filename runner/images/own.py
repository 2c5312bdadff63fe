"""The user's own pictures, from a file or a folder, and the ids they get."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from runner.images.decode import picture_suffixes, read_picture
from runner.images.load import LoadedImage, check_trainable
from runner.streams import tell
from runner.study.types import Id
from singan.errors import UserError
from singan.geometry import Size

_ID: TypeAdapter[str] = TypeAdapter(Id)

_DIGEST_LENGTH = 6
_CUT = 63 - _DIGEST_LENGTH
"""An `Id` has 64 characters at most."""

_LATIN_LETTER = re.compile(r"LATIN SMALL (?:LETTER|LIGATURE) (?:DOTLESS )?([A-Z]{1,2})(?: WITH .*)?")
"""Unicode's names of small letters that are one or two of a to z, apart from a stroke or the like."""


def load_folder(folder: Path, say: Callable[[str], None] = tell) -> dict[str, LoadedImage]:
    """The user's own pictures in a folder, by id, which is made of the file's name.

    `say` is told in a line what was changed in a picture, or left out, when it was read. Raises `UserError`
    for a folder with no picture, a picture that cannot be trained on, or two with one id.
    """
    try:
        if not folder.is_dir():
            raise UserError("there is no such folder", where=str(folder))
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(folder)) from None
    loaded: dict[str, LoadedImage] = {}
    for path in paths:
        if path.suffix.lower() in picture_suffixes() and not path.name.startswith((".", "~$")):
            image = load_own(path, say)
            if image.id in loaded:
                raise UserError(
                    f'a second picture gets the id "{image.id}"', where=str(path), right="rename one"
                )
            loaded[image.id] = image
    if not loaded:
        raise UserError("holds no picture", where=str(folder), right="put PNG or JPEG files there")
    return loaded


def load_own(path: Path, say: Callable[[str], None] = tell) -> LoadedImage:
    """One picture of the user's; `say` is told in a line what was changed in it, or left out, on reading."""
    pixels = read_picture(path, say)
    check_trainable(Size(*pixels.shape[:2]), str(path))
    title = os.fsencode(path.stem).decode("utf-8", "replace")  # a name in another encoding is no text
    return LoadedImage(id_of(title), title, pixels, is_own=True)


def id_of(title: str) -> str:
    """An id made of a title: in lower case, in Latin letters without accents, with - for anything unusual.

    If that loses letters or digits, leaves nothing, is cut or is no `Id`, a digest of the title is added, so
    that other titles get other ids, and the same title always the same.
    """
    letters = [
        (character, _latin(character)) for character in unicodedata.normalize("NFKD", title.casefold())
    ]
    words = "".join("-" if latin is None else latin for _, latin in letters)
    found = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    lost = any(latin is None and character.isalnum() for character, latin in letters)
    if not lost and _is_id(found):
        return found
    same = unicodedata.normalize("NFC", title).encode(errors="backslashreplace")  # (macOS takes names apart)
    digest = hashlib.sha256(same).hexdigest()[:_DIGEST_LENGTH]
    return f"{found[:_CUT].strip('-') or 'picture'}-{digest}"


def _latin(character: str) -> str | None:
    """The small character in ASCII; nothing for an accent, None for what has no such form."""
    if character.isascii():
        return character
    if unicodedata.combining(character):
        return ""
    name = _LATIN_LETTER.fullmatch(unicodedata.name(character, ""))
    if name is not None:
        return name[1].lower()
    digit = unicodedata.decimal(character, None)
    return None if digit is None else str(digit)


def _is_id(text: str) -> bool:
    try:
        _ID.validate_python(text)
    except ValidationError:
        return False
    return True
