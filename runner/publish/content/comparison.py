"""An experiment's measures beside another's: equal image, equal seed, equal factor, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.metrics.evaluate import DEFINITIONS, Definition
from runner.metrics.statistics import (
    Difference,
    Spread,
    Verdict,
    judge,
    paired_difference,
    spread,
    spread_within,
)
from runner.publish.data.model import Cell, ExperimentData
from runner.record.schema import Output


@dataclass(frozen=True)
class Comparison:
    """How an experiment's pictures differ from another's in one measure; the other's figure is subtracted."""

    measure: Definition
    name: str
    difference: Difference
    verdict: Verdict


def outputs(cell: Cell, factor: str) -> Mapping[int, Output]:
    """A cell's measured pictures at a factor, by seed; only of runs that are what study and profile say."""
    return {
        run.record.seed: run.record.output
        for run in cell.runs
        if run.record.factor == factor and run.record.output is not None
        if not (run.warning or run.is_imported)
    }


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


def compare_cells(cell: Cell, other: Cell, factor: str) -> tuple[Comparison, ...]:
    """On one image, in every measure that both have."""
    return _compare([(cell, other)], factor)


def compare_experiments(
    experiment: ExperimentData, other: ExperimentData, factor: str
) -> tuple[Comparison, ...]:
    """On all images that both were run on, in every measure that both have."""
    return _compare(list(zip(experiment.cells, other.cells, strict=True)), factor)


def _compare(pairs: list[tuple[Cell, Cell]], factor: str) -> tuple[Comparison, ...]:
    found = []
    for name, measure in DEFINITIONS.items():
        by_image = {cell.image.image.id: differences(cell, other, factor, name) for cell, other in pairs}
        difference = paired_difference(by_image)
        if difference is not None:
            found.append(Comparison(measure, name, difference, judge(difference, measure)))
    return tuple(found)
