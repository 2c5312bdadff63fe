"""What the page "Watch it train" plays: snapshots and losses of runs, level by level, on one clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from runner.publish.data.model import Cell, ImageData, Level, SiteData
from singan.settings import TrainingSettings

_CURVE_POINTS = 60
"""Most points of a curve, which is small on this page; the charts of experiments have all."""

_LEAST_LOSS = 1e-6
"""Where the logarithmic scale of losses ends."""


class Take(TypedDict):
    """A trained level, as the page's script reads it: a sheet with a column a snapshot, G(z*) above the fake.

    `losses` are 100 times the mean squared error of the reconstruction after `at` epochs counted from 0.
    """

    level: int
    src: str
    width: int
    height: int
    epochs: tuple[int, ...]
    done: int
    planned: int
    stopped: bool
    at: tuple[int, ...]
    losses: tuple[float, ...]


class Scene(TypedDict):
    """A level of the clock: the epochs it halts at, and the range of losses of all runs there."""

    level: int
    epochs: tuple[int, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Actor:
    """A run that can be watched; `takes` are places in the theatre's list, the coarsest level first."""

    id: str
    title: str
    takes: tuple[int, ...]
    after: int | None
    below: float | None
    """Its lower levels stop once more than `after` epochs are done and the loss is below `below`."""


@dataclass(frozen=True)
class Theatre:
    """Everything to watch on one image. Levels that runs share are listed once."""

    image: ImageData
    takes: tuple[Take, ...]
    scenes: tuple[Scene, ...]
    actors: tuple[Actor, ...]

    @property
    def last(self) -> int:
        """The last place of the clock, counted from 0 over all levels."""
        return sum(len(scene["epochs"]) for scene in self.scenes) - 1

    @property
    def opens_with(self) -> tuple[str, ...]:
        """The original and what follows it, two where there are two."""
        return tuple(actor.id for actor in self.actors[:2])


def theatres(data: SiteData) -> tuple[Theatre, ...]:
    """One for each image with a run that left snapshots of all its levels."""
    found = []
    for index, image in enumerate(data.images):
        cells = [experiment.cells[index] for experiment in data.experiments]
        theatre = _theatre(image, cells, data)
        if theatre:
            found.append(theatre)
    return tuple(found)


def _theatre(image: ImageData, cells: Iterable[Cell], data: SiteData) -> Theatre | None:
    watched = [(cell, cell.run) for cell in cells if cell.run and cell.is_watchable]
    if not watched:
        return None
    watched.sort(key=lambda pair: pair[0].experiment.id != data.study.original.id)
    unique = {level.record.name: level for _, run in watched for level in run.levels}
    places = {name: place for place, name in enumerate(unique)}
    takes = tuple(_take(level) for level in unique.values())
    actors = []
    for cell, run in watched:
        rule, stop = TrainingSettings(epochs=data.profile.epochs), cell.experiment.stop
        after = rule.scaled_stop(stop.as_rule).after if stop.below is not None else None
        own = tuple(
            places[level.record.name] for level in sorted(run.levels, key=lambda one: one.record.level)
        )
        actors.append(Actor(cell.experiment.id, cell.experiment.title, own, after, stop.below))
    return Theatre(image, takes, tuple(_scenes(takes, actors)), tuple(actors))


def _take(level: Level) -> Take:
    record, picture = level.record, level.sheet.picture
    assert picture, "only levels with a sheet are watched"
    curve = [
        (epoch, loss)
        for epoch, loss in zip(record.loss_epochs, record.losses.get("reconstruction", ()), strict=False)
        if math.isfinite(loss)
    ]
    kept = _spread(curve)
    return Take(
        level=record.level,
        src=picture.url,
        width=record.snapshots.width,
        height=record.snapshots.height,
        epochs=record.snapshots.epochs,
        done=record.epochs_done,
        planned=record.epochs_planned,
        stopped=record.stopped_early,
        at=tuple(epoch for epoch, _ in kept),
        losses=tuple(float(f"{max(loss, _LEAST_LOSS):.4g}") for _, loss in kept),
    )


def _spread(curve: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `_CURVE_POINTS` points of a curve, evenly spread, the first and the last among them."""
    steps = min(_CURVE_POINTS, len(curve)) - 1
    places = {round(step * (len(curve) - 1) / max(1, steps)) for step in range(steps + 1)}
    return [curve[place] for place in sorted(places)]


def _scenes(takes: Sequence[Take], actors: Sequence[Actor]) -> Iterable[Scene]:
    """The clock: at each level the halts of whichever run was trained the longest there."""
    thresholds = [actor.below for actor in actors if actor.below is not None]
    levels = sorted({take["level"] for take in takes})
    for level in levels:
        here = [take for take in takes if take["level"] == level]
        longest = max(here, key=lambda take: (take["epochs"][-1], len(take["epochs"])))
        losses = [loss for take in here for loss in take["losses"]]
        losses += thresholds if level != levels[-1] else []
        low, high = min(losses, default=0.1), max(losses, default=1.0)
        yield Scene(level=level, epochs=longest["epochs"], low=low / 1.1, high=high * 1.1)
