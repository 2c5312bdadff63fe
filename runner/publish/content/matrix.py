"""The study at a glance: a table an image, and one of means over equal images; the best first."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from runner.metrics.evaluate import DEFINITIONS, Definition
from runner.publish.content.comparison import (
    Comparison,
    Scatters,
    compare_cells,
    compare_experiments,
    imported_metrics,
    outputs,
    seed_spread,
)
from runner.publish.content.metrics import fixed, signed
from runner.publish.content.verdicts import (
    MUCH,
    Judged,
    judge_cell,
    judge_experiment,
    judge_imported,
    score,
)
from runner.publish.data.model import Cell, ExperimentData, ImageData, SiteData
from runner.publish.data.timing import total_ratio
from runner.publish.words import UNKNOWN, join_words, ratio
from runner.record.schema import Output, factor_name
from runner.study.schema import Experiment

_MEASURES = {"lr_psnr": "Consistency", "niqe": "NIQE", "lr_delta_e": "Colour shift", "blur": "Blur"}
"""The measures that need no ground truth, so that every picture has them, with short names."""

_LONGEST_RATIO = 1.5
"""The ratio of training times at which a bar has its full length."""


@dataclass(frozen=True)
class Bar:
    """A bar in a cell, in percent of its width."""

    start: float
    width: float
    tone: Literal["good", "bad", "plain"] = "plain"
    zero: float = 50.0
    """Where the original stands."""


@dataclass(frozen=True)
class Shown:
    """A figure in words, a second line of it, and what to sort by: a number, or nothing where unknown."""

    words: str
    key: str = ""
    beside: str = ""
    bar: Bar | None = None
    is_noise: bool = False


@dataclass(frozen=True)
class MatrixRow:
    """An experiment, on the images of its table."""

    data: ExperimentData
    cells: tuple[Cell, ...]
    time: Shown
    measures: tuple[Shown, ...]
    verdict: Judged | None
    verdict_key: str

    @property
    def is_imported(self) -> bool:
        """Whether it was trained elsewhere."""
        return all(cell.run is not None and cell.run.is_imported for cell in self.cells)


@dataclass(frozen=True)
class MatrixColumn:
    """A measure under a short name."""

    name: str
    title: str
    measure: Definition


@dataclass(frozen=True)
class MatrixTable:
    """All experiments that were run on the same images; `id` names it in an address."""

    id: str
    title: str
    images: tuple[ImageData, ...]
    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    failed: tuple[Cell, ...]
    not_run: tuple[Experiment, ...]
    """Experiments that have no row here though they are meant to, and did not fail."""

    @property
    def trained_here(self) -> int:
        """How many rows were trained here."""
        return sum(not row.is_imported for row in self.rows)

    @property
    def is_mean(self) -> bool:
        """Whether its figures are means over several images."""
        return len(self.images) > 1


def matrix(data: SiteData, scatters: Scatters) -> tuple[MatrixTable, ...]:
    """A table of means first, if two images have an original trained here; then a table an image."""
    trained = [image for image in data.images if _is_trained(data, data.original, image)]
    tables = [_of_image(data, image, scatters) for image in data.images]
    return (_of_means(data, trained, scatters), *tables) if len(trained) > 1 else tuple(tables)


def _is_trained(data: SiteData, experiment: ExperimentData, image: ImageData) -> bool:
    """Whether there is a picture that counts: trained here, and as study and profile say."""
    return bool(outputs(_cell(experiment, image), factor_name(data.study.study.factor)))


def _cell(experiment: ExperimentData, image: ImageData) -> Cell:
    return next(cell for cell in experiment.cells if cell.image is image)


def _of_image(data: SiteData, image: ImageData, scatters: Scatters) -> MatrixTable:
    factor, original = factor_name(data.study.study.factor), _cell(data.original, image)
    rows, failed, missing = [], [], []
    for experiment in data.experiments:
        cell = _cell(experiment, image)
        if cell.state == "done":
            compared = () if cell is original else compare_cells(cell, original, factor, scatters)
            verdict = judge_cell(cell, original, data, scatters)
            if cell.run is not None and cell.run.is_imported:
                rows.append(_of_imported(experiment, cell, original, factor))
            else:
                rows.append(_row(experiment, [(cell, original)], factor, compared, verdict))
        elif cell.state == "failed":
            failed.append(cell)
        elif cell.state == "not run":
            missing.append(experiment.experiment)
    return _table(image.image.id, image.image.title, (image,), rows, failed, missing)


def _of_means(data: SiteData, images: Sequence[ImageData], scatters: Scatters) -> MatrixTable:
    """Table of means, only of experiments that were run on all of these images: others would not compare."""
    factor, rows, missing = factor_name(data.study.study.factor), [], []
    for experiment in data.experiments:
        pairs = [(_cell(experiment, image), _cell(data.original, image)) for image in images]
        if all(_is_trained(data, experiment, image) for image in images):
            is_original = experiment is data.original
            compared = () if is_original else compare_experiments(experiment, data.original, factor, scatters)
            verdict = judge_experiment(experiment, data.original, data, scatters)
            rows.append(_row(experiment, pairs, factor, compared, verdict))
        else:
            missing.append(experiment.experiment)
    title = f"Mean of {join_words(tuple(image.image.title for image in images))}"
    return _table("mean", title, tuple(images), rows, [], missing)


def _table(
    name: str,
    title: str,
    images: tuple[ImageData, ...],
    rows: list[MatrixRow],
    failed: Sequence[Cell],
    missing: Sequence[Experiment],
) -> MatrixTable:
    """Table of the rows, in their order, with the measures that any of them has."""
    known = [i for i in range(len(_MEASURES)) if any(row.measures[i].key for row in rows)]
    columns = [MatrixColumn(name, title, DEFINITIONS[name]) for name, title in _MEASURES.items()]
    rows.sort(key=lambda row: (row.is_imported, _order(row)))
    shown = (replace(row, measures=tuple(row.measures[i] for i in known)) for row in rows)
    numbered = tuple(replace(row, verdict_key=str(place)) for place, row in enumerate(shown))
    return MatrixTable(
        name, title, images, tuple(columns[i] for i in known), numbered, tuple(failed), tuple(missing)
    )


def _order(row: MatrixRow) -> tuple[int, float]:
    """Sort key: the best first; the original stands before what is the same."""
    return row.verdict.order if row.verdict else (Judged.rank_of("same"), -float(MUCH))


def _row(
    experiment: ExperimentData,
    pairs: Sequence[tuple[Cell, Cell]],
    factor: str,
    compared: Sequence[Comparison],
    verdict: Judged | None,
) -> MatrixRow:
    """Row of the first of each two cells, beside the original's."""
    cells = tuple(cell for cell, _ in pairs)
    by_name = {comparison.name: comparison for comparison in compared}
    means: dict[str, float] = {}
    for name in _MEASURES:
        spreads = [seed_spread(_beside(cell, original, factor), name) for cell, original in pairs]
        values = [spread.mean for spread in spreads if spread]
        if len(values) == len(cells):
            means[name] = statistics.fmean(values)
    differences = {name: by_name[name].difference.mean for name in means if name in by_name}
    return MatrixRow(experiment, cells, _time(cells), _measures(means, differences), verdict, "")


