"""An experiment's measures beside another's: equal image, equal seed, equal factor, or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from runner.metrics.evaluate import DEFINITIONS, Definition
from runner.metrics.statistics import (
    Difference,
    Scatter,
    Spread,
    Verdict,
    judge,
    paired_difference,
    scatter_within,
    spread,
    spread_within,
)
from runner.publish.data.model import Cell, ExperimentData, ImageData, SiteData
from runner.record.schema import Metrics, Output

_OF_BLUR: Mapping[str, str] = {"better": "sharper", "worse": "blurrier"}


@dataclass(frozen=True)
class Comparison:
    """How an experiment's pictures differ from another's in one measure; the other's figure is subtracted."""

    measure: Definition
    name: str
    difference: Difference
    verdict: Verdict
    seeds: int = 1
    """Pairs of seeds on the image that has the fewest."""
    pooled_from: tuple[str, ...] = ()
    """The experiments whose scatter over seeds is used where this one has a single seed."""

    @property
    def words(self) -> str:
        """The verdict in words, which do not judge blur: it is no fault by itself, nor sharpness a merit."""
        return _OF_BLUR.get(self.verdict, self.verdict) if self.name == "blur" else self.verdict


@dataclass(frozen=True)
class SeedScatter:
    """How a measure scatters over seeds on one image, by the experiments that have several there."""

    scatter: Scatter
    of: tuple[str, ...]


Scatters = Mapping[tuple[str, str, str], SeedScatter]
"""Scatter by image, factor and measure, where any experiment has several seeds."""


def seed_scatters(data: SiteData) -> Scatters:
    """The scatter over seeds of every measure on every image, pooled over the experiments that show it."""
    found = {}
    for image in data.images:
        cells = [cell for cell in data.cells if cell.image is image]
        factors = {run.record.factor for cell in cells for run in cell.runs}
        for factor, name in itertools.product(sorted(factors), DEFINITIONS):
            groups = {cell.experiment.id: figures(outputs(cell, factor), name) for cell in cells}
            several = {experiment: group.values() for experiment, group in groups.items() if len(group) > 1}
            scatter = scatter_within(list(several.values()))
            if scatter is not None:
                found[image.image.id, factor, name] = SeedScatter(scatter, tuple(several))
    return found


def outputs(cell: Cell, factor: str) -> Mapping[int, Output]:
    """A cell's measured pictures at a factor, by seed; only of runs that are what study and profile say."""
    return {
        run.record.seed: run.record.output
        for run in cell.runs
        if run.record.factor == factor and run.record.output is not None
        if not (run.warning or run.is_imported)
    }


def imported_metrics(cell: Cell, factor: str) -> Metrics:
    """What was measured on the picture of the first imported run at a factor; empty where there is none."""
    found = (
        run.record.output.metrics
        for run in cell.runs
        if run.is_imported and run.record.factor == factor and run.record.output is not None
    )
    return next(found, {})


def figures(found: Mapping[int, Output], measure: str) -> Mapping[int, float]:
    """A measure of these pictures by seed, where it could be taken."""
    values = {seed: output.metrics.get(measure) for seed, output in found.items()}
    return {seed: value for seed, value in values.items() if value is not None}


def seed_spread(found: Mapping[int, Output], measure: str) -> Spread | None:
    """How a measure scatters over seeds of training."""
    return spread(figures(found, measure).values())


def noise_spread(found: Mapping[int, Output], measure: str) -> float | None:
    """How a measure scatters by the noise of super-resolution alone: equal weights, several draws."""
    groups = []
    for output in found.values():
        values = [output.metrics.get(measure), *(draw.metrics.get(measure) for draw in output.draws)]
        groups.append([value for value in values if value is not None])
    return spread_within(groups)


def differences(cell: Cell, other: Cell, factor: str, measure: str) -> list[float]:
    """A measure of a cell less the other's, for every seed that both have."""
    mine, theirs = (figures(outputs(each, factor), measure) for each in (cell, other))
    return [mine[seed] - theirs[seed] for seed in sorted(mine.keys() & theirs.keys())]


def compare_cells(
    cell: Cell, other: Cell, factor: str, scatters: Scatters | None = None
) -> tuple[Comparison, ...]:
    """Compare on one image, in every measure that both have; `scatters` are used for a single seed."""
    return _compare([(cell, other)], factor, scatters or {})


def compare_experiments(
    experiment: ExperimentData, other: ExperimentData, factor: str, scatters: Scatters | None = None
) -> tuple[Comparison, ...]:
    """Compare over all images that both were run on, in every measure that both have."""
    return _compare(list(zip(experiment.cells, other.cells, strict=True)), factor, scatters or {})


def compared_images(experiment: ExperimentData, other: ExperimentData, factor: str) -> tuple[ImageData, ...]:
    """The images on which both have a picture of an equal seed."""
    pairs = zip(experiment.cells, other.cells, strict=True)
    return tuple(
        mine.image for mine, theirs in pairs if outputs(mine, factor).keys() & outputs(theirs, factor).keys()
    )


def _compare(pairs: list[tuple[Cell, Cell]], factor: str, scatters: Scatters) -> tuple[Comparison, ...]:
    found = []
    for name, measure in DEFINITIONS.items():
        by_image = {cell.image.image.id: differences(cell, other, factor, name) for cell, other in pairs}
        lent = {
            image: scatters[image, factor, name]
            for image, group in by_image.items()
            if len(group) == 1 and (image, factor, name) in scatters
        }
        difference = paired_difference(by_image, {image: each.scatter for image, each in lent.items()})
        if difference is not None:
            seeds = min(len(group) for group in by_image.values() if group)
            pooled = (
                () if difference.low is None else tuple(dict.fromkeys(e for s in lent.values() for e in s.of))
            )
            found.append(Comparison(measure, name, difference, judge(difference, measure), seeds, pooled))
    return tuple(found)
