"""Training times beside those of the original training: plain arithmetic on records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from runner.publish.data.noise_floor import NoiseFloor
from runner.publish.words import size_words
from runner.record.schema import LevelRecord
from runner.study.published import Published

Pair = tuple[float | None, float | None]
"""A duration and the original training's, in the same unit; None where it is not known."""


@dataclass(frozen=True)
class Compared:
    """A duration beside the original training's, by one clock: processor time where that is known of both."""

    elapsed: Pair
    processor: Pair = (None, None)
    is_noise: bool = False
    """Whether the ratio is no further from 1 than that of two trainings of equal work may be."""

    @property
    def value(self) -> float | None:
        """The duration."""
        return self._pair[0]

    @property
    def original(self) -> float | None:
        """The original training's."""
        return self._pair[1]

    @property
    def is_processor_time(self) -> bool:
        """Whether both are in processor time, as far as they are known at all."""
        known = [index for index, duration in enumerate(self.elapsed) if duration is not None]
        return bool(known) and all(self.processor[index] is not None for index in known)

    @property
    def ratio(self) -> float | None:
        """How many times as long as the original; below 1 is faster."""
        value, original = self._pair
        if value is None or not original:
            return None
        return value / original

    def beside(self, other: Compared) -> Compared:
        """The same duration beside another one, in place of the original's."""
        return Compared((self.elapsed[0], other.elapsed[0]), (self.processor[0], other.processor[0]))

    @property
    def _pair(self) -> Pair:
        return self.processor if self.is_processor_time else self.elapsed


def total_ratio(times: Iterable[Compared]) -> float | None:
    """Ratio of the sums of all times that have one, in processor time if all of these have it; else None."""
    known = [time for time in times if time.ratio is not None]
    processor = [time.processor for time in known]
    pairs = [time.elapsed for time in known] if any(None in pair for pair in processor) else processor
    theirs = sum(original or 0 for _, original in pairs)
    return sum(mine or 0 for mine, _ in pairs) / theirs if theirs else None


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
        """Wall time of training all levels, shared ones included; None when some are missing."""
        return sum(level.seconds for level in self.levels.values()) if self.complete else None

    @property
    def processor_seconds(self) -> float | None:
        """Processor time of all levels; None when some are missing, lack it, or were not trained on a CPU."""
        return _sum(processor_seconds(level) for level in self.levels.values()) if self.complete else None


NOTHING_TRAINED = Trained({}, complete=False)


def trained(levels: Iterable[LevelRecord], *, complete: bool) -> Trained:
    """Levels by their index; no levels at all are never complete."""
    by_index = {level.level: level for level in levels}
    return Trained(by_index, complete and bool(by_index))


def machine_of(level: LevelRecord) -> tuple[str | int, ...]:
    """What decides how fast a level trains: machine, device, engine, jobs, threads."""
    where = level.provenance
    return where.machine, where.device, where.engine, where.jobs, where.threads


def on_other_machines(mine: Mapping[int, LevelRecord], theirs: Mapping[int, LevelRecord]) -> bool:
    """Whether a level that both have, by its index, was trained on another machine than the other's."""
    return any(machine_of(mine[index]) != machine_of(theirs[index]) for index in mine.keys() & theirs.keys())


def processor_seconds(level: LevelRecord | None) -> float | None:
    """Processor time of a level trained on a CPU; None for a GPU, whose work it does not count."""
    return level.processor_seconds if level is not None and level.provenance.device == "cpu" else None


def compare(
    run: Trained,
    original: Trained,
    published: Published | None,
    published_original: Published | None,
    floor: NoiseFloor | None = None,
) -> Timing:
    """Timing of a run beside the original's, level by level and in total.

    All of it is by one clock: processor time, if every level of both has it.
    """
    timed = (*run.levels.values(), *original.levels.values())
    by_processor = all(processor_seconds(level) is not None for level in timed)
    count = _level_count(run, original, published, published_original)
    minutes = _minutes_by_level(published, count)
    original_minutes = _minutes_by_level(published_original, count)
    levels = tuple(
        LevelTime(
            index,
            run.levels.get(index),
            _compared_level(run.levels.get(index), original.levels.get(index), floor, by_processor),
            Compared((minutes.get(index), original_minutes.get(index))),
        )
        for index in range(count)
    )
    return Timing(
        levels,
        _compared(
            (run.seconds, original.seconds),
            (run.processor_seconds, original.processor_seconds) if by_processor else (None, None),
            floor,
        ),
        Compared((_total(published), _total(published_original))),
        other_machine=on_other_machines(run.levels, original.levels),
    )


def _compared_level(
    mine: LevelRecord | None, theirs: LevelRecord | None, floor: NoiseFloor | None, by_processor: bool
) -> Compared:
    elapsed = (mine.seconds if mine else None, theirs.seconds if theirs else None)
    processor = (processor_seconds(mine), processor_seconds(theirs)) if by_processor else (None, None)
    return _compared(elapsed, processor, floor)


def _compared(elapsed: Pair, processor: Pair, floor: NoiseFloor | None) -> Compared:
    plain = Compared(elapsed, processor)
    return replace(plain, is_noise=floor is not None and floor.covers(plain.ratio))


def _sum(values: Iterable[float | None]) -> float | None:
    """Sum of the values; None if one is not known."""
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)


def _total(published: Published | None) -> float | None:
    return None if published is None else published.total


def _level_count(run: Trained, original: Trained, *published: Published | None) -> int:
    lists = [entry.minutes_per_level for entry in published if entry and entry.minutes_per_level]
    indices = [*run.levels, *original.levels]
    return max([len(minutes) for minutes in lists] + [index + 1 for index in indices], default=0)


def _minutes_by_level(published: Published | None, count: int) -> dict[int, float]:
    """Published minutes by level: of all levels, or of the last one only."""
    if published is None:
        return {}
    if published.minutes_per_level is not None:
        return dict(enumerate(published.minutes_per_level))
    return {} if published.last_level is None or not count else {count - 1: published.last_level}
