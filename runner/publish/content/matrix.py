"""The study at a glance: a row an experiment, with its cost, its measures and what the evidence says."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from runner.metrics.evaluate import DEFINITIONS, Definition
from runner.publish.content.comparison import (
    Comparison,
    compare_cells,
    compare_experiments,
    outputs,
    seed_spread,
)
from runner.publish.content.metrics import fixed, signed
from runner.publish.data.model import Cell, ExperimentData, SiteData
from runner.publish.data.timing import total_ratio
from runner.publish.words import UNKNOWN, plural, ratio
from runner.record.schema import factor_name

_MEASURES = {"lr_psnr": "Consistency", "lr_delta_e": "Colour shift", "niqe": "NIQE", "blur": "Blur"}
"""Those that need no ground truth, which every picture has; in a word or two."""

_VERDICTS = ("better", "no visible difference", "undecided", "mixed", "worse")
"""From good to bad, for sorting by them."""


@dataclass(frozen=True)
class Shown:
    """A figure in words, a second line of it, and what to sort by: a number, or nothing where unknown."""

    words: str
    key: str = ""
    beside: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """An experiment, over all images it was run on."""

    data: ExperimentData
    time: Shown
    measures: tuple[Shown, ...]
    verdict: Shown


@dataclass(frozen=True)
class MatrixColumn:
    """A measure under a short name."""

    title: str
    measure: Definition


@dataclass(frozen=True)
class Matrix:
    """All experiments, in the order of the study."""

    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]


def matrix(data: SiteData) -> Matrix:
    """The rows of all experiments, with the measures that any of them has."""
    factor = factor_name(data.study.study.factor)
    original = next(e for e in data.experiments if e.experiment.id == data.study.original.id)
    means = {e.experiment.id: _means(e, factor) for e in data.experiments}
    names = [name for name in _MEASURES if any(name in found for found in means.values())]
    rows = []
    for experiment in data.experiments:
        compared = () if experiment is original else compare_experiments(experiment, original, factor)
        by_name = {comparison.name: comparison for comparison in compared}
        mine = means[experiment.experiment.id]
        rows.append(
            MatrixRow(
                experiment,
                _time(experiment),
                tuple(_measure(name, mine.get(name), by_name.get(name)) for name in names),
                Shown(UNKNOWN) if experiment is original else verdict_of(compared),
            )
        )
    columns = tuple(MatrixColumn(_MEASURES[name], DEFINITIONS[name]) for name in names)
    return Matrix(columns, tuple(rows))


def best_on(cells: Sequence[Cell], original: Cell, factor: str) -> tuple[Cell, ...]:
    """Cells of an image with the most measures better than the original's, and none worse.

    Several when they are level with each other, none when nothing is better.
    """
    found = []
    for cell in cells:
        verdicts = [comparison.verdict for comparison in compare_cells(cell, original, factor)]
        if "worse" not in verdicts and "better" in verdicts:
            found.append((verdicts.count("better"), cell))
    most = max((count for count, _ in found), default=0)
    return tuple(cell for count, cell in found if count == most)


def _means(experiment: ExperimentData, factor: str) -> dict[str, float]:
    """Mean over images of the mean over seeds."""
    found = {}
    for name in _MEASURES:
        spreads = [seed_spread(outputs(cell, factor), name) for cell in experiment.cells]
        values = [spread.mean for spread in spreads if spread]
        if values:
            found[name] = statistics.fmean(values)
    return found


def _time(experiment: ExperimentData) -> Shown:
    """Training on all its images, as a ratio to the original's on the same."""
    times = [cell.timing for cell in experiment.cells if cell.state == "done"]
    value = total_ratio(timing.measured for timing in times)
    if value is None:
        return Shown(UNKNOWN)
    star = "*" if any(timing.other_machine for timing in times) else ""
    return Shown(f"{ratio(value)}{star}", f"{value:.6g}")


def _measure(name: str, mean: float | None, compared: Comparison | None) -> Shown:
    """The difference from the original on the same images, and the mean, which depends on the images."""
    if mean is None:
        return Shown(UNKNOWN)
    if compared is None:
        return Shown(fixed(0, name), "0", fixed(mean, name))
    difference = compared.difference.mean
    return Shown(signed(difference, name), f"{difference:.6g}", fixed(mean, name))


def verdict_of(compared: Sequence[Comparison]) -> Shown:
    """All verdicts as one: better or worse is what is so in some measure, and the opposite in none."""
    verdicts = [comparison.verdict for comparison in compared]
    if not verdicts:
        return Shown(UNKNOWN)
    better, worse = verdicts.count("better"), verdicts.count("worse")
    if better and worse:
        return _ranked("mixed", f"{better} better, {worse} worse")
    for word, count in (("better", better), ("worse", worse)):
        if count:
            return _ranked(word, f"in {count} of {plural(len(verdicts), 'measure')}")
    if set(verdicts) == {"no visible difference"}:
        return _ranked("no visible difference", "")
    has_interval = any(comparison.difference.low is not None for comparison in compared)
    return _ranked("undecided", "" if has_interval else "too few seeds")


def _ranked(word: str, beside: str) -> Shown:
    return Shown(word, str(_VERDICTS.index(word)), beside)
