"""Read any picture that Pillow opens, with its pixels as a person sees them, and tell what was changed."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps

from runner.files import LFS_POINTER
from runner.images.avif_items import bare_avifs
from runner.images.code_points import CodePoints, code_points
from runner.images.colour import in_srgb
from runner.images.png_chunks import bare_pngs
from runner.images.samples import declared_range, eight_bits
from singan.errors import UserError

Pixels = npt.NDArray[np.uint8]
"""An RGB picture `[H, W, 3]`."""

Note = Callable[[str], None]
"""Called with what was done to a picture."""


def _nobody(line: str) -> None:
    """Ignore what was done to a picture."""


def read_picture(path: Path, say: Callable[[str], None] = _nobody, *, heed_profile: bool = True) -> Pixels:
    """RGB pixels of anything Pillow opens: sRGB, alpha dropped, grey expanded, 8 bits, turned upright.

    `say` is told in a line what was changed or left out on the way. Without `heed_profile` colours are the
    numbers in the file, as programs that know no profiles read them. Raises `UserError` for what is no
    picture, is cut short, or has too many pixels.
    """

    def note(what: str) -> None:
        line = " ".join(f"{path}: {what}".split())
        say(line.encode(errors="backslashreplace").decode())  # a name in another encoding is no text

    _check_is_file(path)
    try:
        return _decoded(path, path, note, heed_profile=heed_profile)
    except UserError:
        bare = _without_metadata(path, note, heed_profile=heed_profile)
        if bare is None:
            raise
        return bare


def _check_is_file(path: Path) -> None:
    try:
        if not path.is_file():
            what = "is a folder, not a picture" if path.is_dir() else "there is no such picture"
            raise UserError(what, where=str(path))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None


def _without_metadata(path: Path, note: Note, *, heed_profile: bool) -> Pixels | None:
    """What a file without its metadata gives: a comment is no reason to refuse a whole picture."""
    with suppress(OSError):
        for file, left_out in chain(bare_pngs(path), bare_avifs(path)):
            with suppress(UserError):
                pixels = _decoded(file, path, note, heed_profile=heed_profile)
                note(left_out)
                return pixels
    return None


def _decoded(file: Path | io.BytesIO, path: Path, note: Note, *, heed_profile: bool) -> Pixels:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's advice, about odd transparency for one
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(file, formats=_formats()) as picture:
                picture.load()
                if _is_see_through(picture):
                    note("its transparency is left out")
                upright = eight_bits(_upright(picture, note), declared_range(picture), str(path))
                if heed_profile:
                    upright = in_srgb(upright, note, _code_points(file))
                return np.asarray(upright.convert("RGB"))
    except UserError:
        raise
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        raise UserError("has too many pixels to be read safely", where=str(path)) from None
    except PIL.UnidentifiedImageError:
        if isinstance(file, Path) and _is_lfs_pointer(file):
            raise UserError(
                "is a Git LFS pointer, not yet the picture", where=str(path), right="git lfs pull fetches it"
            ) from None
        raise UserError(
            "is no picture", where=str(path), right="give a PNG, JPEG, WebP or the like"
        ) from None
    except Exception as error:  # (decoders raise almost anything on damaged files)
        if isinstance(error, OSError) and error.strerror:  # the system's, not a decoder's
            raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
        raise UserError(f"cannot be decoded ({error})", where=str(path), right="is it whole?") from None


def _code_points(file: Path | io.BytesIO) -> CodePoints | None:
    if isinstance(file, io.BytesIO):
        return code_points(file)
    with file.open("rb") as opened:
        return code_points(opened)


def _is_lfs_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def _upright(picture: PIL.Image.Image, note: Note) -> PIL.Image.Image:
    """Turned as its EXIF says; as it is stored if that cannot be read, since the pixels can."""
    try:
        return PIL.ImageOps.exif_transpose(picture)
    except Exception:  # (what parses EXIF raises almost anything on damaged data)
        note("its EXIF cannot be read, so it is taken as stored and not turned")
        return picture


_NOT_READ = {"EPS", "MPEG"}
"""PostScript is a program, which Pillow would have executed; of films Pillow knows the size only."""

_OPENED_AS = {"MPO": "JPEG"}
"""Pillow has a suffix for several pictures in one JPEG, but opens them as JPEG."""


@cache
def _formats() -> tuple[str, ...]:
    """The formats that Pillow can open here, without those that it knows only by name."""
    PIL.Image.init()
    return tuple(
        name
        for name, (opener, _) in PIL.Image.OPEN.items()
        if name not in _NOT_READ
        and not (isinstance(opener, type) and issubclass(opener, PIL.ImageFile.StubImageFile))
    )


@cache
def picture_suffixes() -> frozenset[str]:
    """Suffixes of the files that `read_picture` can read, in lower case and with the dot."""
    formats = _formats()
    return frozenset(
        suffix for suffix, name in PIL.Image.EXTENSION.items() if _OPENED_AS.get(name, name) in formats
    )


def _is_see_through(picture: PIL.Image.Image) -> bool:
    """Whether any pixel is not opaque."""
    if not picture.has_transparency_data:
        return False
    if picture.mode.startswith("I"):  # one grey of 16 bits is declared to be transparent
        return bool((np.asarray(picture) == picture.info["transparency"]).any())
    opacity, _ = picture.convert("RGBA").getchannel("A").getextrema()
    return opacity != 255
