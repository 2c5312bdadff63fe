"""A pyramid that was trained elsewhere, with its picture: a trained folder of the public implementation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from runner.execution.carry_out import Enlarged, failure_words, super_resolved
from runner.images.decode import Pixels
from runner.images.load import LoadedImage, check_trainable
from runner.images.own import id_of
from runner.official.format import read_official
from runner.planning.plan import Fields, SuperResolution, digest
from singan.checkpoint import dump_level, load_level
from singan.errors import UserError
from singan.geometry import MAX_SIZE_px, Size, working_scale, working_size
from singan.pixels import to_tensor
from singan.pyramid import Pyramid
from singan.resize import resize, size_of, truncate_to_8_bit
from singan.superres import StepObserver

FOLDER_VERSION = 1
"""Increased when the same folder comes to mean other levels, so that old ones are not taken for new."""

_CPU = torch.device("cpu")

_MOST_TRUNCATED = 2
"""Most grey levels that two truncations take from a value."""

_SETTINGS_FOLDER = "scale_factor="
"""How the public implementation's folders begin: `TrainedModels/cows/scale_factor=0.793701,alpha=10`."""


@dataclass(frozen=True)
class FolderLevel:
    """A level as the store keeps it; `weights` are the bytes of its file."""

    key: str
    fields: Fields
    weights: bytes
    noise_amplitude: float


@dataclass(frozen=True, eq=False)
class TrainedFolder:
    """What a trained folder holds: its pyramid, in float32 on the CPU, and the picture it was trained on."""

    folder: Path
    pyramid: Pyramid
    pixels: Pixels
    """The working image, 8-bit: super-resolution truncates it to that before anything else."""

    @property
    def name(self) -> str:
        """The folder's name, without its path, and with `?` for what a page could not show.

        The public implementation puts a folder of settings into one that is called after the picture, which
        tells more.
        """
        folder = self.folder.resolve()
        called = folder.parent if folder.name.startswith(_SETTINGS_FOLDER) else folder
        return _printable(called.name)

    @cached_property
    def picture(self) -> LoadedImage:
        """The picture as one of the user's own, called after the folder."""
        return LoadedImage(id_of(self.name), self.name, self.pixels, is_own=True)

    @property
    def base_width(self) -> int:
        """Channels of level 0."""
        return self.pyramid.levels[0].generator.width

    def levels_on(self, image: LoadedImage) -> tuple[FolderLevel, ...]:
        """Every level, coarsest first, under a key made of its content, the image, and the key of the level
        below.

        Same folder, same keys; and never a key of a level trained here, whose fields are others.
        """
        below: str | None = None
        levels = []
        for index, level in enumerate(self.pyramid.levels):
            weights = dump_level(level)
            fields: Fields = {
                "foreign version": FOLDER_VERSION,
                "weights": hashlib.sha256(weights).hexdigest(),
                "image": image.digest,
                "sizes": [list(size) for size in self.pyramid.geometry.sizes],
                "shrink": self.pyramid.geometry.shrink,
                "level": index,
                "below": below,
            }
            fields = json.loads(json.dumps(fields))  # as they come back from a file
            below = digest(fields)
            levels.append(FolderLevel(below, fields, weights, level.noise_amplitude))
        return tuple(levels)

    def distance_below(self, pixels: Pixels) -> float | None:
        """By how many grey levels the folder's picture lies below these pixels `[H, W, 3]`, on average; None
        when it is another picture.

        The published code truncates its picture to 8 bits twice, so each value may be up to 2 levels lower.
        """
        if pixels.shape != self.pixels.shape:
            return None
        below = pixels.astype(int) - self.pixels
        is_truncated = below.min() >= 0 and below.max() <= _MOST_TRUNCATED and below.mean() <= 1
        return float(below.mean()) if is_truncated else None

    def was_trained_on(self, pixels: Pixels) -> bool:
        """Whether these pixels `[H, W, 3]`, once shrunk as for training, are the folder's picture.

        A picture that needs shrinking may also differ by one grey level upwards: another program shrank it,
        and rounded elsewhere before it truncated.
        """
        size = Size(*pixels.shape[:2])
        if working_size(size) != size_of(self.pyramid.reals[-1]):
            return False
        scale = working_scale(size)
        shrunk = _to_8_bit(resize(to_tensor(pixels, device=_CPU), scale))
        below = shrunk.astype(int) - self.pixels
        lowest = -1 if scale < 1 else 0
        return bool(lowest <= below.min() and below.max() <= _MOST_TRUNCATED)

    def enlarge(
        self, task: SuperResolution, image: LoadedImage, device: torch.device, observe: StepObserver
    ) -> Enlarged:
        """Super-resolve the picture with the last level, as a run of that factor, seed and draw does.

        Raises `UserError` when the device cannot, or the result is not finite.
        """
        top = load_level(dump_level(self.pyramid.levels[-1]), device)
        try:
            return super_resolved(task, top, self.pyramid.geometry, image, device, observe)
        except UserError as error:
            raise UserError(str(error), where=str(self.folder)) from None
        except (RuntimeError, MemoryError) as error:  # torch's own, e.g. an operation the device lacks
            raise UserError(failure_words(error, device), where=str(self.folder)) from None


def read_trained_folder(folder: Path) -> TrainedFolder:
    """Read a trained folder of the public implementation; executes nothing that is in it.

    Raises `UserError`, naming the file, for what is no such folder, and for a picture larger or smaller than
    what this program works with.
    """
    pyramid = read_official(folder, _CPU)
    working, where = pyramid.reals[-1], folder / "reals.pth"
    if working.dtype != torch.float32:
        raise UserError(
            "holds float64 numbers", where=str(where), right="the public implementation saves float32"
        )
    size = size_of(working)
    if max(size) > MAX_SIZE_px:
        raise UserError(
            f"its picture of {size} pixels is too large",
            where=str(where),
            right=f"at most {MAX_SIZE_px} px a side can be enlarged here (--max_size of the public code)",
        )
    check_trainable(size, str(where))
    return TrainedFolder(folder, pyramid, _to_8_bit(working))


def _to_8_bit(image: Tensor) -> Pixels:
    """`[1, 3, H, W]` truncated as every resize truncates it (quirk of algorithm.md 2), `[H, W, 3]`."""
    pixels: Pixels = truncate_to_8_bit(image)[0].permute(1, 2, 0).to(torch.uint8).contiguous().numpy()
    return pixels


def _printable(name: str) -> str:
    """A file name as at most 100 printable characters; whatever hides or turns others becomes `?`, too."""
    return "".join(character if character.isprintable() else "?" for character in name)[:100] or "?"
