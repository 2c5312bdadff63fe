"""Enlarge a picture by levels that were trained elsewhere; writes a picture file, and no record."""

from __future__ import annotations

from pathlib import Path

import PIL.Image

from runner.execution.own_picture import save_picture
from runner.execution.resources import DeviceName, Resources, choose_device
from runner.images.decode import read_picture
from runner.official.trained_folder import TrainedFolder, read_trained_folder
from runner.planning.plan import super_resolution
from runner.progress import showing_progress
from singan.errors import UserError
from singan.geometry import Size, factor_text


def enlarge_trained(
    folder: Path, picture: Path | None, factor: float, seed: int, device: DeviceName, output: Path
) -> Size:
    """Enlarge the picture that a folder of the public implementation was trained on.

    Trains nothing and keeps nothing; returns the result's size. Raises `UserError` when the folder cannot be
    read, or was trained on another picture than the one given.
    """
    trained = read_trained_folder(folder)
    if picture is not None and not _was_trained_on(trained, picture):
        raise UserError(
            f"is not the picture that {folder} was trained on",
            where=str(picture),
            right=f"that one has {trained.picture.size} pixels; leave PICTURE out to enlarge it",
        )
    task = super_resolution(trained.levels_on(trained.picture)[-1].key, factor, seed)
    with showing_progress() as progress:
        place = Resources(choose_device(device))
        place.settle()
        progress.begin(1.0)
        label = f"{trained.name}, super-resolution x{factor_text(factor)}"
        progress.start(label, 1.0)

        def show(done: int, steps: int) -> None:
            if progress.wants_update():
                progress.update(done / steps, f"step {done} of {steps}")

        enlarged = trained.enlarge(task, trained.picture, place.device, show)
        progress.finish("super-resolved")
    return save_picture(PIL.Image.fromarray(enlarged.pixels), output)


def _was_trained_on(trained: TrainedFolder, picture: Path) -> bool:
    """Whether the folder was trained on this picture, read without its colour profile or with it.

    The public implementation ignores profiles, but may have been given a picture that a program converted.
    """
    return any(trained.was_trained_on(read_picture(picture, heed_profile=heed)) for heed in (False, True))
