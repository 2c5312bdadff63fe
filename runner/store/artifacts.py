"""What entries of the store hold, read back."""

from __future__ import annotations

import io

import PIL.Image

from runner.store.store import PICTURE, Store
from singan.errors import UserError


def stored_picture(store: Store, key: str) -> PIL.Image.Image:
    """A stored super-resolved picture."""
    entry = store.find("outputs", key)
    if entry is None:
        raise UserError("the super-resolved picture is gone", where=str(store.root))
    return PIL.Image.open(io.BytesIO(entry.read(PICTURE)))
