"""Pictures of the record on the site: copied as they are, with small lossy thumbnails
and lossless pieces beside them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import PIL.Image

from runner.publish.data.decode import decoded
from runner.publish.data.model import PictureFile, SiteData, Thumbnail, Window
from runner.publish.output.folder import SiteFolder

_QUALITY = 80


def copy_pictures(data: SiteData, folder: SiteFolder) -> None:
    """Write every picture the pages show, as the record has it."""
    for holder in (*data.slots(), *data.sheets()):
        if holder.picture:
            folder.keep(holder.picture.url, holder.picture.source.read_bytes)


def all_thumbnails(data: SiteData) -> Iterator[Thumbnails]:
    """The thumbnails of every picture that has some."""
    return (Thumbnails(slot.picture) for slot in data.slots() if slot.picture)


def all_crops(data: SiteData) -> Iterator[Crops]:
    """The pieces of every picture that is shown in windows."""
    return (Crops(picture, windows) for picture, windows in data.crops())


@dataclass(frozen=True)
class Crops:
    """What is in some windows of a picture, pixel for pixel."""

    picture: PictureFile
    windows: tuple[Window, ...]

    @property
    def urls(self) -> tuple[str, ...]:
        """Their paths on the site."""
        return tuple(map(self.picture.crop_url, self.windows))

    def make(self) -> tuple[bytes, ...]:
        """Their files, lossless: a comparison of pixels must not compare codecs."""
        pixels = decoded(self.picture)
        return tuple(_cut(pixels, window) for window in self.windows)


@dataclass(frozen=True)
class Thumbnails:
    """The thumbnails of a picture; it is decoded only once they are made."""

    picture: PictureFile

    @property
    def urls(self) -> tuple[str, ...]:
        """Their paths on the site."""
        return tuple(each.url for each in self.picture.thumbnails)

    def make(self) -> tuple[bytes, ...]:
        """Their files."""
        pixels = decoded(self.picture)
        return tuple(_shrunk(pixels, each) for each in self.picture.thumbnails)


def _cut(pixels: PIL.Image.Image, window: Window) -> bytes:
    right, bottom = window.left + window.width, window.top + window.height
    buffer = io.BytesIO()
    pixels.crop((window.left, window.top, right, bottom)).save(buffer, "WEBP", lossless=True, method=6)
    return buffer.getvalue()


def _shrunk(pixels: PIL.Image.Image, thumbnail: Thumbnail) -> bytes:
    size = thumbnail.width, thumbnail.height
    small = pixels.resize(size, PIL.Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY, method=4)
    return buffer.getvalue()
