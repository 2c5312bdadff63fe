"""The study's pictures: fetched once, verified, cropped; photographs standing in for them when offline."""

from __future__ import annotations

import hashlib
import io
import os
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps
import platformdirs
from pydantic import TypeAdapter, ValidationError

from runner.images.colour import in_srgb
from runner.images.png_chunks import bare_pngs
from runner.images.samples import declared_range, eight_bits
from runner.study.schema import Image, SourceFile, StandIn
from runner.study.types import Id
from singan.errors import UserError
from singan.geometry import MAX_SIZE_px, Size, pyramid_geometry

Pixels = npt.NDArray[np.uint8]
"""`[H, W, 3]` RGB."""

Note = Callable[[str], None]
"""Is told what was done to a picture."""

StandIns = Literal["never", "offline", "always"]
"""When photographs from scikit-image stand in for the study's pictures."""

CACHE_VARIABLE = "SINGAN_IMAGES"
"""Names the folder of downloaded images."""

PUBLISHED_VARIABLE = "SINGAN_PUBLISHED"
"""Names the folder of downloaded pictures that the author published, laid out as his site."""

_DOWNLOAD_TIMEOUT_s = 20


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """A picture ready to train on; `ground_truth` by factor, `[factor * H, factor * W, 3]` each."""

    id: str
    title: str
    pixels: Pixels
    credit: str | None = None
    stand_in: str | None = None
    """What stands in for the study's picture, in words; None for the picture itself."""
    ground_truth: Mapping[int, Pixels] = field(default_factory=dict)
    is_own: bool = False
    """Whether it is the user's own picture, not one of the study."""

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(height, width)

    @cached_property
    def digest(self) -> str:
        """sha256 of size and pixels: the picture's identity, whatever its name."""
        return hashlib.sha256(repr(self.pixels.shape).encode() + self.pixels.tobytes()).hexdigest()


def cache_folder(variable: str = CACHE_VARIABLE) -> Path:
    """Where downloads are kept: the folder this environment variable names, or one in the user's cache."""
    configured = os.environ.get(variable)
    name = {CACHE_VARIABLE: "images", PUBLISHED_VARIABLE: "published"}[variable]
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("singan-lab")) / name


def load_images(
    images: Iterable[Image], stand_ins: StandIns = "never", say: Callable[[str], None] = print
) -> dict[str, LoadedImage]:
    """Load pictures of the study by id; `say` is told of every picture another stands in for.

    Raises `UserError` when a picture can neither be had nor be stood in for.
    """
    loaded = {}
    for image in images:
        loaded[image.id] = _load(image, stand_ins)
        if loaded[image.id].stand_in:
            say(f"{image.title}: {loaded[image.id].stand_in} stands in for it")
    return loaded


def _load(image: Image, stand_ins: StandIns) -> LoadedImage:
    if stand_ins == "always":
        return _stand_in(image)
    try:
        pixels = _cropped(image)
        truth = image.ground_truth
        ground_truth = {truth.factor: _cropped(truth)} if truth else {}
    except NotAvailableError:
        if stand_ins == "offline" and image.stand_in is not None:
            return _stand_in(image)
        raise
    check_trainable(Size(*pixels.shape[:2]), f"image {image.id}")
    return LoadedImage(image.id, image.title, pixels, image.credit, None, ground_truth)


class NotAvailableError(UserError):
    """A picture that is in no cache and cannot be downloaded."""


def _cropped(source: SourceFile) -> Pixels:
    path = fetch(source)
    pixels = read_picture(path)
    declared = source.size.size
    if pixels.shape[:2] != declared:
        found = Size(*pixels.shape[:2])
        raise UserError(f"is {found} pixels, not {declared} as the study says", where=str(path))
    if source.crop is None:
        return pixels
    left, top, right, bottom = source.crop.box
    return np.ascontiguousarray(pixels[top:bottom, left:right])


