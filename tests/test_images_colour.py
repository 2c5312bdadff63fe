"""Colours: what a file's profile says they are, in sRGB."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from helpers import pictures, profiles
from runner.images.decode import Pixels, read_picture
from runner.images.own import load_folder, load_own


@pytest.fixture
def told() -> list[str]:
    return []


def _light(samples: Pixels) -> Pixels:
    """Samples proportional to light, as sRGB (IEC 61966-2-1)."""
    light = samples / 255
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_colours_are_converted_from_the_embedded_profile_which_is_told_in_a_line(
    suffix: str, told: list[str], tmp_path: Path
) -> None:
    path, stored = tmp_path / f"swapped{suffix}", pictures.blocks() // 2 + 64  # within what sRGB can show
    profile = profiles.red_and_blue_swapped()
    PIL.Image.fromarray(stored).save(path, icc_profile=profile, quality=100, lossless=True)
    error = np.abs(read_picture(path, told.append).astype(int) - stored[:, :, ::-1]).mean()
    assert error < (4 if suffix == ".jpg" else 2)
    assert told == [f'{path}: colours converted to sRGB from the profile "sRGB built-in"']


def test_alpha_and_palettes_have_profiles_too(tmp_path: Path) -> None:
    profile, stored = profiles.red_and_blue_swapped(), pictures.blocks() // 2 + 64
    PIL.Image.fromarray(stored).save(tmp_path / "plain.png", icc_profile=profile)
    expected = read_picture(tmp_path / "plain.png")
    for mode in ("RGBA", "P"):
        PIL.Image.fromarray(stored).convert(mode, palette=PIL.Image.Palette.ADAPTIVE, colors=256).save(
            tmp_path / "other.png", icc_profile=profile
        )
        assert np.abs(read_picture(tmp_path / "other.png").astype(int) - expected).max() <= 2


def test_srgb_is_left_alone_to_the_bit_and_not_told_of(told: list[str], tmp_path: Path) -> None:
    PIL.Image.fromarray(pictures.noise()).save(tmp_path / "a.png", icc_profile=profiles.srgb())
    assert np.array_equal(read_picture(tmp_path / "a.png", told.append), pictures.noise())
    assert told == []


def test_grey_is_converted_by_a_profile_of_grey(told: list[str], tmp_path: Path) -> None:
    grey = pictures.noise()[:, :, 0]
    PIL.Image.fromarray(grey).save(tmp_path / "grey.png", icc_profile=profiles.linear_grey())
    pixels = read_picture(tmp_path / "grey.png", told.append)
    assert np.abs(pixels.astype(int) - _light(grey)[:, :, None]).max() <= 1
    assert told == [f"{tmp_path / 'grey.png'}: colours converted to sRGB from a profile without a name"]


def test_grey_of_16_bits_is_converted_as_that_of_8(tmp_path: Path) -> None:
    grey = pictures.noise()[:, :, 0]
    PIL.Image.fromarray(grey.astype(np.uint16) * 257).save(
        tmp_path / "grey.png", icc_profile=profiles.linear_grey()
    )
    assert np.abs(read_picture(tmp_path / "grey.png").astype(int) - _light(grey)[:, :, None]).max() <= 1


def test_grey_with_a_profile_of_colours_is_converted_as_colours(told: list[str], tmp_path: Path) -> None:
    grey = pictures.noise()[:, :, 0]
    PIL.Image.fromarray(grey).save(tmp_path / "grey.png", icc_profile=profiles.red_and_blue_swapped())
    pixels = read_picture(tmp_path / "grey.png", told.append)
    assert np.abs(pixels.astype(int) - grey[:, :, None]).max() <= 2  # a grey is grey in all of them
    assert len(told) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_inks_are_converted_by_a_profile_of_inks(suffix: str, told: list[str], tmp_path: Path) -> None:
    inks = np.full((24, 32, 4), 200, dtype=np.uint8)
    inks[:, :16, 3], inks[:, 16:, 3] = 0, 255
    path = tmp_path / f"inks{suffix}"
    PIL.Image.fromarray(inks, "CMYK").save(path, icc_profile=profiles.ink_of_black_only(), quality=100)
    pixels = read_picture(path, told.append)
    assert pixels[:, :8].min() >= 250  # away from the JPEG's edge
    assert pixels[:, 24:].max() <= 5
    assert len(told) == 1


@pytest.mark.parametrize(
    "profile",
    [
        lambda: b"no profile",
        lambda: profiles.srgb()[:200],
        profiles.linear_grey,
        profiles.ink_of_black_only,
    ],
    ids=["rubbish", "cut short", "of grey", "of inks"],
)
def test_a_profile_that_cannot_be_used_is_told_of_and_the_pixels_read(
    profile: Callable[[], bytes], told: list[str], tmp_path: Path
) -> None:
    PIL.Image.fromarray(pictures.noise()).save(tmp_path / "a.png", icc_profile=profile())
    assert np.array_equal(read_picture(tmp_path / "a.png", told.append), pictures.noise())
    assert told == [
        f"{tmp_path / 'a.png'}: its colour profile cannot be used, its colours are taken for sRGB"
    ]


def test_colours_as_stored_can_be_had(told: list[str], tmp_path: Path) -> None:
    PIL.Image.fromarray(pictures.noise()).save(
        tmp_path / "a.png", icc_profile=profiles.red_and_blue_swapped()
    )
    stored = read_picture(tmp_path / "a.png", told.append, heed_profile=False)
    assert np.array_equal(stored, pictures.noise())
    assert told == []


def test_one_s_own_pictures_tell_of_their_profiles(told: list[str], tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.png"
    PIL.Image.fromarray(pictures.noise()).save(path, icc_profile=profiles.red_and_blue_swapped())
    load_own(path, told.append)
    load_folder(tmp_path, told.append)
    line = f'{tmp_path}/two lines.png: colours converted to sRGB from the profile "sRGB built-in"'
    assert told == [line, line]


def _png_chunk(name: bytes, *numbers: int) -> bytes:
    body = struct.pack(f">{len(numbers)}I", *numbers)
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", zlib.crc32(name + body))


SRGB_GAMMA = _png_chunk(b"gAMA", 45455)
SRGB_PRIMARIES = _png_chunk(b"cHRM", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
WIDE_PRIMARIES = _png_chunk(b"cHRM", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_ITSELF = struct.pack(">I4sBI", 1, b"sRGB", 0, zlib.crc32(b"sRGB\0"))


@pytest.mark.parametrize(
    ("chunks", "is_told"),
    [
        (SRGB_GAMMA, False),
        (SRGB_GAMMA + SRGB_PRIMARIES, False),
        (_png_chunk(b"gAMA", 100000), True),
        (WIDE_PRIMARIES, True),
        (SRGB_GAMMA + WIDE_PRIMARIES, True),
        (SRGB_ITSELF + _png_chunk(b"gAMA", 100000), False),
    ],
)
def test_gamma_and_primaries_other_than_srgb_s_are_told_of_once(
    chunks: bytes, is_told: bool, told: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    PIL.Image.fromarray(pictures.noise()).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + chunks + whole[33:])
    assert np.array_equal(read_picture(path, told.append), pictures.noise())
    line = "its gamma and primaries (gAMA, cHRM) are not heeded, its colours are taken for sRGB"
    assert told == [f"{path}: {line}"] * is_told


def _cicp(*numbers: int) -> bytes:
    body = b"cICP" + bytes(numbers)
    return struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("chunks", "is_told"),
    [
        (_cicp(1, 13, 0, 1), False),
        (_cicp(1, 1, 0, 1), False),
        (_cicp(2, 2, 0, 1), False),
        (_cicp(1, 13, 0, 1) + _png_chunk(b"gAMA", 100000), False),  # code points overrule it
        (_cicp(9, 16, 0, 1), True),  # BT.2020, PQ: high dynamic range
        (_cicp(9, 18, 0, 1), True),  # HLG
        (_cicp(12, 13, 0, 1), True),  # Display P3
        (SRGB_GAMMA + _cicp(1, 8, 0, 1), True),  # linear
    ],
)
def test_code_points_other_than_srgb_s_are_told_of_once(
    chunks: bytes, is_told: bool, told: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    PIL.Image.fromarray(pictures.noise()).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + chunks + whole[33:])
    assert np.array_equal(read_picture(path, told.append), pictures.noise())
    assert len(told) == is_told
    assert all("code points (primaries" in line and "taken for sRGB" in line for line in told)


@pytest.mark.parametrize(("primaries", "is_told"), [(1, False), (9, True), (12, True)])
def test_code_points_of_an_avif_are_told_of_too(
    primaries: int, is_told: bool, told: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.avif"
    PIL.Image.fromarray(pictures.blocks()).save(path)
    before, mark, after = path.read_bytes().partition(b"colrnclx")
    assert mark
    path.write_bytes(before + mark + struct.pack(">H", primaries) + after[2:])
    read_picture(path, told.append)
    assert len(told) == is_told


def test_gamma_is_no_news_where_a_profile_says_it_all(told: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PIL.Image.fromarray(pictures.noise()).save(path, icc_profile=profiles.red_and_blue_swapped())
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + _png_chunk(b"gAMA", 100000) + whole[33:])
    read_picture(path, told.append)
    (line,) = told
    assert "colours converted to sRGB" in line
