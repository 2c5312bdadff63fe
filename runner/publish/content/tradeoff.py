"""Quality against training time: a dot a run, beside the original training, which stands at (1, 0).

The page itself draws it, in its own colours and with links. Only places are computed here, in pixels, with y
downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from runner.metrics.evaluate import DEFINITIONS, Definition
from runner.publish.content.comparison import compare_cells
from runner.publish.content.labels import Box, place_labels
from runner.publish.content.metrics import signed
from runner.publish.content.verdicts import MUCH, PLAIN
from runner.publish.data.model import Cell, SiteData
from runner.publish.words import TIMES, ratio
from runner.record.schema import factor_name

_SHOWN = ("lr_psnr", "niqe", "lr_delta_e", "blur")
_RATIOS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Where the axis of time may have a tick."""

_GRADES = (1, PLAIN, MUCH, 3 * MUCH, 9 * MUCH)
"""Where the axis of quality may have a tick, in visible differences: where effects change their name."""

_LETTER_px, _LABEL_px, _DOT_px = 6.9, 14.0, 6.0
"""Width of a letter, in a wide font of that size; height of a line; radius of a dot."""

_CORNER_px = 16.0
"""Height of the line in the upper left corner that says where it is good to be."""


@dataclass(frozen=True)
class Run:
    """A run in the plot: its time and its measures beside the original's."""

    experiment: str
    image: str
    image_index: int
    is_published: bool
    """Whether it is the author's: his minutes, his picture."""
    time: float
    differences: Mapping[str, float]


@dataclass(frozen=True)
class Dot:
    """A run at its place, with its label's place, if there was one."""

    run: Run
    x: float
    y: float
    words: str
    label: tuple[float, float] | None


@dataclass(frozen=True)
class Tick:
    """A line of the grid."""

    at: float
    words: str


@dataclass(frozen=True)
class Drawing:
    """The plot at one size; the plot's area within it is a box of left, top, right, bottom."""

    size: str
    width: int
    height: int
    area: tuple[float, float, float, float]
    dots: tuple[Dot, ...]
    times: tuple[Tick, ...]
    grades: tuple[Tick, ...]
    origin: tuple[float, float]
    """Place of the original."""
    origin_label: tuple[float, float] | None
    same: tuple[float, float]
    """Where differences that are too small to see begin and end."""
    noise: tuple[float, float] | None
    """Where ratios of times that may be chance begin and end."""


@dataclass(frozen=True)
class TradeOff:
    """A measure against time, at each size."""

    name: str
    measure: Definition
    better: str
    """What it means to be further up, in a few words."""
    drawings: tuple[Drawing, ...]

    @property
    def corner(self) -> str:
        """What it means to be in the upper left corner."""
        return _corner(self.name)


@dataclass(frozen=True)
class TradeOffs:
    """The plot by every measure, and its runs as rows."""

    plots: tuple[TradeOff, ...]
    images: tuple[str, ...]
    """Titles of the images, in the order of their shapes."""
    runs: tuple[Run, ...]

    @property
    def published(self) -> int:
        """How many of the runs are the author's."""
        return sum(run.is_published for run in self.runs)


@dataclass(frozen=True)
class _Size:
    name: str
    width: int
    height: int
    left: int = 58
    top: int = 14
    right: int = 14
    bottom: int = 46


_SIZES = (_Size("wide", 640, 390), _Size("narrow", 350, 420, left=58))

_UP = {
    "lr_psnr": "closer to the input",
    "niqe": "more natural",
    "lr_delta_e": "truer colours",
    "blur": "sharper",
}


def trade_offs(data: SiteData) -> TradeOffs | None:
    """Every run whose time and picture compare with the original's; None where there is none."""
    runs = tuple(run for cell in data.cells for run in (*_trained(cell, data), *_published(cell, data)))
    if not runs:
        return None
    factor = (
        data.noise_floor.factor if data.noise_floor and any(not run.is_published for run in runs) else None
    )
    plots = []
    for name in _SHOWN:
        known = [run for run in runs if name in run.differences]
        if known:
            drawings = tuple(_drawing(name, known, size, factor) for size in _SIZES)
            plots.append(TradeOff(name, DEFINITIONS[name], _UP[name], drawings))
    return TradeOffs(tuple(plots), tuple(image.image.title for image in data.images), runs)


def _trained(cell: Cell, data: SiteData) -> Iterator[Run]:
    """The run trained here, if its time was measured where the original's was."""
    timing, original = cell.timing, data.cell(data.study.original.id, cell.image.image.id)
    if cell is original or timing.other_machine or not timing.measured.ratio:
        return
    compared = compare_cells(cell, original, factor_name(data.study.study.factor))
    found = {comparison.name: comparison.difference.mean for comparison in compared}
    if found:
        yield _run(cell, data, timing.measured.ratio, found, is_published=False)


def _published(cell: Cell, data: SiteData) -> Iterator[Run]:
    """What the author published of it: minutes and a picture, both beside those of his original."""
    original = data.cell(data.study.original.id, cell.image.image.id)
    mine, theirs = data.published_metrics(cell), data.published_metrics(original)
    time = cell.timing.published.ratio
    if cell is original or mine is None or theirs is None or not time:
        return
    both = {name: (mine.get(name), theirs.get(name)) for name in _SHOWN}
    found = {name: a - b for name, (a, b) in both.items() if a is not None and b is not None}
    if found:
        yield _run(cell, data, time, found, is_published=True)


