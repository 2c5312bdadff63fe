"""Colour profiles, made by hand: Pillow can make that of sRGB only."""

from __future__ import annotations

import struct

import numpy as np
import PIL.ImageCms

_HEADER_bytes = 128


def srgb() -> bytes:
    return PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()


def red_and_blue_swapped() -> bytes:
    """Of a device whose red is blue and whose blue is red; it has the name of sRGB all the same."""
    return srgb().replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")


def linear_grey() -> bytes:
    """Samples are proportional to light."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(part * 65536) for part in (0.9642, 1, 0.8249)))
    return _profile(b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": b"curv" + bytes(8)})


def ink_of_black_only() -> bytes:
    """CMYK of which only the black ink shows; without black it is white, with all of it black."""
    straight = bytes(range(256))
    colours = b"".join(bytes([0 if black else 255, 128, 128]) for _ in range(8) for black in (0, 1))
    identity = struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + straight * 4 + colours + straight * 3
    return _profile(b"CMYK", b"Lab ", {b"A2B0": table})


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    start = _HEADER_bytes + 4 + 12 * len(tags)
    directory, contents = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        directory += name + struct.pack(">2I", start + len(contents), len(content))
        contents += content + bytes(-len(content) % 4)
    header = bytearray(_HEADER_bytes)
    header[0:4] = struct.pack(">I", start + len(contents))
    header[8:12] = bytes([2, 0x40, 0, 0])
    header[12:24] = kind + space + connection
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    return bytes(header) + directory + contents
