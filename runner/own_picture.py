"""Enlarge one's own picture: a plan of a single run whose result is a file, not a record."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import PIL.Image

from runner.images import LoadedImage
from runner.interrupt import interruptible
from runner.plan import Plan
from runner.progress import showing_progress
from runner.store import Store
from singan.errors import UserError
from singan.geometry import Size

if TYPE_CHECKING:
    from runner.worker import DeviceName


def check_output(output: Path, picture: Path) -> None:
    """Refuse an output that could not or should not be written, before training; raises `UserError`."""
    if not _is_writable(output.suffix.lower()):
        raise UserError(
            f'cannot write a "{output.suffix}" picture', where=str(output), right="end it in .png or .webp"
        )
    try:
        folder = output.resolve().parent
        reason = "is a folder" if output.is_dir() else None
        if output.resolve() == picture.resolve():
            reason = "is the picture itself, which would be lost"
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            reason = "lies in no folder that can be written"
    except OSError as error:
        reason = f"cannot be written: {error.strerror}"
    if reason is not None:
        raise UserError(reason, where=str(output), right="name a file in an existing folder")


def _is_writable(suffix: str) -> bool:
    """Whether Pillow writes RGB pictures of that kind, found by trying: some it knows by name only."""
    PIL.Image.init()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            PIL.Image.new("RGB", (32, 32)).save(io.BytesIO(), PIL.Image.EXTENSION.get(suffix, ""))
    except Exception:  # (an encoder that cannot raises almost anything)
        return False
    return True


def enlarge(plan: Plan, image: LoadedImage, store: Store, device: DeviceName, output: Path) -> Size:
    """Carry out the plan's only run and write its picture; returns the picture's size.

    Raises `UserError` when training fails.
    """
    from runner.execute import Execution  # noqa: PLC0415  (torch, only once the request is known to be good)
    from runner.worker import choose_device, stored_picture  # noqa: PLC0415

    (run,) = plan.runs
    with showing_progress() as progress, interruptible(progress.say) as interrupt:
        execution = Execution(
            plan, {image.id: image}, store, choose_device(device), progress, interrupt=interrupt
        )
        reason = execution.carry_out(run)
    if reason is not None:
        raise UserError(reason, where=str(run))
    picture = stored_picture(store, run.output.key)
    try:
        picture.save(output)
    except OSError as error:
        raise UserError(f"cannot be written: {error}", where=str(output)) from None
    return Size(picture.height, picture.width)
