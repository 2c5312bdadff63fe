"""What was measured on a picture, beside the original training and plain enlargements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner.evaluate import DEFINITIONS, Definition
from runner.publish.model import Cell, Run
from runner.publish.words import UNKNOWN
from runner.results import Metrics

_BASELINES = ("lanczos", "bicubic", "nearest")
_DECIMALS = {"lr_psnr": 2, "lr_delta_e": 2, "niqe": 2, "blur": 3, "psnr": 2, "ssim": 3}


@dataclass(frozen=True)
class MetricRow:
    """Metrics of one picture, in the order of the table's columns."""

    label: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class MetricTable:
    """Measures that at least one of the pictures has."""

    columns: tuple[Definition, ...]
    rows: tuple[MetricRow, ...]


def metric_table(cell: Cell, original: Run | None) -> MetricTable | None:
    """Metrics of a cell's run, the original's and plain enlargements'; None where nothing is known."""
    run = cell.run
    if run is None or run.record.output is None:
        return None
    measured: list[tuple[str, Metrics]] = [(cell.experiment.id, run.record.output.metrics)]
    comparable = original is not None and original.record.factor == run.record.factor
    if comparable and original is not None and original is not run and original.record.output is not None:
        measured.append(("original", original.record.output.metrics))
    image = cell.image.record
    baselines = image.baselines.get(run.record.factor, {}) if image else {}
    measured += [(f"{name}, no learning", baselines[name]) for name in _BASELINES if name in baselines]
    known = [name for name in DEFINITIONS if any(metrics.get(name) is not None for _, metrics in measured)]
    if not known:
        return None
    rows = tuple(MetricRow(label, tuple(_values(metrics, known))) for label, metrics in measured)
    return MetricTable(tuple(DEFINITIONS[name] for name in known), rows)


def _values(metrics: Metrics, names: Iterable[str]) -> Iterable[str]:
    for name in names:
        value = metrics.get(name)
        yield UNKNOWN if value is None else f"{value:.{_DECIMALS[name]}f}"