def _beside(cell: Cell, original: Cell, factor: str) -> Mapping[int, Output]:
    """The cell's pictures of the seeds that the original has, too: its difference is of these. Else all."""
    mine, theirs = outputs(cell, factor), outputs(original, factor)
    return {seed: output for seed, output in mine.items() if seed in theirs} or mine


def _of_imported(experiment: ExperimentData, cell: Cell, original: Cell, factor: str) -> MatrixRow:
    """Row of an imported run beside the imported original: a hint at most, and without a time."""
    mine, theirs = imported_metrics(cell, factor), imported_metrics(original, factor)
    known = {name: value for name in _MEASURES if (value := mine.get(name)) is not None}
    differences = {
        name: value - other for name, value in known.items() if (other := theirs.get(name)) is not None
    }
    verdict = judge_imported(cell, original, factor)
    figures = _measures(known, {} if cell is original else differences)
    return MatrixRow(experiment, (cell,), Shown(UNKNOWN), figures, verdict, "")


def _time(cells: Sequence[Cell]) -> Shown:
    """Training time on these images, as a ratio to the original's on the same ones."""
    times = [cell.timing for cell in cells]
    value = total_ratio(timing.measured for timing in times)
    if value is None or any(timing.measured.ratio is None for timing in times):
        return Shown(UNKNOWN)
    star = "*" if any(timing.other_machine for timing in times) else ""
    is_noise = value != 1 and all(timing.measured.is_noise for timing in times)
    bar = Bar(0, _percent(value / _LONGEST_RATIO), zero=_percent(1 / _LONGEST_RATIO))
    return Shown(f"{ratio(value)}{star}", f"{value:.6g}", bar=bar, is_noise=is_noise)


def _measures(means: Mapping[str, float], differences: Mapping[str, float]) -> tuple[Shown, ...]:
    return tuple(_measure(name, means.get(name), differences.get(name)) for name in _MEASURES)


def _measure(name: str, mean: float | None, difference: float | None) -> Shown:
    """The mean of a measure, and the difference from the original's."""
    if mean is None:
        return Shown(UNKNOWN)
    if difference is None:
        return Shown(fixed(mean, name), f"{mean:.6g}")
    return Shown(fixed(mean, name), f"{mean:.6g}", signed(difference, name), _bar(name, difference))


def _bar(name: str, difference: float) -> Bar:
    """Bar of a difference: to the right where it is better, at full length where pictures differ much."""
    length = min(1.0, abs(score(name, difference)) / MUCH) * 50
    is_good = score(name, difference) > 0
    tone: Literal["good", "bad", "plain"] = "plain" if name == "blur" else "good" if is_good else "bad"
    return Bar(round(50 if is_good else 50 - length, 1), round(length, 1), tone)


def _percent(share: float) -> float:
    return round(100 * min(1.0, share), 1)
