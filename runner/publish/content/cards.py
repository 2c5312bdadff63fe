"""The preview picture (card) that services show for a shared link: one for each page, made with the site."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

import PIL.Image
import PIL.ImageOps

from runner.publish.content.pages import ExperimentPage, ImagePage, Page
from runner.publish.data.decode import decoded
from runner.publish.data.model import PictureFile, SiteData, Slot, digest_of

WIDTH_px, HEIGHT_px = 1200, 630
"""The size that services which show such cards ask for."""

_MOST = 3
_GAP_px = 6
_BACKGROUND = (252, 251, 249)
_QUALITY = 80


@dataclass(frozen=True)
class Card:
    """Pictures side by side, each cut to its share of the card. As JPEG: not every service reads WebP."""

    pictures: tuple[PictureFile, ...]

    @property
    def url(self) -> str:
        """Its path on the site."""
        return f"cards/{digest_of(*(picture.digest for picture in self.pictures))}.jpg"

    @property
    def urls(self) -> tuple[str, ...]:
        """The path of its one file."""
        return (self.url,)

    def make(self) -> tuple[bytes, ...]:
        """The content of its one file."""
        card = PIL.Image.new("RGB", (WIDTH_px, HEIGHT_px), _BACKGROUND)
        count = len(self.pictures)
        width = (WIDTH_px - (count - 1) * _GAP_px) // count
        for index, picture in enumerate(self.pictures):
            part = PIL.ImageOps.fit(decoded(picture), (width, HEIGHT_px), PIL.Image.Resampling.LANCZOS)
            card.paste(part, (index * (width + _GAP_px), 0))
        buffer = io.BytesIO()
        card.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
        return (buffer.getvalue(),)


def card_of(page: Page, data: SiteData) -> Card | None:
    """Card of what a page's viewer opens with, or else of the original's results; None without pictures."""
    if isinstance(page, ImagePage):
        slots = [choice.slot for choice in page.viewer.panes]
    elif isinstance(page, ExperimentPage):
        shown = [[choice.slot for choice in section.viewer.panes] for section in page.sections]
        slots = max(shown, key=lambda own: sum(slot.picture is not None for slot in own), default=[])
    else:
        slots = [data.cell(data.study.original.id, image.image.id).output for image in data.images]
    return _card(slots) or _card(slot for image in data.images for slot in (image.bicubic, image.nearest))


def _card(slots: Iterable[Slot]) -> Card | None:
    pictures = tuple(slot.picture for slot in slots if slot.picture)[-_MOST:]
    return Card(pictures) if pictures else None
