"""A task as one process hands it to another, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch

from runner.execution.resources import Resources, provenance
from runner.execution.worker import super_resolve_task, train_task
from runner.images.load import LoadedImage
from runner.planning.plan import LevelTraining, Plan, SuperResolution
from runner.progress import duration
from runner.record.measure import Measuring
from runner.store.store import DamagedError, Kind, Store
from singan.errors import UserError
from singan.geometry import PyramidGeometry, factor_text
from singan.level import EpochReport, InterruptedTrainingError

_NEWS_EVERY = 0.01
"""Share of a task between two reports of how far it is."""


@dataclass(frozen=True)
class Task:
    """Train a level, or super-resolve with one and measure the picture."""

    what: LevelTraining | SuperResolution
    image: str
    levels: tuple[str, ...]
    """Keys of the levels below it, coarsest first."""
    geometry: PyramidGeometry
    label: str
    again: bool = False
    """Do it even if it was done before."""

    @property
    def key(self) -> str:
        """Key of its result."""
        return self.what.key

    @property
    def below(self) -> str | None:
        """Key of the level it stands on."""
        return self.levels[-1] if self.levels else None

    @property
    def cost(self) -> float:
        """Expected work."""
        return self.what.cost


@dataclass(frozen=True)
class Moved:
    """How far a task is."""

    fraction: float


@dataclass(frozen=True)
class Waiting:
    """A task waits for another process, which works on the same."""

    holder: str


@dataclass(frozen=True)
class Done:
    """A task is done, or was found done by another process; in words."""

    outcome: str


@dataclass(frozen=True)
class Failed:
    """A task cannot be done."""

    reason: str


@dataclass(frozen=True)
class Left:
    """A task was left: the user wants to stop, or what it builds on is damaged and has to be done again."""


News = Moved | Waiting | Done | Failed | Left


def tasks_of(plan: Plan) -> dict[str, Task]:
    """Everything a plan has to do, by key, each once."""
    tasks: dict[str, Task] = {}
    for run in plan.runs:
        label = plan.label(run)
        geometry = plan.levels[run.levels[-1]].geometry
        for index, key in enumerate(run.levels):
            level = plan.levels[key]
            where = f"{label}, level {index} of {geometry.last} ({level.size})"
            tasks.setdefault(key, Task(level, run.image, run.levels[:index], geometry, where))
        for draw in run.draws:
            where = f"{label}, super-resolution x{factor_text(draw.factor)}"
            tasks.setdefault(draw.key, Task(draw, run.image, run.levels, geometry, where))
    return tasks


def pending_tasks(plan: Plan, store: Store, *, force: bool = False) -> dict[str, Task]:
    """What of a plan the store lacks, by key; all of it with `force`."""
    kinds: dict[type, Kind] = {LevelTraining: "levels", SuperResolution: "outputs"}
    return {
        key: replace(task, again=force)
        for key, task in tasks_of(plan).items()
        if force or store.find(kinds[type(task.what)], key) is None
    }


class _Watch:
    """Tells how far a task is, now and then."""

    def __init__(self, tell: Callable[[News], None], wants_stop: Callable[[], bool]) -> None:
        self._tell, self._wants_stop, self._told = tell, wants_stop, 0.0
        self._holder = ""

    def moved(self, done: int, steps: int) -> None:
        if done / steps - self._told >= _NEWS_EVERY:
            self._told = done / steps
            self._tell(Moved(self._told))

    def epoch_done(self, report: EpochReport) -> None:
        self.moved(report.epochs_done, report.epochs)

    def wants_stop(self) -> bool:
        return self._wants_stop()

    def waiting(self, holder: str) -> None:
        """Tell once whom the task waits for; raises `InterruptedTrainingError` when it is to stop."""
        if self._wants_stop():
            raise InterruptedTrainingError
        if holder != self._holder:
            self._holder = holder
            self._tell(Waiting(holder))


def carry_out(
    task: Task,
    images: Mapping[str, LoadedImage],
    store: Store,
    place: Resources,
    tell: Callable[[News], None],
    wants_stop: Callable[[], bool],
) -> News:
    """Do a task into the store unless it is there; never raises for what a task can run into."""
    image, watch = images[task.image], _Watch(tell, wants_stop)
    try:
        with store.lock(task.key, watch.waiting):
            if isinstance(task.what, LevelTraining):
                return _train(task.what, task, image, store, place, watch)
            return _super_resolve(task.what, task, image, store, place, watch)
    except (DamagedError, InterruptedTrainingError):
        return Left()
    except UserError as error:
        where = f"level {task.what.level}: " if isinstance(task.what, LevelTraining) else ""
        return Failed(f"{where}{error}")
    except (RuntimeError, ValueError, MemoryError) as error:
        return Failed(failure_words(error, place.device))


def _train(
    what: LevelTraining, task: Task, image: LoadedImage, store: Store, place: Resources, watch: _Watch
) -> News:
    if task.again:
        store.drop_partial(what.key)
    if task.again or store.find("levels", what.key) is None:
        train_task(what, task.levels, image, store, place, watch)
    entry = store.find("levels", what.key)
    if entry is None:
        return Failed(f"what was just written is gone from {store.root}")
    stopped = ", stopped early" if entry.facts["stopped_early"] else ""
    return Done(f"trained in {duration(entry.facts['seconds'])}{stopped}")


def _super_resolve(
    what: SuperResolution, task: Task, image: LoadedImage, store: Store, place: Resources, watch: _Watch
) -> News:
    if task.again or store.find("outputs", what.key) is None:
        super_resolve_task(what, task.geometry, image, store, place, watch.moved)
    Measuring(store, partial(provenance, place)).measure(what, image)
    return Done("super-resolved")


def failure_words(error: Exception, device: torch.device) -> str:
    """Why torch could not do it; on a CPU, it says in words only that memory ran out."""
    no_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
    if no_memory or "DefaultCPUAllocator" in str(error):
        return f"out of memory on {device}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
