"""Pictures of the record on the site: copied as they are, with small lossy thumbnails beside them."""

from __future__ import annotations

import io
from functools import cached_property, partial

import PIL.Image

from runner.publish.folder import SiteFolder
from runner.publish.model import PictureFile, SiteData, Thumbnail
from singan.errors import UserError

_QUALITY = 80


def write_pictures(data: SiteData, folder: SiteFolder) -> None:
    """Write every picture the pages show, and the thumbnails of those that have some."""
    for slot in data.slots():
        if slot.picture:
            _copy(slot.picture, folder)
            original = _Original(slot.picture)
            for thumbnail in slot.picture.thumbnails:
                folder.keep(thumbnail.url, partial(original.shrunk, thumbnail))
    for sheet in data.sheets():
        if sheet.picture:
            _copy(sheet.picture, folder)


def _copy(picture: PictureFile, folder: SiteFolder) -> None:
    folder.keep(picture.url, picture.source.read_bytes)


def decoded(picture: PictureFile) -> PIL.Image.Image:
    """A picture of the record as RGB; raises `UserError` where it is damaged behind its header."""
    try:
        with PIL.Image.open(picture.source) as opened:
            return opened.convert("RGB")
    except Exception as error:  # (decoders raise almost anything on damaged files)
        raise UserError(
            f"cannot be decoded: {error}", where=str(picture.source), right="run the study again"
        ) from None


class _Original:
    """A picture decoded once, and only if some thumbnail of it has to be made."""

    def __init__(self, picture: PictureFile) -> None:
        self._picture = picture

    @cached_property
    def _pixels(self) -> PIL.Image.Image:
        return decoded(self._picture)

    def shrunk(self, thumbnail: Thumbnail) -> bytes:
        """The thumbnail's file."""
        size = thumbnail.width, thumbnail.height
        small = self._pixels.resize(size, PIL.Image.Resampling.LANCZOS, reducing_gap=3.0)
        buffer = io.BytesIO()
        small.save(buffer, "WEBP", quality=_QUALITY, method=4)
        return buffer.getvalue()
