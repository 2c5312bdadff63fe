"""Pixels of a picture of the record."""

from __future__ import annotations

import PIL.Image

from runner.publish.data.model import PictureFile
from singan.errors import UserError


def decoded(picture: PictureFile) -> PIL.Image.Image:
    """A picture of the record as RGB; raises `UserError` where it is damaged behind its header."""
    try:
        with PIL.Image.open(picture.source) as opened:
            return opened.convert("RGB")
    except Exception as error:  # (decoders raise almost anything on damaged files)
        raise UserError(
            f"cannot be decoded: {error}", where=str(picture.source), right="run the study again"
        ) from None
