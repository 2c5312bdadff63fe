"""What was measured on an image's pictures, beside the original training and plain enlargements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from runner.metrics.evaluate import DEFINITIONS, Definition
from runner.metrics.statistics import CONFIDENCE, Spread
from runner.publish.content.comparison import (
    Comparison,
    Scatters,
    compare_cells,
    noise_spread,
    outputs,
    seed_spread,
)
from runner.publish.data.model import Cell
from runner.publish.words import UNKNOWN, join_words
from runner.record.schema import Metrics, Output

_BASELINES = ("lanczos", "bicubic", "nearest")
_DECIMALS = {"lr_psnr": 2, "lr_delta_e": 2, "niqe": 2, "blur": 3, "psnr": 2, "ssim": 3}
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class MetricRow:
    """Metrics of one picture, or of several seeds, in the order of the columns; some have two lines."""

    label: str
    values: tuple[str, ...]
    is_comparison: bool = False


@dataclass(frozen=True)
class MetricTable:
    """Measures, at one factor, that at least one of the pictures has."""

    factor: str
    seeds: int
    columns: tuple[Definition, ...]
    rows: tuple[MetricRow, ...]


def metric_tables(
    cell: Cell, original: Cell, scatters: Scatters, published: Metrics | None = None
) -> tuple[MetricTable, ...]:
    """A table for each factor at which a cell has pictures, the study's own first.

    `published` are the metrics of the picture that the author published, at the study's first factor. An
    interval comes from a cell's own seeds or, where it has one seed only, from `scatters`.
    """
    factors = dict.fromkeys(run.record.factor for run in cell.runs if run.record.output is not None)
    tables = (
        _table(cell, original, factor, scatters, published if index == 0 else None)
        for index, factor in enumerate(factors)
    )
    return tuple(table for table in tables if table.columns)


def _table(
    cell: Cell, original: Cell, factor: str, scatters: Scatters, published: Metrics | None
) -> MetricTable:
    mine, theirs = outputs(cell, factor), outputs(original, factor)
    is_original = cell.experiment.id == original.experiment.id
    imported = list(_of_imported(cell, factor))
    rows = [_of_outputs(cell.experiment.id, mine)] if mine or not imported else []
    rows += imported
    if published is not None:
        rows.append(_of_picture(f"{cell.experiment.id}, the picture its author published", published))
    if theirs and not is_original:
        rows.append(_of_outputs(original.experiment.id, theirs))
        rows += _of_comparison(compare_cells(cell, original, factor, scatters))
    if not is_original:
        rows += _of_imported(original, factor)
    rows += _of_noise(mine)
    image = cell.image.record
    baselines = image.baselines.get(factor, {}) if image else {}
    rows += [_of_picture(f"{name}, no learning", baselines[name]) for name in _BASELINES if name in baselines]
    known = [name for name in DEFINITIONS if any(row.texts.get(name) for row in rows)]
    return MetricTable(
        factor,
        len(mine),
        tuple(DEFINITIONS[name] for name in known),
        tuple(
            MetricRow(row.label, tuple(row.texts.get(name) or UNKNOWN for name in known), row.is_comparison)
            for row in rows
        ),
    )


@dataclass(frozen=True)
class _Row:
    """A row before it is known which measures the table has."""

    label: str
    texts: Mapping[str, str]
    is_comparison: bool = False


def _texts(of: Callable[[str], str | None]) -> dict[str, str]:
    texts = {name: of(name) for name in DEFINITIONS}
    return {name: text for name, text in texts.items() if text is not None}


def _of_outputs(experiment: str, found: Mapping[int, Output]) -> _Row:
    seeds = f", {len(found)} seeds" if len(found) > 1 else ""
    return _Row(f"{experiment}{seeds}", _texts(lambda name: _spread_words(name, seed_spread(found, name))))


def _of_picture(label: str, metrics: Metrics) -> _Row:
    def text(name: str) -> str | None:
        value = metrics.get(name)
        return None if value is None else fixed(value, name)

    return _Row(label, _texts(text))


def _of_imported(cell: Cell, factor: str) -> Iterator[_Row]:
    """A row for each run that was trained elsewhere: beside the others, and never averaged with them."""
    for run in cell.runs:
        if run.is_imported and run.record.output is not None and run.record.factor == factor:
            label = f"{cell.experiment.id}, imported from {run.record.imported_from}"
            yield _of_picture(label, run.record.output.metrics)


def _of_comparison(comparisons: tuple[Comparison, ...]) -> Iterator[_Row]:
    """A row of differences, only if they have an interval: a difference of single runs says nothing."""
    known = {c.name: c for c in comparisons if c.difference.low is not None}
    if known:
        label = f"difference from the original, {CONFIDENCE:.0%} interval"
        pooled = tuple(dict.fromkeys(name for c in known.values() for name in c.pooled_from))
        if pooled:
            label += f", seed scatter pooled from {join_words(pooled)}"
        texts = {name: f"{interval_words(c)}\n{c.words}" for name, c in known.items()}
        yield _Row(label, texts, is_comparison=True)


def _of_noise(found: Mapping[int, Output]) -> Iterator[_Row]:
    """A row of the scatter by super-resolution's noise alone, if that was drawn several times."""
    draws = max((1 + len(output.draws) for output in found.values()), default=1)
    if draws > 1:

        def text(name: str) -> str | None:
            deviation = noise_spread(found, name)
            return None if deviation is None else f"± {fixed(deviation, name)}"

        yield _Row(f"by SR noise alone, {draws} draws of equal weights", _texts(text), is_comparison=True)


def _spread_words(name: str, found: Spread | None) -> str | None:
    if found is None:
        return None
    mean = fixed(found.mean, name)
    return mean if found.deviation is None else f"{mean} ± {fixed(found.deviation, name)}"


def interval_words(comparison: Comparison) -> str:
    """`+0.42 (-0.10 to +0.94)`, or the mean alone."""
    found, name = comparison.difference, comparison.name
    mean = signed(found.mean, name)
    if found.low is None or found.high is None:
        return mean
    return f"{mean} ({signed(found.low, name)} to {signed(found.high, name)})"


def signed(value: float, name: str) -> str:
    """A difference of a measure, with its sign; a plus for what rounds to zero."""
    decimals = _DECIMALS[name]
    text = f"{value:+.{decimals}f}"
    return f"+{text[1:]}" if float(text) == 0 else text.replace("-", _MINUS)


def fixed(value: float, name: str) -> str:
    """A figure of a measure, with the decimals worth showing."""
    return f"{value:.{_DECIMALS[name]}f}"


def good_word(measure: Definition) -> str:
    """What a picture with a better value of a measure is called: with less blur it is sharper, not better."""
    return "sharper" if measure is DEFINITIONS["blur"] else "better"
