"""Load the study's pictures: fetched, checked and cropped, or photographs that stand in for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import PIL.Image

from runner.images.decode import Pixels, read_picture
from runner.images.download import NotAvailableError, fetch
from runner.streams import tell
from runner.study.schema import Image, SourceFile, StandIn
from singan.errors import UserError
from singan.geometry import MAX_SIZE_px, Size, pyramid_geometry

StandIns = Literal["never", "offline", "always"]
"""When photographs from scikit-image stand in for the study's pictures."""


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """A picture ready to train on; `ground_truth` by factor, `[factor * H, factor * W, 3]` each."""

    id: str
    title: str
    pixels: Pixels
    credit: str | None = None
    stand_in: str | None = None
    """What stands in for the study's picture, in words; None for the picture itself."""
    ground_truth: Mapping[int, Pixels] = field(default_factory=dict)
    is_own: bool = False
    """Whether it is the user's own picture, not one of the study."""
    crop: tuple[int, int, int, int] | None = None
    """Left, top, right, bottom in the study's file, pixels; None for what is no image of the study."""

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(height, width)

    @cached_property
    def digest(self) -> str:
        """sha256 of size and pixels: the picture's identity, whatever its name."""
        return hashlib.sha256(repr(self.pixels.shape).encode() + self.pixels.tobytes()).hexdigest()


def load_images(
    images: Iterable[Image], stand_ins: StandIns = "never", say: Callable[[str], None] = tell
) -> dict[str, LoadedImage]:
    """Load pictures of the study by id; `say` is called for every picture that a stand-in is used for.

    Raises `UserError` when neither a picture nor a stand-in for it can be had.
    """
    loaded = {}
    for image in images:
        loaded[image.id] = _load(image, stand_ins)
        if loaded[image.id].stand_in:
            say(f"{image.title}: {loaded[image.id].stand_in} stands in for it")
    return loaded


def _load(image: Image, stand_ins: StandIns) -> LoadedImage:
    if stand_ins == "always":
        return _stand_in(image)
    try:
        pixels = _cropped(image)
        truth = image.ground_truth
        ground_truth = {truth.factor: _cropped(truth)} if truth else {}
    except NotAvailableError:
        if stand_ins == "offline" and image.stand_in is not None:
            return _stand_in(image)
        raise
    check_trainable(Size(*pixels.shape[:2]), f"image {image.id}")
    return LoadedImage(
        image.id, image.title, pixels, image.credit, None, ground_truth, crop=image.box_in_file
    )


def _cropped(source: SourceFile) -> Pixels:
    path = fetch(source)
    pixels = read_picture(path)
    declared = source.size.size
    if pixels.shape[:2] != declared:
        found = Size(*pixels.shape[:2])
        raise UserError(f"is {found} pixels, not {declared} as the study says", where=str(path))
    if source.crop is None:
        return pixels
    left, top, right, bottom = source.crop.box
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def check_trainable(size: Size, where: str) -> None:
    """Refuse a picture SinGAN cannot train on as it is; raises `UserError`."""
    if max(size) > MAX_SIZE_px:
        raise UserError(
            f"a picture of {size} pixels is too large: training would shrink it first, and what comes out "
            "would be no enlargement of it",
            where=where,
            right=f"shrink or crop it to at most {MAX_SIZE_px} px a side",
        )
    try:
        pyramid_geometry(size, 8)
    except UserError as error:
        raise UserError(str(error), where=where) from None


def _stand_in(image: Image) -> LoadedImage:
    if image.stand_in is None:
        raise UserError(f"image {image.id} has no stand-in", right="give it one, or let it be downloaded")
    left, top, right, bottom = image.stand_in.crop.box
    photograph = _photograph(image.stand_in)
    if right > photograph.shape[1] or bottom > photograph.shape[0]:
        raise UserError(
            f"ends outside the photograph of {Size(*photograph.shape[:2])} pixels",
            where=f"[image.{image.id}] stand_in.crop",
        )
    truth = np.ascontiguousarray(photograph[top:bottom, left:right])
    height, width = image.cropped_size
    small = PIL.Image.fromarray(truth).resize((width, height), PIL.Image.Resampling.BICUBIC)
    name = f'the photograph "{image.stand_in.photograph}" of scikit-image'
    factor = image.stand_in.crop.width // width
    return LoadedImage(image.id, image.title, np.asarray(small), None, name, {factor: truth})


def _photograph(stand_in: StandIn) -> Pixels:
    from skimage import data  # noqa: PLC0415  (slow to import, and rarely needed)

    if stand_in.photograph == "motorcycle":
        photograph = data.stereo_motorcycle()[0]  # type: ignore[no-untyped-call]
    else:
        photograph = getattr(data, stand_in.photograph)()
    return np.asarray(photograph, dtype=np.uint8)
