"""Run by run: the author's published picture, his weights super-resolved here, and our own training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from scipy.stats import spearmanr

from runner.metrics.evaluate import DEFINITIONS
from runner.publish.content.charts import TwoSizes
from runner.publish.content.comparison import outputs, seed_spread
from runner.publish.content.metrics import fixed
from runner.publish.content.scatter_chart import Point, ScatterChart
from runner.publish.data.model import Cell, SiteData
from runner.publish.words import TIMES, UNKNOWN
from runner.publish.words import ratio as ratio_words
from runner.record.schema import Metrics, factor_name
from runner.study.schema import Image

_FEWEST_PAIRS = 5
"""With fewer runs, a rank correlation is one of a handful of values and says nothing."""


@dataclass(frozen=True)
class Figures:
    """One measure of a run; None where it is not known."""

    published: float | None
    """Figure of the picture that the author published, or the ratio of his minutes."""
    weights: float | None
    """Figure of the picture that our super-resolution makes with the author's weights."""
    ours: float | None
    """Figure of our own training: the mean over its seeds."""


@dataclass(frozen=True)
class ReproducedRun:
    """An experiment on an image, by all measures of the page, in their order."""

    cell: Cell
    figures: tuple[Figures, ...]
    texts: tuple[tuple[str, str, str], ...]
    """The same as they are shown."""

    @property
    def is_trained_here(self) -> bool:
        """Whether there is a run of our own to compare."""
        return any(figures.ours is not None for figures in self.figures)


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of a series with what was published, over `pairs` runs."""

    of: str
    rho: float | None
    """None where too few pairs are known, or all are equal."""
    pairs: int


@dataclass(frozen=True)
class ReproducedMeasure:
    """How one measure of our runs agrees with the published one."""

    name: str
    title: str
    unit: str
    chart: TwoSizes[ScatterChart] | None
    correlations: tuple[Correlation, ...]


@dataclass(frozen=True)
class Reproduction:
    """All runs of which something was published, and how they come out here."""

    measures: tuple[ReproducedMeasure, ...]
    runs: tuple[ReproducedRun, ...]

    @property
    def trained_here(self) -> int:
        """How many of the runs have been trained here."""
        return sum(run.is_trained_here for run in self.runs)


@dataclass(frozen=True)
class _Measure:
    """How a measure of the page is computed and shown."""

    name: str
    title: str
    unit: str
    find: Callable[[Cell, SiteData], Figures]
    text: Callable[[float | None], str]


def reproduction(data: SiteData) -> Reproduction | None:
    """What the record says of the published results; None where none of their pictures were measured."""
    if not data.published_pictures:
        return None
    measures = [_of_pictures("lr_psnr"), _of_pictures("niqe"), _OF_TIME]
    runs = tuple(
        ReproducedRun(
            cell,
            tuple(figures),
            tuple(
                (measure.text(one.published), measure.text(one.weights), measure.text(one.ours))
                for measure, one in zip(measures, figures, strict=True)
            ),
        )
        for cell in data.cells
        if data.published_metrics(cell) is not None
        for figures in [[measure.find(cell, data) for measure in measures]]
    )
    images = [image.image for image in data.images]
    return Reproduction(
        tuple(_measured(measure, index, runs, images) for index, measure in enumerate(measures)), runs
    )


def _of_pictures(name: str) -> _Measure:
    definition = DEFINITIONS[name]

    def find(cell: Cell, data: SiteData) -> Figures:
        factor = factor_name(data.study.study.factor)
        imported = [run.record.output for run in cell.runs if run.is_imported and run.record.factor == factor]
        ours = seed_spread(outputs(cell, factor), name)
        return Figures(
            _figure(data.published_metrics(cell), name),
            _figure(imported[0].metrics, name) if imported and imported[0] else None,
            ours.mean if ours else None,
        )

    def text(value: float | None) -> str:
        return UNKNOWN if value is None else fixed(value, name)

    return _Measure(name, definition.title, definition.unit, find, text)


def _figure(metrics: Metrics | None, name: str) -> float | None:
    return None if metrics is None else metrics.get(name)


def _time_of(cell: Cell, data: SiteData) -> Figures:
    """Ratios of training times; none for the original, whose ratio is 1 everywhere, and no evidence."""
    if cell.experiment.id == data.study.original.id:
        return Figures(None, None, None)
    timing = cell.timing
    return Figures(timing.published.ratio, None, None if timing.other_machine else timing.measured.ratio)


_OF_TIME = _Measure("time", "Training time", f"{TIMES} original", _time_of, ratio_words)


def _measured(
    measure: _Measure, index: int, runs: Sequence[ReproducedRun], images: Sequence[Image]
) -> ReproducedMeasure:
    points = tuple(point for run in runs for point in _points(run, index, images))
    titles = tuple(image.title for image in images)
    axis = f"{measure.title}, {measure.unit}" if measure.unit else measure.title
    sizes = TwoSizes(*(ScatterChart(axis, titles, points, is_narrow) for is_narrow in (False, True)))
    series = {"our own training": _pairs(runs, index, lambda one: one.ours)}
    weights = _pairs(runs, index, lambda one: one.weights)
    if weights:
        series["weights of the author, super-resolved here"] = weights
    correlations = tuple(Correlation(of, _spearman(pairs), len(pairs)) for of, pairs in series.items())
    return ReproducedMeasure(
        measure.name, measure.title, measure.unit, sizes if points else None, correlations
    )


def _points(run: ReproducedRun, index: int, images: Sequence[Image]) -> Iterator[Point]:
    one = run.figures[index]
    if one.published is None:
        return
    image = images.index(run.cell.image.image)
    if one.weights is not None:
        yield Point(one.published, one.weights, "", image, is_ring=True)
    if one.ours is not None:
        yield Point(one.published, one.ours, run.cell.experiment.id, image)


def _pairs(
    runs: Sequence[ReproducedRun], index: int, of: Callable[[Figures], float | None]
) -> list[tuple[float, float]]:
    """Published figure and another, of the runs that have both."""
    found = ((run.figures[index].published, of(run.figures[index])) for run in runs)
    return [(published, value) for published, value in found if published is not None and value is not None]


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman 1904: Pearson's correlation of the ranks, ties sharing theirs."""
    published, values = zip(*pairs, strict=True) if pairs else ((), ())
    if len(pairs) < _FEWEST_PAIRS or len(set(published)) < 2 or len(set(values)) < 2:
        return None
    return float(spearmanr(published, values).statistic)
