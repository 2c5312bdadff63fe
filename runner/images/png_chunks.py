"""A PNG file without its metadata, for when that cannot be read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_TRANSPARENCY = b"tRNS"

_LOOKS = frozenset({_TRANSPARENCY, b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"})
"""Chunks that a picture could do without, but that bear on how it looks: its colours, and which way is up."""


def bare_pngs(path: Path) -> Iterator[tuple[io.BytesIO, str]]:
    """Yield the file with less and less of its metadata, and what is left out, in words.

    Yields nothing for a file that is no PNG. Damaged pixels stay as they are. Raises `OSError`.
    """
    with path.open("rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return
    yield _keeping(path, _LOOKS), "metadata that cannot be read is left out"
    yield (
        _keeping(path, frozenset({_TRANSPARENCY})),
        "its metadata cannot be read; any colour profile and orientation are left out",
    )


def _keeping(path: Path, wanted: frozenset[bytes]) -> io.BytesIO:
    """A PNG of the critical chunks, as they are, and of the wanted others whose checksum is right."""
    kept = io.BytesIO()
    kept.write(_SIGNATURE)
    with path.open("rb") as file:
        file.seek(len(_SIGNATURE))
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            is_critical = not name[0] & 0x20  # PNG specification, 5.4: the first letter is a capital
            if not is_critical and name not in wanted:
                file.seek(length + 4, io.SEEK_CUR)
                continue
            body = file.read(length + 4)
            if is_critical or zlib.crc32(name + body[:-4]) == int.from_bytes(body[-4:]):
                kept.write(head + body)
    kept.seek(0)
    return kept
