"""Odd pictures: those that must be read, with the pixels they mean, and those that must be refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

Pixels = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 24, 32

ROTATE_TO_SEE = 6
"""EXIF orientation of a picture stored lying on its side: turned clockwise by 90 degrees, it is upright."""


def noise(height: int = HEIGHT, width: int = WIDTH, channels: int = 3) -> Pixels:
    """Random pixels `[height, width, channels]`."""
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def blocks() -> Pixels:
    """Squares of 8 pixels in one colour each, which JPEG keeps but for rounding."""
    return noise(HEIGHT // 8, WIDTH // 8).repeat(8, axis=0).repeat(8, axis=1)


def rgb_png(path: Path) -> Pixels:
    pixels = noise()
    PIL.Image.fromarray(pixels).save(path, "PNG")
    return pixels


def grey(path: Path) -> Pixels:
    values = noise()[:, :, 0]
    PIL.Image.fromarray(values).save(path, "PNG")
    return _grey_rgb(values)


def grey_16_bit(path: Path) -> Pixels:
    samples = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)
    samples[0, :4] = 0, 128, 129, 65535  # 128 / 257 is just under a half
    PIL.Image.fromarray(samples).save(path, "PNG")
    return _grey_rgb(np.floor(samples / 257 + 0.5).astype(np.uint8))


def grey_with_alpha(path: Path) -> Pixels:
    pixels = noise(channels=2)
    PIL.Image.fromarray(pixels, "LA").save(path, "PNG")
    return _grey_rgb(pixels[:, :, 0])


def rgb_with_alpha(path: Path) -> Pixels:
    pixels = noise(channels=4)
    pixels[0, :, 3] = 0  # what is wholly transparent keeps its colour
    PIL.Image.fromarray(pixels).save(path, "PNG")
    return pixels[:, :, :3]


def palette(path: Path) -> Pixels:
    picture, pixels = _palette()
    picture.save(path, "PNG")
    return pixels


def palette_with_transparency(path: Path) -> Pixels:
    picture, pixels = _palette()
    picture.save(path, "PNG", transparency=bytes(range(0, 256, 16)))
    return pixels


def gif(path: Path) -> Pixels:
    picture, pixels = _palette()
    picture.save(path, "GIF")
    return pixels


def animation(path: Path) -> Pixels:
    """The first frame counts."""
    picture, pixels = _palette()
    picture.save(path, "GIF", save_all=True, append_images=[PIL.Image.new("L", (WIDTH, HEIGHT), 77)])
    return pixels


def cmyk_jpeg(path: Path) -> Pixels:
    """Ink on paper: each part of RGB is what its ink and the black leave over."""
    inks = np.concatenate([blocks(), np.full((HEIGHT, WIDTH, 1), 51, dtype=np.uint8)], axis=2)
    PIL.Image.fromarray(inks, "CMYK").save(path, "JPEG", quality=100, subsampling=0)
    left_over = (255.0 - inks[:, :, :3]) * (255 - 51) / 255
    return np.round(left_over).astype(np.uint8)


def rotated_jpeg(path: Path) -> Pixels:
    stored = blocks()
    exif = PIL.Image.Exif()
    exif[0x0112] = ROTATE_TO_SEE
    PIL.Image.fromarray(stored).save(path, "JPEG", quality=100, subsampling=0, exif=exif.tobytes())
    return np.rot90(stored, k=-1)


READABLE: dict[str, tuple[str, Callable[[Path], Pixels]]] = {
    "rgb": (".png", rgb_png),
    "grey": (".png", grey),
    "grey of 16 bits": (".png", grey_16_bit),
    "grey with alpha": (".png", grey_with_alpha),
    "RGB with alpha": (".png", rgb_with_alpha),
    "palette": (".png", palette),
    "palette with transparency": (".png", palette_with_transparency),
    "GIF": (".gif", gif),
    "animation": (".gif", animation),
    "CMYK JPEG": (".jpg", cmyk_jpeg),
    "rotated JPEG": (".jpg", rotated_jpeg),
}
"""Suffix, and what writes the picture and returns its pixels as a person sees them."""

JPEG_ERROR = 4
"""By how much a JPEG of even squares may be off: its colour transform rounds."""


def truncated(path: Path) -> None:
    whole = _png(noise())
    path.write_bytes(whole[: len(whole) // 2])


def damaged(path: Path) -> None:
    whole = bytearray(_png(noise()))
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)


def no_picture(path: Path) -> None:
    path.write_text("just a text", encoding="utf-8")


def empty(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def missing(path: Path) -> None:
    assert not path.exists()


def too_small(path: Path) -> None:
    PIL.Image.new("RGB", (10, 10)).save(path, "PNG")


def too_large(path: Path) -> None:
    PIL.Image.new("RGB", (4000, 3000)).save(path, "PNG")


def bomb(path: Path) -> None:
    PIL.Image.new("1", (20_000, 10_000)).save(path, "PNG")


def float_tiff(path: Path) -> None:
    PIL.Image.fromarray(noise()[:, :, 0].astype(np.float32)).save(path, "TIFF")


def deep_tiff(path: Path) -> None:
    PIL.Image.fromarray(np.full((HEIGHT, WIDTH), 70_000, dtype=np.int32)).save(path, "TIFF")


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (truncated, "cannot be decoded"),
    "damaged": (damaged, "cannot be decoded"),
    "text": (no_picture, "is no picture; give a PNG, JPEG, WebP or the like"),
    "empty": (empty, "is no picture; give a PNG, JPEG, WebP or the like"),
    "folder": (folder, "is a folder, not a picture"),
    "missing": (missing, "there is no such picture"),
    "10x10": (too_small, "a picture of 10x10 pixels is too small; its short side must be at least 18 px"),
    "4000x3000": (too_large, "a picture of 4000x3000 pixels is too large"),
    "bomb": (bomb, "has too many pixels to be read safely"),
    "float": (float_tiff, "has floating-point samples; save it with 8 bits"),
    "32 bits": (deep_tiff, "has grey samples of more than 8 bits, and does not say which of them is white"),
}
"""What writes something that cannot be trained on, and what must be said of it."""


def _grey_rgb(values: Pixels) -> Pixels:
    return np.stack([values] * 3, axis=2)


def _palette() -> tuple[PIL.Image.Image, Pixels]:
    colours = np.random.default_rng(2).integers(0, 256, (16, 3), dtype=np.uint8)
    indices = np.random.default_rng(3).integers(0, 16, (HEIGHT, WIDTH), dtype=np.uint8)
    picture = PIL.Image.fromarray(indices, "P")
    picture.putpalette(colours.tobytes())
    return picture, colours[indices]


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
