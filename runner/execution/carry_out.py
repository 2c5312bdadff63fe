"""Carry out one assignment, on any process or machine: train a level, or super-resolve and measure."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import safetensors.numpy
import torch

from runner.execution.assignment import Assignment, Kept, LevelMade, PictureMade, Refused, Result, Unreadable
from runner.execution.resources import Resources, provenance
from runner.images.decode import Pixels
from runner.images.encode import lossless_webp
from runner.images.load import LoadedImage
from runner.planning.plan import LevelTraining, SuperResolution
from runner.record.measure import measured_values
from runner.store.artifacts import LevelFacts, PictureFacts
from singan.checkpoint import dump_level, load_level
from singan.errors import UserError
from singan.geometry import PyramidGeometry
from singan.level import (
    LOSS_NAMES,
    EpochReport,
    InterruptedTrainingError,
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

_NEWS_EVERY = 0.01
"""Least share of a task between two reports of progress."""

_NEWS_EVERY_s = 0.2
"""Least time between two reports of progress: nobody reads faster."""

_RECONSTRUCTION = LOSS_NAMES.index("reconstruction")


class Observer(Protocol):
    """Hears how far an assignment is while it is carried out, and may stop it."""

    def moved(self, fraction: float, detail: str) -> None:
        """Called now and then with how much is done, 0 to 1, and with more in words."""

    def saved(self, data: bytes) -> None:
        """Called with the training in progress, to be kept in case it is cut off before its end."""

    def wants_stop(self) -> bool:
        """Whether to end now with `Kept`, to go on in a later run."""


def carry_out(assignment: Assignment, observer: Observer) -> Result:
    """Carry out an assignment; what goes wrong with its task is a result, too, and not raised."""
    what = assignment.task.what
    assignment.resources.settle()
    try:
        if isinstance(what, LevelTraining):
            return _train(assignment, what, observer)
        return _super_resolve(assignment, what, observer)
    except _UnreadableError as error:
        return Unreadable(error.key, str(error))
    except UserError as error:
        return Refused(str(error))
    except (RuntimeError, ValueError, MemoryError) as error:
        return Refused(failure_words(error, assignment.resources.device))


def failure_words(error: Exception, device: torch.device) -> str:
    """Why torch failed, in words; on a CPU, only the text of its error shows that memory ran out."""
    no_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
    if no_memory or "DefaultCPUAllocator" in str(error):
        return f"out of memory on {device}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


class _UnreadableError(Exception):
    """Weights or a kept training that came with the assignment cannot be read; `key` names them."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


def _train(assignment: Assignment, what: LevelTraining, observer: Observer) -> Result:
    image, place = assignment.image, assignment.resources
    pyramid = untrained_pyramid(image, what.geometry, place.device)
    for key, weights in zip(assignment.task.levels, assignment.weights, strict=True):
        pyramid = pyramid.with_level(_level(key, weights, place.device))
    level_task = LevelTask(what.feed, what.stop, what.settings, what.seed, image.digest)
    _warm_up_once(pyramid, level_task, place)
    callback = _Callback(assignment, observer)
    try:
        trained, history = train_level(pyramid, level_task, place.make_engine(), callback)
    except InterruptedTrainingError:
        return Kept(callback.kept)
    processor = history.processor_seconds
    facts = LevelFacts(
        seconds=round(history.seconds, 3),
        processor_seconds=None if math.isnan(processor) else round(processor, 3),
        stopped_early=history.stopped_early,
        noise_amplitude=trained.noise_amplitude,
    )
    return LevelMade(dump_level(trained), _dump_history(history), facts, provenance(place))


def _level(key: str, weights: bytes, device: torch.device) -> TrainedLevel:
    try:
        return load_level(weights, device)
    except UserError as error:
        raise _UnreadableError(key, str(error)) from None


_WARM: set[tuple[object, ...]] = set()
"""Kinds of epochs that this process has trained already, so that nothing is left to compile or choose."""


