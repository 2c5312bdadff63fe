"""Trained folders of the published implementation to read, write and spoil."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from helpers.tiny import CPU, picture, same_state, trained_level
from runner.official.format import read_official
from singan.errors import UserError
from singan.geometry import Size, pyramid_geometry
from singan.pyramid import Pyramid, build_pyramid

FILES = (
    "0/netG.pth",
    "0/netD.pth",
    "0/z_opt.pth",
    "1/netG.pth",
    "1/netD.pth",
    "1/z_opt.pth",
    "NoiseAmp.pth",
    "Zs.pth",
    "reals.pth",
)
"""Everything in a folder of two levels."""

ONE_OF_EACH = ("0/netG.pth", "0/netD.pth", "0/z_opt.pth", "NoiseAmp.pth", "Zs.pth", "reals.pth")
"""Level 1 is read as level 0 is."""

SMALL = Size(24, 20)
"""Of two levels, 18x22 and 20x24."""


def trained_pyramid(image: Size = SMALL, *, dtype: torch.dtype = torch.float32, widths: str = "") -> Pyramid:
    """A pyramid with the sizes of algorithm.md 1 whose levels look trained."""
    pyramid = build_pyramid(picture(image, dtype=dtype), pyramid_geometry(image, 8))
    for n, size in enumerate(pyramid.geometry.sizes):
        width = int(widths[n]) if widths else 2
        pyramid = pyramid.with_level(trained_level(n, size, width=width, dtype=dtype))
    return pyramid


PYRAMID = trained_pyramid()


@contextmanager
def holding(folder: Path, name: str, data: bytes) -> Iterator[None]:
    """Other contents in one file, for a while."""
    path = folder / name
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


def saved(numbers: object, *, old_format: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(numbers, buffer, _use_new_zipfile_serialization=not old_format)
    return buffer.getvalue()


def loaded(path: Path) -> Any:
    return torch.load(path, weights_only=True)


def zipped(pickled: bytes, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A file of the present format with this pickle in it, as `torch.save` would pack it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", torch.arange(4.0).numpy().tobytes())
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def change(path: Path, how: Callable[[Any], Any]) -> None:
    path.write_bytes(saved(how(loaded(path))))


def refusal_of(folder: Path) -> str | None:
    """How a folder is refused, checked to be one short line about a file of it; None if it is read."""
    try:
        read_official(folder, CPU)
    except UserError as error:
        text = str(error)
    else:
        return None
    assert text.isprintable()
    assert text.startswith(f"{folder}/")
    said = text.removeprefix(f"{folder}/")
    assert len(said) < 200
    return said


def assert_refused(folder: Path, name: str, saying: str = "") -> None:
    said = refusal_of(folder)
    assert said is not None
    assert said.startswith(f"{name}: ")
    assert saying in said


def assert_equal_pyramids(one: Pyramid, other: Pyramid) -> None:
    assert one.geometry == other.geometry
    assert len(one.levels) == len(other.levels)
    assert all(map(torch.equal, one.reals, other.reals))
    for mine, theirs in zip(one.levels, other.levels, strict=True):
        assert mine.noise_amplitude == theirs.noise_amplitude
        assert torch.equal(mine.anchor_noise, theirs.anchor_noise)
        assert same_state(mine.generator.state_dict(), theirs.generator.state_dict())
        assert same_state(mine.discriminator.state_dict(), theirs.discriminator.state_dict())
