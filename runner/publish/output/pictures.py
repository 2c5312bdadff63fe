"""Pictures of the record on the site: copied as they are, with small lossy thumbnails beside them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import PIL.Image

from runner.publish.data.decode import decoded
from runner.publish.data.model import PictureFile, SiteData, Thumbnail
from runner.publish.output.folder import SiteFolder

_QUALITY = 80


def copy_pictures(data: SiteData, folder: SiteFolder) -> None:
    """Write every picture the pages show, as the record has it."""
    for holder in (*data.slots(), *data.sheets()):
        if holder.picture:
            folder.keep(holder.picture.url, holder.picture.source.read_bytes)


def all_thumbnails(data: SiteData) -> Iterator[Thumbnails]:
    """Of every picture that has some."""
    return (Thumbnails(slot.picture) for slot in data.slots() if slot.picture)


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


def _shrunk(pixels: PIL.Image.Image, thumbnail: Thumbnail) -> bytes:
    size = thumbnail.width, thumbnail.height
    small = pixels.resize(size, PIL.Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY, method=4)
    return buffer.getvalue()