def _warm_up_once(pyramid: Pyramid, what: LevelTask, place: Resources) -> None:
    """Warm up before the first epoch of its kind in this process, to keep that out of the level's time."""
    level = pyramid.next_level
    width = what.settings.width_at(level)
    kind = (place, torch.get_num_threads(), pyramid.geometry, level, width, what.feed)
    if kind not in _WARM:
        warm_up(pyramid, what, place.make_engine())
        _WARM.add(kind)


class _Callback(TrainingCallback):
    """Goes on from a kept training, reports progress to the observer, and stops when the leg's time is up."""

    def __init__(self, assignment: Assignment, observer: Observer) -> None:
        self.kept = assignment.kept
        self._key, self._observer = assignment.key, observer
        self._told_fraction, self._told_at = 0.0, time.monotonic()
        leg_s = math.inf if assignment.leg_s is None else assignment.leg_s
        self._leg_ends = time.monotonic() + leg_s

    def restore(self, state: LevelState, history: LevelHistory) -> None:
        if self.kept is None:
            return
        try:
            restore_training(self.kept, state, history)
        except UserError as error:
            raise _UnreadableError(self._key, str(error)) from None

    def epoch_done(self, report: EpochReport) -> None:
        fraction, now = report.epochs_done / report.epochs, time.monotonic()
        if fraction - self._told_fraction >= _NEWS_EVERY and now - self._told_at >= _NEWS_EVERY_s:
            self._told_fraction, self._told_at = fraction, now
            loss = float(report.losses[_RECONSTRUCTION])  # waits for the device, so not after every epoch
            detail = f"epoch {report.epochs_done} of {report.epochs}, reconstruction loss {loss:.4g}"
            self._observer.moved(fraction, detail)

    def keep(self, state: LevelState, history: LevelHistory) -> None:
        self.kept = dump_training(state, history)
        self._observer.saved(self.kept)

    def wants_stop(self) -> bool:
        return self._observer.wants_stop() or time.monotonic() >= self._leg_ends


def _super_resolve(assignment: Assignment, what: SuperResolution, observer: Observer) -> Result:
    image, place = assignment.image, assignment.resources
    keys = (*what.lower_keys, what.last_level_key)
    *lower, top = (
        _level(key, weights, place.device) for key, weights in zip(keys, assignment.weights, strict=True)
    )

    def on_step(done: int, steps: int) -> None:
        if observer.wants_stop():
            raise InterruptedTrainingError
        observer.moved(done / steps, f"step {done} of {steps}")

    try:
        enlarged = super_resolved(what, top, assignment.task.geometry, image, place.device, on_step, lower)
    except InterruptedTrainingError:
        return Kept(None)
    metrics = measured_values(enlarged.pixels, image, what.factor, assignment.niqe_model)
    return PictureMade(lossless_webp(enlarged.pixels), enlarged.facts, metrics, provenance(place))


class Enlarged(NamedTuple):
    """A super-resolved picture `[factor * H, factor * W, 3]`, and the seconds it took."""

    pixels: Pixels
    seconds: float

    @property
    def facts(self) -> PictureFacts:
        """What the store keeps besides the pixels."""
        height, width = self.pixels.shape[:2]
        return PictureFacts(seconds=round(self.seconds, 3), width=width, height=height)


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
    regional; raises `UserError` when the result is not finite.
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


def untrained_pyramid(image: LoadedImage, geometry: PyramidGeometry, device: torch.device) -> Pyramid:
    """The pyramid of an image, none of its levels trained."""
    return build_pyramid(to_tensor(image.pixels, device=device), geometry)


def _dump_history(history: LevelHistory) -> bytes:
    return safetensors.numpy.save(
        {
            "losses": np.asarray(history.losses, dtype=np.float64),
            "snapshot_epochs": np.asarray([shot.epoch for shot in history.snapshots]),
            "reconstruction": np.stack([shot.reconstruction.numpy() for shot in history.snapshots]),
            "fake": np.stack([shot.fake.numpy() for shot in history.snapshots]),
        }
    )
