"""Carry out one task: train a level, or super-resolve. Tasks share nothing but the store."""

from __future__ import annotations

import io
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import PIL.Image
import safetensors.numpy
import torch

import singan
from runner.encode import lossless_webp
from runner.images import LoadedImage, Pixels
from runner.plan import LevelTraining, SuperResolution
from runner.results import Provenance
from runner.store import HISTORY, PICTURE, WEIGHTS, DamagedError, Store
from singan.checkpoint import dump_level, load_level
from singan.engines.plain import PlainEngine
from singan.errors import UserError
from singan.geometry import PyramidGeometry
from singan.level import EpochReport, LevelHistory, LevelState, LevelTask, Supervisor, train_level
from singan.pixels import to_pixels, to_tensor
from singan.pyramid import Pyramid, TrainedLevel, build_pyramid
from singan.randomness import stream
from singan.resume import dump_training, restore_training
from singan.superres import StepObserver, super_resolve

DeviceName = Literal["auto", "cpu", "cuda", "mps"]


def choose_device(name: DeviceName) -> torch.device:
    """The device asked for; `auto` takes the best there is. Raises `UserError` for one that is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if available[device])
    if not available[name]:
        usable = ", ".join(device for device, there in available.items() if there)
        raise UserError(f'no device "{name}" on this machine', where="--device", right=f"usable: {usable}")
    return torch.device(name)


def train_task(
    task: LevelTraining,
    below: Sequence[str],
    image: LoadedImage,
    store: Store,
    device: torch.device,
    watch: TrainingWatch,
) -> None:
    """Train a level on the levels `below` (keys, coarsest first) and store it, going on where it was left.

    Raises `UserError` when training diverges, `DamagedError` when what it builds on cannot be trusted, and
    `InterruptedTrainingError` when `watch` stops it.
    """
    pyramid = untrained_pyramid(image, task.geometry, device)
    for key in below:
        pyramid = pyramid.with_level(stored_level(store, key, device))
    what = LevelTask(task.feed, task.stop, task.settings, task.seed, image.digest)
    trained, history = train_level(pyramid, what, PlainEngine(), _Kept(store, task.key, watch))
    _store_level(store, task, trained, history, device)
    store.drop_partial(task.key)


def _store_level(
    store: Store, task: LevelTraining, trained: TrainedLevel, history: LevelHistory, device: torch.device
) -> None:
    store.add(
        "levels",
        task.key,
        {WEIGHTS: dump_level(trained), HISTORY: _dump_history(history)},
        fields=task.fields,
        facts={
            "seconds": round(history.seconds, 3),
            "stopped_early": history.stopped_early,
            "noise_amplitude": trained.noise_amplitude,
        },
        provenance=provenance(device),
    )


class TrainingWatch(Protocol):
    """Who looks on while a level trains."""

    def epoch_done(self, report: EpochReport) -> None:
        """Called after every epoch."""

    def wants_stop(self) -> bool:
        """Whether to stop after this epoch."""


class _Kept(Supervisor):
    """Keeps a training in the store under its key."""

    def __init__(self, store: Store, key: str, watch: TrainingWatch) -> None:
        self._store, self._key, self._watch = store, key, watch

    def restore(self, state: LevelState, history: LevelHistory) -> None:
        kept = self._store.read_partial(self._key)
        if kept is not None:
            try:
                restore_training(kept, state, history)
            except UserError as error:
                raise self._store.partial_is_damaged(self._key, str(error)) from None

    def keep(self, state: LevelState, history: LevelHistory) -> None:
        self._store.keep_partial(self._key, dump_training(state, history))

    def epoch_done(self, report: EpochReport) -> None:
        self._watch.epoch_done(report)

    def wants_stop(self) -> bool:
        return self._watch.wants_stop()


def super_resolve_task(
    task: SuperResolution,
    geometry: PyramidGeometry,
    image: LoadedImage,
    store: Store,
    device: torch.device,
    observe: StepObserver,
) -> None:
    """Super-resolve the image with a stored last level, and store the picture."""
    top = stored_level(store, task.top, device)
    store_output(task, super_resolved(task, top, geometry, image, device, observe), store, device)


class Enlarged(NamedTuple):
    """A super-resolved picture, and how long it took."""

    pixels: Pixels
    seconds: float


def super_resolved(
    task: SuperResolution,
    top: TrainedLevel,
    geometry: PyramidGeometry,
    image: LoadedImage,
    device: torch.device,
    observe: StepObserver,
) -> Enlarged:
    """Super-resolve the image with its last level; raises `UserError` when the numbers run away."""
    working = untrained_pyramid(image, geometry, device).reals[-1]
    purpose = ("super-resolution", task.draw) if task.draw else ("super-resolution",)
    noise = stream(task.seed, image.digest, *purpose, device=device)
    started = time.perf_counter()
    enlarged = super_resolve(top, working, task.factor, noise, observe)
    pixels = to_pixels(enlarged).numpy()
    seconds = time.perf_counter() - started
    if not bool(torch.isfinite(enlarged).all()):
        raise UserError("the super-resolved picture is not finite")
    return Enlarged(pixels, seconds)


def store_output(task: SuperResolution, enlarged: Enlarged, store: Store, device: torch.device) -> None:
    """Store a super-resolved picture."""
    pixels, seconds = enlarged
    store.add(
        "outputs",
        task.key,
        {PICTURE: lossless_webp(pixels)},
        fields={"top": task.top, "factor": task.factor, "seed": task.seed, "draw": task.draw},
        facts={"seconds": round(seconds, 3), "width": pixels.shape[1], "height": pixels.shape[0]},
        provenance=provenance(device),
    )


def stored_picture(store: Store, key: str) -> PIL.Image.Image:
    """A stored super-resolved picture."""
    entry = store.find("outputs", key)
    if entry is None:
        raise UserError("the super-resolved picture is gone", where=str(store.root))
    return PIL.Image.open(io.BytesIO(entry.read(PICTURE)))


def provenance(device: torch.device) -> Provenance:
    """Where and with what work is done right now."""
    is_cuda = device.type == "cuda"
    return Provenance(
        finished=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=torch.cuda.get_device_name(device) if is_cuda else _processor(),
        device=device.type,
        threads=torch.get_num_threads(),
        singan=singan.__version__,
        commit=_commit(),
        torch=torch.__version__,
        python=f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
    )


def untrained_pyramid(image: LoadedImage, geometry: PyramidGeometry, device: torch.device) -> Pyramid:
    """The pyramid of an image, none of its levels trained."""
    return build_pyramid(to_tensor(image.pixels, device=device), geometry)


def stored_level(store: Store, key: str, device: torch.device) -> TrainedLevel:
    """A level out of the store; raises `UserError` if it is not there, `DamagedError` if it is not whole."""
    entry = store.find("levels", key)
    if entry is None:
        raise UserError(f"level {key[:8]} is gone from the store", where=str(store.root))
    try:
        return load_level(entry.read(WEIGHTS), device)
    except DamagedError:
        raise
    except UserError as error:
        raise DamagedError(entry.folder, str(error), WEIGHTS) from None


def _dump_history(history: LevelHistory) -> bytes:
    return safetensors.numpy.save(
        {
            "losses": np.asarray(history.losses, dtype=np.float64),
            "snapshot_epochs": np.asarray([shot.epoch for shot in history.snapshots]),
            "reconstruction": np.stack([shot.reconstruction.numpy() for shot in history.snapshots]),
            "fake": np.stack([shot.fake.numpy() for shot in history.snapshots]),
        }
    )


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@cache
def _commit() -> str | None:
    """Commit of the checkout this program runs from, with `+` when it was changed; None outside one."""
    folder = Path(__file__).resolve().parents[1]
    if not (folder / ".git").exists():
        return None
    try:
        commit, changed = (
            subprocess.run(  # noqa: S603
                ["git", "-C", str(folder), *command],  # noqa: S607
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for command in (
                ("rev-parse", "--short=12", "HEAD"),
                ("status", "--porcelain", "-uno", "singan", "runner"),
            )
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+" if changed else commit
