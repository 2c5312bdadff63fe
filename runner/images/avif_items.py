"""An AVIF file without its Exif, for when that cannot be read."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

_EXIF = re.compile(rb"(infe\x02.{7}|infe\x03.{9})Exif", re.DOTALL)
"""Names the kind of an item (ISO/IEC 14496-12, 8.11.6: version, flags, id of 16 or 32 bits, protection)."""


def bare_avifs(path: Path) -> Iterator[tuple[io.BytesIO, str]]:
    """The file with its Exif called something that nobody reads, and what is left out, in words.

    Nothing for a file without such an item. Which way is up is said elsewhere in an AVIF, and stays so.
    Raises `OSError`.
    """
    data = path.read_bytes()
    if data[4:8] == b"ftyp" and _EXIF.search(data):
        yield io.BytesIO(_EXIF.sub(rb"\1none", data)), "Exif that cannot be read is left out"
