"""Training times beside those of the original training: plain arithmetic on records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runner.publish.words import size_words
from runner.published import Published
from runner.results import LevelRecord


@dataclass(frozen=True)
class Compared:
    """A duration and the original training's, in the same unit; None where it is not known."""

    value: float | None
    original: float | None

    @property
    def ratio(self) -> float | None:
        """How many times as long as the original; below 1 is faster."""
        if self.value is None or not self.original:
            return None
        return self.value / self.original


@dataclass(frozen=True)
class LevelTime:
    """One level: measured in seconds, published in minutes."""

    level: int
    record: LevelRecord | None
    measured: Compared
    published: Compared

    @property
    def size(self) -> str:
        """Width and height of the level, where a level was trained."""
        return "" if self.record is None else size_words(self.record.width, self.record.height)


@dataclass(frozen=True)
class Timing:
    """A run: measured in seconds, published in minutes."""

    levels: tuple[LevelTime, ...]
    measured: Compared
    published: Compared
    other_machine: bool
    """Whether run and original were measured on different machines, so that their ratio says little."""


@dataclass(frozen=True)
class Trained:
    """The levels a run has, by index, and whether these are all it should have."""

    levels: Mapping[int, LevelRecord]
    complete: bool

    @property
    def seconds(self) -> float | None:
        """Training time of all levels, shared ones included; None when some are missing."""
        return sum(level.seconds for level in self.levels.values()) if self.complete else None

    @property
    def machines(self) -> frozenset[tuple[str | int, ...]]:
        """The machines its levels were trained on."""
        return frozenset(machine_of(level) for level in self.levels.values())


NOTHING_TRAINED = Trained({}, complete=False)


def trained(levels: Iterable[LevelRecord], *, complete: bool) -> Trained:
    """Levels by their index; no levels at all are never complete."""
    by_index = {level.level: level for level in levels}
    return Trained(by_index, complete and bool(by_index))


def machine_of(level: LevelRecord) -> tuple[str | int, ...]:
    """What decides how fast a level trains: machine, device, engine, jobs, threads."""
    where = level.provenance
    return where.machine, where.device, where.engine, where.jobs, where.threads


def compare(
    run: Trained, original: Trained, published: Published | None, published_original: Published | None
) -> Timing:
    """Timing of a run beside the original's, level by level and in total."""
    count = _level_count(run, original, published, published_original)
    minutes = _minutes_by_level(published, count)
    original_minutes = _minutes_by_level(published_original, count)
    levels = tuple(
        LevelTime(
            index,
            run.levels.get(index),
            Compared(_seconds(run, index), _seconds(original, index)),
            Compared(minutes.get(index), original_minutes.get(index)),
        )
        for index in range(count)
    )
    return Timing(
        levels,
        Compared(run.seconds, original.seconds),
        Compared(_total(published), _total(published_original)),
        other_machine=bool(run.levels and original.levels and run.machines != original.machines),
    )


def _total(published: Published | None) -> float | None:
    return None if published is None else published.total


def _seconds(run: Trained, index: int) -> float | None:
    level = run.levels.get(index)
    return None if level is None else level.seconds


def _level_count(run: Trained, original: Trained, *published: Published | None) -> int:
    lists = [entry.minutes_per_level for entry in published if entry and entry.minutes_per_level]
    indices = [*run.levels, *original.levels]
    return max([len(minutes) for minutes in lists] + [index + 1 for index in indices], default=0)


def _minutes_by_level(published: Published | None, count: int) -> dict[int, float]:
    """What was published a level: all of them, or the last one's only."""
    if published is None:
        return {}
    if published.minutes_per_level is not None:
        return dict(enumerate(published.minutes_per_level))
    return {} if published.last_level is None or not count else {count - 1: published.last_level}
