"""Enlarge the user's own picture by a single run; writes a picture file, and no record."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import PIL.Image

from runner.execution.interrupt import interruptible
from runner.files import write_atomically
from runner.images.encode import encoded, objection
from runner.images.load import LoadedImage
from runner.planning.plan import Plan
from runner.progress import showing_progress
from runner.store.store import Store
from singan.errors import UserError
from singan.geometry import Size

if TYPE_CHECKING:
    from runner.execution.resources import DeviceName


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
    """Why the output should not be written there, if so; raises `OSError` where trying to write fails."""
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
        return None  # (the result will be written in the same way)


def enlarge(plan: Plan, image: LoadedImage, store: Store, device: DeviceName, output: Path) -> Size:
    """Carry out the plan's only run and write its picture; returns the picture's size.

    Raises `UserError` when training fails.
    """
    from runner.execution.execute import Execution  # noqa: PLC0415  (torch, only once the request is known to be good)
    from runner.execution.resources import Resources, choose_device, choose_engine  # noqa: PLC0415
    from runner.store.artifacts import stored_picture  # noqa: PLC0415

    (run,) = plan.runs
    chosen = choose_device(device)
    place = Resources(chosen, choose_engine("auto", chosen))
    with showing_progress() as progress, interruptible(progress.say) as interrupt:
        execution = Execution(plan, {image.id: image}, store, place, progress, interrupt=interrupt)
        failures = execution.carry_out()
    if failures:
        raise UserError(next(iter(failures.values())), where=str(run))
    return save_picture(stored_picture(store, run.output.key), output)


def save_picture(picture: PIL.Image.Image, output: Path) -> Size:
    """Write the picture whole or not at all; raises `UserError`."""
    try:
        file = encoded(picture.convert("RGB"), output.suffix.lower())
        target = output.resolve() if output.is_symlink() else output  # a link stays one
    except OSError as error:
        raise UserError(f"cannot be written: {error}", where=str(output)) from None
    write_atomically(target, file)
    return Size(picture.height, picture.width)
