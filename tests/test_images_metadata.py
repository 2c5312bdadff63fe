"""Pictures whose metadata cannot be read: the pixels are read all the same, and what is left out is told."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest

from helpers import pictures, profiles
from runner.images.decode import read_picture
from singan.errors import UserError

HEADER_END = 8 + 12 + 13
"""Where the first chunk after IHDR begins."""

METADATA = "metadata that cannot be read is left out"
LOOKS_TOO = "its metadata cannot be read; any colour profile and orientation are left out"


def _chunk(name: bytes, body: bytes, *, checksum_off: int = 0) -> bytes:
    checksum = zlib.crc32(name + body) ^ checksum_off
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", checksum)


def _png(**options: object) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pictures.noise()).save(buffer, "PNG", **options)
    return buffer.getvalue()


def _with(chunk: bytes, whole: bytes) -> bytes:
    return whole[:HEADER_END] + chunk + whole[HEADER_END:]


def _at_the_end(chunk: bytes, whole: bytes) -> bytes:
    return whole[:-12] + chunk + whole[-12:]


LARGE = zlib.compress(bytes(PIL.PngImagePlugin.MAX_TEXT_CHUNK + 1))

BAD_CHUNKS = {
    "text with a wrong checksum": _chunk(b"tEXt", b"a\0b", checksum_off=1),
    "text larger than Pillow takes": _chunk(b"zTXt", b"Comment\0\0" + LARGE),
    "international text larger than Pillow takes": _chunk(b"iTXt", b"a\0\1\0\0\0" + LARGE),
    "more text than Pillow takes": _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**20))) * 65,
    "a resolution cut short": _chunk(b"pHYs", b"\0"),
    "a time with a wrong checksum": _chunk(b"tIME", bytes(7), checksum_off=1),
    "a chunk nobody knows with a wrong checksum": _chunk(b"abCd", b"", checksum_off=1),
    "an animation without frames": _chunk(b"acTL", bytes(8), checksum_off=1),
    "a gamma with a wrong checksum": _chunk(b"gAMA", (45455).to_bytes(4), checksum_off=1),
}


@pytest.mark.parametrize("place", [_with, _at_the_end])
@pytest.mark.parametrize("kind", BAD_CHUNKS)
def test_the_pixels_of_a_png_are_read_whatever_its_metadata(
    kind: str, place: Callable[[bytes, bytes], bytes], tmp_path: Path
) -> None:
    path, told = tmp_path / "a.png", list[str]()
    path.write_bytes(place(BAD_CHUNKS[kind], _png()))
    assert np.array_equal(read_picture(path, told.append), pictures.noise())
    assert told in ([], [f"{path}: {METADATA}"])  # (Pillow gets over some by itself)


def test_with_bad_text_left_out_colours_and_orientation_stay(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = pictures.ROTATE_TO_SEE
    whole, told = _png(icc_profile=profiles.red_and_blue_swapped(), exif=exif.tobytes()), list[str]()
    (tmp_path / "good.png").write_bytes(whole)
    (tmp_path / "bad.png").write_bytes(_with(BAD_CHUNKS["text with a wrong checksum"], whole))
    good = read_picture(tmp_path / "good.png")
    assert good.shape == (pictures.WIDTH, pictures.HEIGHT, 3)
    assert np.array_equal(read_picture(tmp_path / "bad.png", told.append), good)
    assert [line.partition(": ")[2].split(" from ")[0] for line in told] == [
        "colours converted to sRGB",
        METADATA,
    ]


def test_a_profile_larger_than_pillow_takes_is_left_out_and_told_of(tmp_path: Path) -> None:
    path, told = tmp_path / "a.png", list[str]()
    path.write_bytes(_with(_chunk(b"iCCP", b"huge\0\0" + LARGE), _png()))
    assert np.array_equal(read_picture(path, told.append), pictures.noise())
    assert told == [f"{path}: {LOOKS_TOO}"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_with_unreadable_exif_is_taken_as_stored(kind: str, tmp_path: Path) -> None:
    path, told = tmp_path / "a.picture", list[str]()
    PIL.Image.fromarray(pictures.blocks()).save(
        path, kind, exif=b"Exif\0\0MM\0\0rubbish", lossless=True, quality=100, subsampling=0
    )
    error = np.abs(read_picture(path, told.append).astype(int) - pictures.blocks()).max()
    assert error <= (pictures.JPEG_ERROR if kind == "JPEG" else 0)
    line = f"{path}: its EXIF cannot be read, so it is taken as stored and not turned"
    assert told == ([] if kind == "JPEG" else [line])  # (of a JPEG Pillow leaves it out by itself)


@pytest.mark.parametrize("bad", ["text with a wrong checksum", None])
def test_damaged_pixels_are_refused_as_ever(bad: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pictures.damaged(path)
    if bad is not None:
        path.write_bytes(_with(BAD_CHUNKS[bad], path.read_bytes()))
    with pytest.raises(UserError, match=r"a\.png: (cannot be decoded|is no picture)"):
        read_picture(path)


def test_an_avif_with_unreadable_exif_is_read_upright_without_it(tmp_path: Path) -> None:
    good, bad, told = tmp_path / "good.avif", tmp_path / "bad.avif", list[str]()
    exif = PIL.Image.Exif()
    exif[0x010F], exif[0x0112] = "a maker", pictures.ROTATE_TO_SEE
    PIL.Image.fromarray(pictures.blocks()).save(good, "AVIF", exif=exif.tobytes())
    whole = good.read_bytes()
    assert whole.count(b"MM\0*") == 1
    bad.write_bytes(whole.replace(b"MM\0*", b"rubb"))
    assert np.array_equal(read_picture(bad, told.append), read_picture(good))
    assert told == [f"{bad}: Exif that cannot be read is left out"]
    bad.write_bytes(whole.replace(b"MM\0*", b"rubb")[:-200])
    with pytest.raises(UserError, match=r"bad\.avif: (cannot be decoded|is no picture)"):
        read_picture(bad)
