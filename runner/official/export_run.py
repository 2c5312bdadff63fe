"""Write what was trained here as a trained folder of the public implementation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import torch

from runner.execution.carry_out import untrained_pyramid
from runner.official.format import write_official
from runner.planning.plan import Plan, Run
from runner.planning.request import Request
from runner.store.store import WEIGHTS, DamagedError, Store
from singan.checkpoint import load_level
from singan.errors import UserError
from singan.pyramid import Pyramid, TrainedLevel

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Exported:
    """What was written: the run, and the number of its levels."""

    run: Run
    levels: int


def export_official(request: Request, store: Store, out: Path) -> Exported:
    """Write the levels of the request's one run to the empty or new folder `out`.

    Raises `UserError`, before anything is written, when the run is not finished or not whole (with the
    command that trains it), and when `out` is not to be written to.
    """
    plan = request.plan()
    (run,) = plan.runs
    missing = [plan.levels[key].level for key in run.levels if store.find("levels", key) is None]
    if missing:
        which = f"level {missing[0]}" if len(missing) == 1 else f"levels {', '.join(map(str, missing))}"
        raise UserError(
            f"{which} of {run} not in the store", where=str(store.root), right=_advice(request, run, store)
        )
    try:
        pyramid = _trained_pyramid(request, plan, run, store)
    except DamagedError as damaged:
        store.set_aside(damaged)
        raise UserError(f"{damaged}; set aside", right=_advice(request, run, store)) from None
    if any(level.upsampler is not None for level in pyramid.levels):
        raise UserError(
            f"{run} upsamples by networks of its own, for which the public format has no place",
            where="--experiment",
            right="export a run whose upsampling is regular or sr",
        )
    write_official(pyramid, out)
    return Exported(run, len(run.levels))


def _trained_pyramid(request: Request, plan: Plan, run: Run, store: Store) -> Pyramid:
    geometry = plan.levels[run.levels[-1]].geometry
    pyramid = untrained_pyramid(request.pictures[run.image], geometry, _CPU)
    for key in run.levels:
        pyramid = pyramid.with_level(_level(store, key))
    return pyramid


def _level(store: Store, key: str) -> TrainedLevel:
    """A level out of the store; raises `UserError` if it is not there, `DamagedError` if it is not whole."""
    entry = store.find("levels", key)
    if entry is None:
        raise UserError(f"level {key[:8]} is gone from the store", where=str(store.root))
    weights = entry.read(WEIGHTS)
    try:
        return load_level(weights, _CPU)
    except UserError as error:
        raise DamagedError(entry.folder, str(error), WEIGHTS) from None


def _advice(request: Request, run: Run, store: Store) -> str:
    """The command that trains what is missing, with every path as it was given."""
    command = request.command(run)
    if request.images_from is not None:
        command = command.replace("--images-from FOLDER", f"--images-from {quote(str(request.images_from))}")
    return f"train first: {command} --study {quote(str(request.study))} --store {quote(str(store.root))}"
