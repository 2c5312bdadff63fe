"""Deep grey and transparency: samples by the range that the file declares, and no guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from helpers import pictures
from runner.images.decode import Pixels, read_picture
from singan.errors import UserError

MIN_SAMPLE, MAX_SAMPLE, PHOTOMETRIC = 280, 281, 262

GREY = pictures.noise()[:, :, 0]


@pytest.fixture
def told() -> list[str]:
    return []


def _tiff(path: Path, samples: npt.NDArray[np.generic], **tags: int) -> None:
    directory = ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[globals()[name]] = value
    PIL.Image.fromarray(samples).save(path, "TIFF", tiffinfo=directory)


def _grey_of(path: Path) -> Pixels:
    pixels = read_picture(path)
    assert (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, 0]


@pytest.mark.parametrize("top", [255, 4095, 65535])
def test_32_bits_are_read_by_the_largest_sample_they_declare(top: int, tmp_path: Path) -> None:
    samples = np.round(GREY.astype(float) * top / 255).astype(np.int32)
    _tiff(tmp_path / "a.tif", samples, MAX_SAMPLE=top)
    assert np.array_equal(_grey_of(tmp_path / "a.tif"), GREY)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({}, "does not say which of them is white"),
        ({"MAX_SAMPLE": 200}, "does not say which of them is white"),  # the largest there is, perhaps
        ({"MAX_SAMPLE": 255, "MIN_SAMPLE": 16}, "does not say which of them is white"),
        ({"MAX_SAMPLE": 127}, "has samples outside the range of 0 to 127 that it declares"),
    ],
)
def test_32_bits_of_no_declared_range_are_refused(tags: dict[str, int], said: str, tmp_path: Path) -> None:
    _tiff(tmp_path / "a.tif", GREY.astype(np.int32), **tags)
    with pytest.raises(UserError, match=said):
        read_picture(tmp_path / "a.tif")


def test_16_bits_mean_all_of_them_whatever_the_largest_sample(tmp_path: Path) -> None:
    _tiff(tmp_path / "a.tif", GREY.astype(np.uint16) * 257, MAX_SAMPLE=60_000)
    assert np.array_equal(_grey_of(tmp_path / "a.tif"), GREY)


def test_16_bits_with_white_as_zero_are_no_negative(tmp_path: Path) -> None:
    _tiff(tmp_path / "a.tif", (255 - GREY.astype(np.uint16)) * 257, PHOTOMETRIC=0)
    assert np.array_equal(_grey_of(tmp_path / "a.tif"), GREY)


def test_12_bits_of_a_tiff_mean_all_of_them(tmp_path: Path) -> None:
    samples = np.round(GREY.astype(float) * 4095 / 255).astype(np.uint16)
    first, second = samples[:, 0::2], samples[:, 1::2]  # two samples in three bytes, high bits first
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1)
    _tiff(tmp_path / "16.tif", samples)
    with PIL.Image.open(tmp_path / "16.tif") as stored:
        assert isinstance(stored, TiffImageFile)
        start = stored.tag_v2[273][0]
    whole = bytearray((tmp_path / "16.tif").read_bytes())
    entry = whole.index(b"\x02\x01\x03\0\x01\0\0\0\x10\0")  # BitsPerSample, one SHORT, 16
    whole[entry + 8] = 12
    whole[start:] = packed.astype(np.uint8).tobytes()
    (tmp_path / "12.tif").write_bytes(whole)
    assert np.array_equal(_grey_of(tmp_path / "12.tif"), GREY)


@pytest.mark.parametrize("top", [1000, 4095, 65535])
def test_a_grey_pnm_is_read_by_the_largest_sample_of_its_head(top: int, tmp_path: Path) -> None:
    samples = np.round(GREY.astype(float) * top / 255).astype(">u2")
    head = f"P5 {GREY.shape[1]} {GREY.shape[0]} {top}\n".encode()
    (tmp_path / "a.pgm").write_bytes(head + samples.tobytes())
    assert np.array_equal(_grey_of(tmp_path / "a.pgm"), GREY)


def _see_through(mode: str, opacity: int) -> PIL.Image.Image:
    picture = PIL.Image.fromarray(pictures.noise()).convert(mode[:-1])
    picture.putalpha(opacity)
    return picture


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_that_is_left_out_is_told_once(mode: str, told: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    _see_through(mode, 254).save(path)
    opaque = PIL.Image.fromarray(pictures.noise()).convert(mode[:-1]).convert("RGB")
    assert np.array_equal(read_picture(path, told.append), np.asarray(opaque))
    assert told == [f"{path}: its transparency is left out"]


@pytest.mark.parametrize(
    ("mode", "transparent"),
    [("RGB", tuple(pictures.noise()[0, 0].tolist())), ("L", int(GREY[0, 0])), ("P", int(GREY[0, 0]))],
)
def test_a_transparent_colour_is_told_of_where_it_is_used(
    mode: str, transparent: int | tuple[int, ...], told: list[str], tmp_path: Path
) -> None:
    picture = PIL.Image.fromarray(GREY if mode in "LP" else pictures.noise())
    picture.convert(mode).save(tmp_path / "a.png", transparency=transparent)
    read_picture(tmp_path / "a.png", told.append)
    assert told == [f"{tmp_path / 'a.png'}: its transparency is left out"]


def test_a_transparent_grey_of_16_bits_is_told_of(told: list[str], tmp_path: Path) -> None:
    samples = GREY.astype(np.uint16) * 257
    PIL.Image.fromarray(samples).save(tmp_path / "a.png", transparency=int(samples[0, 0]))
    assert np.array_equal(read_picture(tmp_path / "a.png", told.append)[:, :, 0], GREY)
    assert told == [f"{tmp_path / 'a.png'}: its transparency is left out"]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_that_hides_nothing_is_not_told_of(mode: str, told: list[str], tmp_path: Path) -> None:
    _see_through(mode, 255).save(tmp_path / "a.png")
    read_picture(tmp_path / "a.png", told.append)
    assert told == []
