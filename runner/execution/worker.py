"""Carry out one task: train a level, or super-resolve. Tasks share nothing but the store."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import safetensors.numpy
import torch

from runner.execution.resources import Resources, provenance
from runner.images.decode import Pixels
from runner.images.encode import lossless_webp
from runner.images.load import LoadedImage
from runner.planning.plan import LevelTraining, SuperResolution
from runner.store.store import HISTORY, PICTURE, WEIGHTS, DamagedError, Store
from singan.checkpoint import dump_level, load_level
from singan.errors import UserError
from singan.geometry import PyramidGeometry
from singan.level import (
    EpochReport,
    LevelHistory,
    LevelState,
    LevelTask,
    TrainingCallback,
    train_level,
    warm_up,
)
from singan.pixels import to_pixels, to_tensor
from singan.pyramid import Pyramid, TrainedLevel, build_pyramid
from singan.randomness import stream
from singan.regional import RegionalGenerators
from singan.resume import dump_training, restore_training
from singan.superres import StepObserver, super_resolve


def train_task(
    task: LevelTraining,
    below: Sequence[str],
    image: LoadedImage,
    store: Store,
    place: Resources,
    watch: ProgressCallback,
) -> None:
    """Train a level on the levels `below` (keys, coarsest first) and store it, going on where it was left.

    Raises `UserError` when training diverges, `DamagedError` when what it builds on cannot be trusted, and
    `InterruptedTrainingError` when `watch` stops it.
    """
    pyramid = untrained_pyramid(image, task.geometry, place.device)
    for key in below:
        pyramid = pyramid.with_level(stored_level(store, key, place.device))
    what = LevelTask(task.feed, task.stop, task.settings, task.seed, image.digest)
    _warm_up_once(pyramid, what, place)
    trained, history = train_level(pyramid, what, place.make_engine(), _Kept(store, task.key, watch))
    _store_level(store, task, trained, history, place)
    store.drop_partial(task.key)


_WARM: set[tuple[object, ...]] = set()
"""Kinds of epochs that this process has trained, so that nothing of them is left to compile or to choose."""


def _warm_up_once(pyramid: Pyramid, what: LevelTask, place: Resources) -> None:
    """Keep what only the first epoch of its kind in a process takes out of the level's time."""
    level = pyramid.next_level
    kind = (
        place,
        torch.get_num_threads(),
        pyramid.geometry,
        level,
        what.settings.width_at(level),
        what.feed,
    )
    if kind not in _WARM:
        warm_up(pyramid, what, place.make_engine())
        _WARM.add(kind)


def _store_level(
    store: Store, task: LevelTraining, trained: TrainedLevel, history: LevelHistory, place: Resources
) -> None:
    processor = history.processor_seconds
    store.add(
        "levels",
        task.key,
        {WEIGHTS: dump_level(trained), HISTORY: _dump_history(history)},
        fields=task.fields,
        facts={
            "seconds": round(history.seconds, 3),
            "processor_seconds": None if math.isnan(processor) else round(processor, 3),
            "stopped_early": history.stopped_early,
            "noise_amplitude": trained.noise_amplitude,
        },
        provenance=provenance(place),
    )


class ProgressCallback(Protocol):
    """Who looks on while a level trains."""

    def epoch_done(self, report: EpochReport) -> None:
        """Called after every epoch."""

    def wants_stop(self) -> bool:
        """Whether to stop after this epoch."""


class _Kept(TrainingCallback):
    """Keeps a training in the store under its key."""

    def __init__(self, store: Store, key: str, watch: ProgressCallback) -> None:
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
    place: Resources,
    observe: StepObserver,
) -> None:
    """Super-resolve the image with a stored last level, and store the picture."""
    *lower, top = (stored_level(store, key, place.device) for key in (*task.lower_keys, task.last_level_key))
    enlarged = super_resolved(task, top, geometry, image, place.device, observe, lower)
    store_output(task, enlarged, store, place)


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
    lower: Sequence[TrainedLevel] = (),
) -> Enlarged:
    """Super-resolve the image with its last level, and with `lower` ones (coarsest first) where the task is
    regional; raises `UserError` when the numbers run away.
    """
    working = untrained_pyramid(image, geometry, device).reals[-1]
    purpose = ("super-resolution", task.draw) if task.draw else ("super-resolution",)
    noise = stream(task.seed, image.digest, *purpose, device=device)
    started = time.perf_counter()
    generators = (
        RegionalGenerators((*lower, top), working, task.factor, task.regional) if task.regional else None
    )
    enlarged = super_resolve(top, working, task.factor, noise, observe, generators)
    pixels = to_pixels(enlarged).numpy()
    seconds = time.perf_counter() - started
    if not bool(torch.isfinite(enlarged).all()):
        raise UserError("the super-resolved picture is not finite")
    return Enlarged(pixels, seconds)


def store_output(task: SuperResolution, enlarged: Enlarged, store: Store, place: Resources) -> None:
    """Store a super-resolved picture."""
    pixels, seconds = enlarged
    store.add(
        "outputs",
        task.key,
        {PICTURE: lossless_webp(pixels)},
        fields={"top": task.last_level_key, "factor": task.factor, "seed": task.seed, "draw": task.draw},
        facts={"seconds": round(seconds, 3), "width": pixels.shape[1], "height": pixels.shape[0]},
        provenance=provenance(place),
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