def _run(cell: Cell, data: SiteData, time: float, found: Mapping[str, float], *, is_published: bool) -> Run:
    image = cell.image
    return Run(cell.experiment.id, image.image.id, data.images.index(image), is_published, time, found)


def _drawing(name: str, runs: Sequence[Run], size: _Size, noise: float | None) -> Drawing:
    across, up = _across(runs, size), _up(name, runs, size)
    right, bottom = size.width - size.right, size.height - size.bottom
    ordered = sorted(runs, key=lambda run: run.is_published)  # (labels of our own runs come first)
    at = [(across(run.time), up(run.differences[name])) for run in ordered]
    labels = _labels([run.experiment for run in ordered], at, (across(1), up(0)), size, _corner(name))
    dots = tuple(
        Dot(run, round(x, 1), round(y, 1), _words(run, name), label)
        for run, (x, y), label in zip(ordered, at, labels[1:], strict=True)
    )
    visible = DEFINITIONS[name].visible
    differences = sorted({sign * grade * visible for grade in (0, *_GRADES) for sign in (1, -1)})
    grades = [Tick(round(up(d), 1), _tick_words(d, name)) for d in differences if size.top <= up(d) <= bottom]
    ticks = [Tick(round(across(t), 1), f"{t:g}{TIMES}") for t in _RATIOS if size.left <= across(t) <= right]
    same = sorted((up(visible), up(-visible)))
    return Drawing(
        size.name,
        size.width,
        size.height,
        (size.left, size.top, right, bottom),
        dots,
        _apart(ticks, across(1), 34),
        _apart(grades, up(0), 15),
        (round(across(1), 1), round(up(0), 1)),
        labels[0],
        (round(same[0], 1), round(same[1], 1)),
        None if noise is None else _clipped(across(1 / noise), across(noise), size.left, right),
    )


_Place = Callable[[float], float]
"""The place of a value, in pixels."""


def _even(low: float, high: float, start: float, end: float, margin: float) -> _Place:
    """Linear scale from `start` to `end`, with a margin (a share of the range) beside `low` and `high`."""
    wide = (high - low) * (1 + 2 * margin)
    return lambda value: start + (value - low + (high - low) * margin) / wide * (end - start)


def _across(runs: Sequence[Run], size: _Size) -> _Place:
    """Logarithmic scale of times: half as long is as far from 1 as twice as long."""
    logs = [math.log(run.time) for run in runs]
    low, high = min([*logs, math.log(0.65)]), max([*logs, math.log(1.2)])
    place = _even(low, high, size.left, size.width - size.right, 0.06)
    return lambda time: place(math.log(time))


def _up(name: str, runs: Sequence[Run], size: _Size) -> _Place:
    """Scale of differences: linear near 0, logarithmic far off, so no failure hides the rest. Good is up."""
    measure = DEFINITIONS[name]
    sign = 1 if measure.better == "higher" else -1

    def bent(difference: float) -> float:
        return sign * math.asinh(difference / measure.visible)

    values = [bent(run.differences[name]) for run in runs]
    low, high = min([*values, -math.asinh(PLAIN)]), max([*values, math.asinh(PLAIN)])
    place = _even(low, high, size.height - size.bottom, size.top, 0.08)
    return lambda difference: place(bent(difference))


def _corner(name: str) -> str:
    return f"faster and {_UP[name]}"


def _labels(
    words: Sequence[str],
    at: Sequence[tuple[float, float]],
    origin: tuple[float, float],
    size: _Size,
    corner: str,
) -> list[tuple[float, float] | None]:
    """Middles of the labels, none over another, over a dot, the original's included, or over the corner's."""
    floor = size.height - size.bottom  # (there y grows upwards)
    area = Box(size.left, 0, size.width - 2, floor - size.top)
    places = place_labels(
        [(x, floor - y) for x, y in (origin, *at)],
        ("original", *words),
        letter=_LETTER_px,
        height=_LABEL_px,
        radius=_DOT_px + 1,
        area=area,
        kept_free=[Box(area.left, area.top - _CORNER_px, area.left + _LETTER_px * len(corner), area.top)],
    )
    return [None if p is None else (round(p.x, 1), round(floor - p.y, 1)) for p in places]


def _words(run: Run, name: str) -> str:
    unit = f" {DEFINITIONS[name].unit}" if DEFINITIONS[name].unit else ""
    told = (
        f"{ratio(run.time)} the time, {DEFINITIONS[name].title} {signed(run.differences[name], name)}{unit}"
    )
    return f"{told}, published by the author" if run.is_published else told


def _tick_words(difference: float, name: str) -> str:
    words = f"{difference:+.6g}".replace("-", "\N{MINUS SIGN}")
    return "0" if difference == 0 else f"{words} {DEFINITIONS[name].unit}".strip()


def _apart(ticks: Sequence[Tick], origin: float, least: float) -> tuple[Tick, ...]:
    """Those ticks whose words have room, the original's first and the others by their distance from it."""
    kept: list[Tick] = []
    for tick in sorted(ticks, key=lambda tick: (abs(tick.at - origin), tick.at)):
        if all(abs(tick.at - other.at) >= least for other in kept):
            kept.append(tick)
    return tuple(sorted(kept, key=lambda tick: tick.at))


def _clipped(first: float, last: float, least: float, most: float) -> tuple[float, float]:
    return round(max(least, first), 1), round(min(most, last), 1)
