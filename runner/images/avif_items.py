"""An AVIF file without its Exif, for when that cannot be read."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

_EXIF = re.compile(rb"(infe\x02.{7}|infe\x03.{9})Exif", re.DOTALL)
"""Names an item's kind (ISO/IEC 14496-12, 8.11.6: version, flags, id of 16 or 32 bits, protection)."""


def bare_avifs(path: Path) -> Iterator[tuple[io.BytesIO, str]]:
    """Yield the file with its Exif renamed to something that nobody reads, and what is left out, in words.

    Yields nothing for a file without Exif. An AVIF stores its orientation elsewhere, so that is kept. Raises
    `OSError`.
    """
    data = path.read_bytes()
    if data[4:8] == b"ftyp" and _EXIF.search(data):
        yield io.BytesIO(_EXIF.sub(rb"\1none", data)), "Exif that cannot be read is left out"
