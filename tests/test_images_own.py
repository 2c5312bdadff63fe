"""One's own pictures: a folder takes what a single picture is read in, under ids fit for files and links."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from helpers import pictures
from runner.images.decode import picture_suffixes, read_picture
from runner.images.own import id_of, load_folder
from runner.study.types import Id
from singan.errors import UserError


def _writable_suffixes() -> list[str]:
    """Of all that this Pillow writes RGB pictures in, those that are read again."""
    PIL.Image.init()
    wanted = {"AVIF", "BMP", "DDS", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM"}
    wanted |= {"QOI", "SGI", "TGA", "TIFF", "WEBP"}
    known = PIL.Image.EXTENSION.items()
    return sorted(suffix for suffix, name in known if name in wanted and name in PIL.Image.SAVE)


@pytest.mark.parametrize("suffix", _writable_suffixes())
def test_a_folder_takes_every_format_a_single_picture_is_read_in(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix.upper()}"
    PIL.Image.fromarray(pictures.noise()).save(path, PIL.Image.EXTENSION[suffix])
    assert np.array_equal(load_folder(tmp_path)["a"].pixels, read_picture(path))


@pytest.mark.parametrize(
    "name",
    ["a.txt", "a.toml", "a.json", "a.pdf", "a.eps", "a.ps", "a.mpg", "a.mp4", "a.h5", "a.grib", "a.wmf",
     "a.npz", "a", "a.png.part", ".a.png", "._a.png", ".DS_Store", "Thumbs.db"],
)  # fmt: skip
def test_a_folder_passes_over_what_is_no_picture(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(UserError, match="holds no picture"):
        load_folder(tmp_path)


def test_the_suffixes_are_those_pillow_has_for_what_it_can_open() -> None:
    suffixes = picture_suffixes()
    assert {".png", ".jpg", ".jfif", ".avif", ".jp2", ".tga", ".pgm", ".mpo", ".webp", ".psd"} <= suffixes
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    assert not suffixes & {".pdf", ".eps", ".ps", ".mpg", ".mpeg", ".h5", ".hdf", ".wmf", ".grib", ".txt"}


TITLES = {
    "Café": "cafe",
    "Cafe\N{COMBINING ACUTE ACCENT}": "cafe",
    "Weiße Öfen": "weisse-ofen",
    "STRAẞE": "strasse",
    "Łódź Ørsted Æsir đ": "lodz-orsted-aesir-d",
    "Iğd\N{LATIN SMALL LETTER DOTLESS I}r": "igdir",
    "œuvre": "oeuvre",
    "Tiếng Việt": "tieng-viet",
    "\N{FULLWIDTH LATIN SMALL LETTER A}\N{CIRCLED DIGIT TWO}\N{SUPERSCRIPT THREE}": "a23",
    "\N{LATIN SMALL LIGATURE FI}n": "fin",
    "\N{ARABIC-INDIC DIGIT FOUR}\N{ARABIC-INDIC DIGIT TWO}": "42",
    "cat \N{CAT FACE}": "cat",
    "a" * 64: "a" * 64,
}


@pytest.mark.parametrize("title", TITLES, ids=ascii)
def test_an_id_is_the_title_in_plain_letters(title: str) -> None:
    assert id_of(title) == TITLES[title]


WITHOUT_LATIN = [
    "кот",
    "собака",
    "кот 2",
    "собака 2",
    "猫",
    "犬",
    "γάτα",
    "고양이",
    "قط",
    "\N{CAT FACE}",
    "!",
    "",
]
TOO_LONG = ["a" * 65, "a" * 64 + "b", "a" * 300]
RESERVED = ["con", "NUL", "lpt1", "Aux"]


def test_titles_without_plain_letters_get_ids_of_their_own_that_are_legal_and_stay() -> None:
    titles = [*WITHOUT_LATIN, *TOO_LONG, *RESERVED, *TITLES]
    ids = [id_of(title) for title in titles]
    for name in ids:
        TypeAdapter(Id).validate_python(name)
    assert len(set(ids)) == len(titles) - 1  # of the two ways to write one accent
    assert ids == [id_of(title) for title in titles]
    assert id_of("кот") == "picture-77095e"
    assert id_of("кот 2").startswith("2-")
    assert id_of("con").startswith("con-")


def test_one_title_has_one_id_however_its_accents_are_written() -> None:
    written = "й.Ελλάδα"
    assert id_of(unicodedata.normalize("NFD", written)) == id_of(unicodedata.normalize("NFC", written))


@given(st.lists(st.text(), unique_by=lambda title: unicodedata.normalize("NFC", title)))
def test_whatever_the_title_its_id_is_legal(titles: list[str]) -> None:
    for title in titles:
        TypeAdapter(Id).validate_python(id_of(title))


def test_a_folder_of_names_that_are_not_latin_is_read(tmp_path: Path) -> None:
    for name in ("кот", "собака", "cat"):
        pictures.rgb_png(tmp_path / f"{name}.png")
    loaded = load_folder(tmp_path)
    assert [image.title for image in loaded.values()] == ["cat", "кот", "собака"]
    assert list(loaded) == ["cat", id_of("кот"), id_of("собака")]


def test_two_files_that_differ_in_their_suffix_only_are_refused(tmp_path: Path) -> None:
    pictures.rgb_png(tmp_path / "кот.bmp")
    pictures.rgb_png(tmp_path / "кот.png")
    with pytest.raises(UserError, match='a second picture gets the id "picture-77095e"; rename one'):
        load_folder(tmp_path)
