"""Enlarge one's own picture, by a single run or by levels trained elsewhere: a file, not a record."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import PIL.Image

from runner.execution.interrupt import interruptible
from runner.files import write_atomically
from runner.images.decode import read_picture
from runner.images.encode import encoded, objection
from runner.images.load import LoadedImage
from runner.planning.plan import Plan, super_resolution
from runner.progress import showing_progress
from runner.store.store import Store
from singan.errors import UserError
from singan.geometry import Size, factor_text

if TYPE_CHECKING:
    from runner.execution.resources import DeviceName
    from runner.official.trained_folder import TrainedFolder


def check_output(output: Path, picture: Path | None) -> None:
    """Refuse an output that could not or should not be written, before training; raises `UserError`."""
    reason = objection(output.suffix.lower())
    if reason is not None:
        raise UserError(reason, where=str(output), right="end it in .png or .webp")
    try:
        reason = _bad_place(output, picture)
    except OSError as error:
        reason = f"cannot be written: {error.strerror}"
    if reason is not None:
        raise UserError(reason, where=str(output), right="name a file in an existing folder")


def _bad_place(output: Path, picture: Path | None) -> str | None:
    """What speaks against writing there; raises `OSError` for what only trying tells."""
    target = output.resolve()
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        return "lies in no folder that can be written"
    if target.exists():
        if picture is not None and picture.exists() and target.samefile(picture):
            return "is the picture itself, which would be lost"
        if not target.is_file():
            return "is a folder" if target.is_dir() else "is no ordinary file"
        if not os.access(target, os.W_OK):
            return "is there already, and may not be written"
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}."):
        return None  # as the result will be written


def enlarge(plan: Plan, image: LoadedImage, store: Store, device: DeviceName, output: Path) -> Size:
    """Carry out the plan's only run and write its picture; returns the picture's size.

    Raises `UserError` when training fails.
    """
    from runner.execution.executor import Execution  # noqa: PLC0415  (torch, only once the request is known to be good)
    from runner.execution.resources import Resources, choose_device, choose_engine  # noqa: PLC0415
    from runner.store.artifacts import stored_picture  # noqa: PLC0415

    (run,) = plan.runs
    chosen = choose_device(device)
    place = Resources(chosen, choose_engine("auto", chosen))
    with showing_progress() as progress, interruptible(progress.say) as interrupt:
        execution = Execution(plan, {image.id: image}, store, place, progress, interrupt=interrupt)
        reason = execution.carry_out(run)
    if reason is not None:
        raise UserError(reason, where=str(run))
    return _save(stored_picture(store, run.output.key), output)


def enlarge_trained(
    folder: Path, picture: Path | None, factor: float, seed: int, device: DeviceName, output: Path
) -> Size:
    """Enlarge the picture that a folder of the public implementation was trained on.

    Trains nothing and keeps nothing; returns the result's size. Raises `UserError` when the folder cannot be
    read, or was trained on another picture than the one given.
    """
    from runner.execution.resources import Resources, choose_device  # noqa: PLC0415
    from runner.official.trained_folder import read_trained_folder  # noqa: PLC0415

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
    return _save(PIL.Image.fromarray(enlarged.pixels), output)


def _was_trained_on(trained: TrainedFolder, picture: Path) -> bool:
    """The public implementation knows no colour profiles; but it may have been given what a program made."""
    return any(trained.was_trained_on(read_picture(picture, heed_profile=heed)) for heed in (False, True))


def _save(picture: PIL.Image.Image, output: Path) -> Size:
    """Write the picture whole or not at all; raises `UserError`."""
    try:
        file = encoded(picture.convert("RGB"), output.suffix.lower())
        target = output.resolve() if output.is_symlink() else output  # a link stays one
    except OSError as error:
        raise UserError(f"cannot be written: {error}", where=str(output)) from None
    write_atomically(target, file)
    return Size(picture.height, picture.width)
