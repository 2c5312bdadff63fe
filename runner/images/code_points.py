"""Colours that a file declares by code points (ITU-T H.273), not by a profile: PNG in cICP, AVIF in nclx."""

from __future__ import annotations

import re
import struct
from typing import BinaryIO, NamedTuple

_BEFORE_PIXELS_bytes = 1 << 16
"""Code points stand before the pixels, near a file's beginning."""

_PNG = re.compile(rb"\x00\x00\x00\x04cICP(..)", re.DOTALL)
"""Length, name and first two numbers of the chunk (PNG, third edition, 11.3.2.6)."""

_AVIF = re.compile(rb"colrnclx(....)", re.DOTALL)
"""Names of the box and of its kind, and the first two numbers in it (ISO/IEC 14496-12, 12.1.5)."""

_UNSPECIFIED = 2


class CodePoints(NamedTuple):
    """What colours the primaries have, and how light becomes numbers."""

    primaries: int
    transfer: int

    @property
    def are_srgb(self) -> bool:
        """Whether they say sRGB, or nothing; the curve of BT.709 is often written for it, in four ways."""
        return self.primaries in {1, _UNSPECIFIED} and self.transfer in {1, _UNSPECIFIED, 6, 13, 14, 15}


def code_points(file: BinaryIO) -> CodePoints | None:
    """The code points of an open PNG or AVIF; None where it has none. Raises `OSError`."""
    file.seek(0)
    head = file.read(_BEFORE_PIXELS_bytes)
    if head.startswith(b"\x89PNG"):
        found = _PNG.search(head.partition(b"IDAT")[0])
        return CodePoints(*found[1]) if found else None
    if head[4:8] == b"ftyp":
        found = _AVIF.search(head)
        return CodePoints(*struct.unpack(">HH", found[1])) if found else None
    return None