class Download(Protocol):
    """A file to fetch: its place in the cache, perhaps in a folder there, its address, and its checksum."""

    @property
    def file(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def sha256(self) -> str: ...


def fetch(source: Download, variable: str = CACHE_VARIABLE) -> Path:
    """Path of the verified file in the cache that `variable` names, downloaded if it is not there.

    Raises `NotAvailableError` with the address and where to put the file by hand.
    """
    import pooch  # noqa: PLC0415  (slow to import, and needed by few commands)

    place = cache_folder(variable) / source.file
    pooch.get_logger().setLevel("ERROR")
    try:
        path = pooch.retrieve(
            source.url,
            known_hash=f"sha256:{source.sha256}",
            fname=place.name,
            path=place.parent,
            downloader=pooch.HTTPDownloader(timeout=_DOWNLOAD_TIMEOUT_s, progressbar=False),
        )
    except Exception as error:  # (requests, urllib3, pooch and the system each raise their own)
        wrong = "does not match the known hash" in str(error)
        reason = "the file there has another checksum" if wrong else _root_cause(error)
        advice = f"fetch it by hand and put it at {place}"
        if place.is_file():  # (pooch keeps nothing it could not verify, so this one was there before)
            advice = f"the file at {place} has another checksum: replace it"
        raise NotAvailableError(
            f"cannot download {source.url} ({reason})",
            right=f"{advice}, or name a folder that has it in {variable}",
        ) from None
    return Path(path)


def _root_cause(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    text = str(error) or type(error).__name__
    return re.sub(r"^\[Errno [^\]]*\] ", "", text)[:120]


def _nobody(line: str) -> None:
    """Is told of what is done to a picture where that is no news."""


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
        bare = _from_bare_png(path, note, heed_profile=heed_profile)
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


def _from_bare_png(path: Path, note: Note, *, heed_profile: bool) -> Pixels | None:
    """What a PNG without its metadata gives: a comment is no reason to refuse a whole picture."""
    with suppress(OSError):
        for file, left_out in bare_pngs(path):
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
                return np.asarray((in_srgb(upright, note) if heed_profile else upright).convert("RGB"))
    except UserError:
        raise
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        raise UserError("has too many pixels to be read safely", where=str(path)) from None
    except PIL.UnidentifiedImageError:
        raise UserError(
            "is no picture", where=str(path), right="give a PNG, JPEG, WebP or the like"
        ) from None
    except Exception as error:  # (decoders raise almost anything on damaged files)
        if isinstance(error, OSError) and error.strerror:  # the system's, not a decoder's
            raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
        raise UserError(f"cannot be decoded ({error})", where=str(path), right="is it whole?") from None


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
    """What Pillow can open here; some formats it knows by name only, unless another program adds to it."""
    PIL.Image.init()
    return tuple(
        name
        for name, (opener, _) in PIL.Image.OPEN.items()
        if name not in _NOT_READ
        and not (isinstance(opener, type) and issubclass(opener, PIL.ImageFile.StubImageFile))
    )


@cache
def picture_suffixes() -> frozenset[str]:
    """What the name of a file ends in that `read_picture` can read, in lower case and with the dot."""
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


def check_trainable(size: Size, where: str) -> None:
    """Refuse a picture SinGAN cannot train on as it is; raises `UserError`."""
    if max(size) > MAX_SIZE_px:
        raise UserError(
            f"a picture of {size} pixels is too large: training would shrink it first, and what comes out "
            "would be no enlargement of it",
            where=where,
            right=f"shrink or crop it to at most {MAX_SIZE_px} px a side",
        )
    try:
        pyramid_geometry(size, 8)
    except UserError as error:
        raise UserError(str(error), where=where) from None


def _stand_in(image: Image) -> LoadedImage:
    if image.stand_in is None:
        raise UserError(f"image {image.id} has no stand-in", right="give it one, or let it be downloaded")
    left, top, right, bottom = image.stand_in.crop.box
    photograph = _photograph(image.stand_in)
    if right > photograph.shape[1] or bottom > photograph.shape[0]:
        raise UserError(
            f"ends outside the photograph of {Size(*photograph.shape[:2])} pixels",
            where=f"[image.{image.id}] stand_in.crop",
        )
    truth = np.ascontiguousarray(photograph[top:bottom, left:right])
    height, width = image.cropped_size
    small = PIL.Image.fromarray(truth).resize((width, height), PIL.Image.Resampling.BICUBIC)
    name = f'the photograph "{image.stand_in.photograph}" of scikit-image'
    factor = image.stand_in.crop.width // width
    return LoadedImage(image.id, image.title, np.asarray(small), None, name, {factor: truth})


def _photograph(stand_in: StandIn) -> Pixels:
    from skimage import data  # noqa: PLC0415  (slow to import, and rarely needed)

    if stand_in.photograph == "motorcycle":
        photograph = data.stereo_motorcycle()[0]  # type: ignore[no-untyped-call]
    else:
        photograph = getattr(data, stand_in.photograph)()
    return np.asarray(photograph, dtype=np.uint8)


def load_folder(folder: Path, say: Callable[[str], None] = print) -> dict[str, LoadedImage]:
    """One's own pictures by id, made of the file's name.

    `say` is told in a line what reading changed of a picture, or left out. Raises `UserError` for a folder
    with no picture, a picture that cannot be trained on, or two with one id.
    """
    try:
        if not folder.is_dir():
            raise UserError("there is no such folder", where=str(folder))
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(folder)) from None
    loaded: dict[str, LoadedImage] = {}
    for path in paths:
        if path.suffix.lower() in picture_suffixes() and not path.name.startswith("."):
            image = load_own(path, say)
            if image.id in loaded:
                raise UserError(
                    f'a second picture gets the id "{image.id}"', where=str(path), right="rename one"
                )
            loaded[image.id] = image
    if not loaded:
        raise UserError("holds no picture", where=str(folder), right="put PNG or JPEG files there")
    return loaded


def load_own(path: Path, say: Callable[[str], None] = print) -> LoadedImage:
    """One picture of the user's; `say` is told in a line what reading changed of it, or left out."""
    pixels = read_picture(path, say)
    check_trainable(Size(*pixels.shape[:2]), str(path))
    title = os.fsencode(path.stem).decode("utf-8", "replace")  # a name in another encoding is no text
    return LoadedImage(id_of(title), title, pixels, is_own=True)


def id_of(title: str) -> str:
    """An id made of a title: in lower case, in Latin letters without accents, with - for anything unusual.

    Where that loses letters or digits, leaves nothing, is cut or is no `Id`, a digest of the title follows:
    other titles get other ids, and the same title the same.
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


_DIGEST_LENGTH = 6
_CUT = 63 - _DIGEST_LENGTH
"""An `Id` has 64 characters at most."""

_LATIN_LETTER = re.compile(r"LATIN SMALL (?:LETTER|LIGATURE) (?:DOTLESS )?([A-Z]{1,2})(?: WITH .*)?")
"""Unicode's name of a small letter that is one or two of a to z, but for a stroke or the like."""


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


_ID: TypeAdapter[str] = TypeAdapter(Id)
