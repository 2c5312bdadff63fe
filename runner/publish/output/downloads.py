"""The record as files to download: everything as JSON, runs and levels as tables."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner.metrics.evaluate import DEFINITIONS
from runner.publish.data.model import Cell, Run, SiteData
from runner.streams import harmless

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Row = Mapping[str, str | float | None]


def downloads(data: SiteData, root: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file; `root` leads from where they lie to the site's folder."""
    yield "study.json", _json(data)
    yield "runs.csv", _csv([_run_row(cell, run, data, root) for cell, run in _runs(data)])
    yield "levels.csv", _csv([row for cell, run in _runs(data) for row in _level_rows(cell, run)])


def _runs(data: SiteData) -> Iterator[tuple[Cell, Run]]:
    return ((cell, run) for cell in data.cells for run in cell.runs)


def _json(data: SiteData) -> bytes:
    """All records on the site. Picture files are named as in the results folder."""
    levels = {level.record.name: level.record for _, run in _runs(data) for level in run.levels}
    whole: dict[str, Any] = {
        "profile": data.profile.model_dump(mode="json"),
        "study": data.study.model_dump(mode="json"),
        "images": [image.record.model_dump(mode="json") for image in data.images if image.record],
        "runs": [run.record.model_dump(mode="json") for _, run in _runs(data)],
        "levels": [levels[name].model_dump(mode="json") for name in sorted(levels)],
        "notes": data.notes,
    }
    return (
        json.dumps(_finite(whole), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
    ).encode()


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON is of any type
    """The value with None for numbers that JSON does not have: a loss that diverged."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _run_row(cell: Cell, run: Run, data: SiteData, root: str) -> Row:
    record, timing = run.record, run.timing
    made = record.output.provenance if record.output else None
    return {
        "experiment": record.experiment,
        "group": cell.experiment.group,
        "image": record.image,
        "stand_in": cell.image.stand_in,
        "imported_from": record.imported_from,
        "profile": data.profile.id,
        "epochs": data.profile.epochs,
        "factor": record.factor,
        "seed": record.seed,
        "status": record.status,
        "reason": record.reason,
        "levels": len(record.levels),
        "training_seconds": timing.measured.elapsed[0],
        "training_processor_seconds": timing.measured.processor[0],
        "ratio_to_original": timing.measured.ratio,
        "other_machine_than_original": str(timing.other_machine).lower(),
        "published_minutes": timing.published.value,
        "published_ratio_to_original": timing.published.ratio,
        "super_resolution_seconds": record.output.seconds if record.output else None,
        **{name: record.output.metrics.get(name) if record.output else None for name in DEFINITIONS},
        "picture": root + run.output.picture.url if run.output.picture else None,
        "machine": made.machine if made else None,
        "device": made.device if made else None,
        "finished": made.finished if made else None,
    }


def _level_rows(cell: Cell, run: Run) -> Iterator[Row]:
    times = {time.level: time for time in run.timing.levels}
    for level in run.levels:
        record, time = level.record, times[level.record.level]
        final = {f"final_{name}": losses[-1] for name, losses in record.losses.items() if losses}
        yield {
            "experiment": cell.experiment.id,
            "image": cell.image.image.id,
            "factor": run.record.factor,
            "seed": run.record.seed,
            "level": record.level,
            "width": record.width,
            "height": record.height,
            "epochs_planned": record.epochs_planned,
            "epochs_done": record.epochs_done,
            "stopped_early": str(record.stopped_early).lower(),
            "seconds": record.seconds,
            "processor_seconds": record.processor_seconds,
            "ratio_to_original": time.measured.ratio,
            "published_minutes": time.published.value,
            "published_ratio_to_original": time.published.ratio,
            "noise_amplitude": record.noise_amplitude,
            "shared_with": " ".join(level.shared_with),
            "key": record.key,
            **final,
        }


def _csv(rows: Iterable[Row]) -> bytes:
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue().encode()


def _inert(value: str | float | None) -> str | float | None:
    """Text with an apostrophe before what a spreadsheet would take for a formula, and made `harmless`."""
    if not isinstance(value, str):
        return value
    return harmless(f"'{value}" if value.startswith(_FORMULA_STARTS) else value)
