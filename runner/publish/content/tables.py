"""Tables that need more than a loop in a template: switches, losses, snapshots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from runner.publish.data.model import ExperimentData, Level, Run, Slot
from runner.publish.words import size_words
from runner.study.schema import Experiment

_LOSS_ROWS = 11
"""Rows of a loss table: about as many epochs as there are snapshots."""

_FEWEST_COLUMNS = 11
"""Fewest columns of a snapshot table: as in a full training, so that an early stop has no giant pictures."""

_DOES_NOT_MATTER = "n/a"
"""Stands for a switch of lower levels that stay untrained."""

_SWITCH_COLUMNS = (
    ("adversarial", "adversarial", "input"),
    ("reconstruction", "reconstruction", "input"),
    ("adversarial_upsample", "adversarial", "upsampling"),
    ("reconstruction_upsample", "reconstruction", "upsampling"),
)


@dataclass(frozen=True)
class SwitchCell:
    """A switch of an experiment, in the words of the study file."""

    value: str
    changed: bool
    """Whether it differs from the original's."""


@dataclass(frozen=True)
class SwitchTable:
    """Only the switches that some experiment of the group changes; the original in the first row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[ExperimentData, tuple[SwitchCell, ...]], ...]


def switch_table(original: ExperimentData, experiments: Sequence[ExperimentData]) -> SwitchTable:
    """The switches of a group's experiments beside the original's."""
    others = [e for e in experiments if e.experiment.id != original.experiment.id]
    rows = [original, *others]
    settings = [_settings(row.experiment) for row in rows]
    changed = [name for name in settings[0] if any(_changed(name, s, settings[0]) for s in settings)]
    cells = [
        tuple(SwitchCell(setting[name], _changed(name, setting, settings[0])) for name in changed)
        for setting in settings
    ]
    return SwitchTable(tuple(changed), tuple(zip(rows, cells, strict=True)))


def _changed(name: str, settings: Mapping[str, str], original: Mapping[str, str]) -> bool:
    return settings[name] not in {original[name], _DOES_NOT_MATTER}


def _settings(experiment: Experiment) -> dict[str, str]:
    lower, last = vars(experiment.feed(last=False)), vars(experiment.feed(last=True))
    untrained = experiment.stop.rule == "dont_train"
    settings: dict[str, str] = {"stop rule": experiment.stop.rule}
    for name, which, kind in _SWITCH_COLUMNS:
        start = getattr(experiment.upsample, which).start if kind == "upsampling" else None
        value = lower[name] if start is None else f"{lower[name]} from {start}"
        settings[f"{which} {kind}, lower levels"] = _DOES_NOT_MATTER if untrained else value
        settings[f"{which} {kind}, last level"] = last[name]
    return {**settings, "super-resolution": experiment.super_resolution.generators}


Change = Literal["stop", "real", "mixed", "sr", "noise", "learned", "regional"]
"""What an experiment may change: when a level stops, what a level is fed, how that is enlarged, and whose
generators super-resolve.
"""

_CHANGES: Mapping[str, set[Change]] = {
    "real_train": {"real"},
    "real_train_rec": {"real"},
    "mixed": {"mixed"},
    "mixed_rec": {"mixed"},
    "sr": {"sr"},
    "sr_noise": {"sr", "noise"},
    "learned": {"learned"},
}
"""What each value of a switch changes."""


def changes_of(experiments: Iterable[ExperimentData]) -> tuple[Change, ...]:
    """Everything that any of these experiments changes."""
    found: set[Change] = set()
    for data in experiments:
        switches = {
            value for last in (False, True) for value in vars(data.experiment.feed(last=last)).values()
        }
        found.update(*(_CHANGES.get(switch, ()) for switch in switches))
        found |= {"stop"} if data.experiment.stop.rule != "none" else set()
        found |= {"regional"} if data.experiment.super_resolution.as_settings else set()
    return tuple(change for change in get_args(Change) if change in found)


@dataclass(frozen=True)
class LossRow:
    """Reconstruction losses of all levels after one epoch; None where a level was not trained so long."""

    epoch: int
    losses: tuple[float | None, ...]


@dataclass(frozen=True)
class LossTable:
    """What the chart shows, as numbers: losses by epoch, and every loss at the end."""

    levels: tuple[Level, ...]
    rows: tuple[LossRow, ...]
    names: tuple[str, ...]
    final: tuple[tuple[Level, tuple[float | None, ...]], ...]


def loss_table(run: Run) -> LossTable:
    """Losses of a run's levels at about eleven epochs, and at the end of each level."""
    longest = max(
        (level.record.loss_epochs for level in run.levels), key=lambda epochs: epochs[-1:], default=()
    )
    steps = min(_LOSS_ROWS, len(longest))
    epochs = [longest[round(i * (len(longest) - 1) / max(1, steps - 1))] for i in range(steps)]
    names = tuple(dict.fromkeys(name for level in run.levels for name in level.record.losses))
    return LossTable(
        run.levels,
        tuple(LossRow(epoch, tuple(_loss_at(level, epoch) for level in run.levels)) for epoch in epochs),
        names,
        tuple((level, tuple(_last(level, name) for name in names)) for level in run.levels),
    )


def _loss_at(level: Level, epoch: int) -> float | None:
    """The latest recorded reconstruction loss up to an epoch, while the level was still trained."""
    epochs, losses = level.record.loss_epochs, level.record.losses.get("reconstruction", ())
    index = bisect_right(epochs, epoch) - 1
    if index < 0 or index >= len(losses) or epoch >= level.record.epochs_done:
        return None
    return losses[index]


def _last(level: Level, name: str) -> float | None:
    losses = level.record.losses.get(name, ())
    return losses[-1] if losses else None


@dataclass(frozen=True)
class SnapshotRow:
    """A sheet with the scale above it."""

    label: str
    sheet: Slot
    width: int
    height: int
    """Height of an epoch's two pictures, one above the other."""
    epochs: tuple[int, ...]
    stopped_at: int | None
    """Epoch of an early stop."""


@dataclass(frozen=True)
class SnapshotTable:
    """Snapshots of one level, beside the original's: columns line up by their place in the training."""

    level: int
    size: str
    columns: int
    rows: tuple[SnapshotRow, ...]
    same_as_original: bool


def snapshot_tables(experiment: str, run: Run, original: Run | None) -> tuple[SnapshotTable, ...]:
    """A table for each level of a run."""
    others = {level.record.level: level for level in original.levels} if original else {}
    levels = [level for level in run.levels if level.record.snapshots.epochs]
    return tuple(_snapshot_table(experiment, level, others.get(level.record.level)) for level in levels)


def walk(tables: Sequence[SnapshotTable]) -> tuple[str, ...]:
    """Experiments whose snapshots can be walked through side by side; empty where some are missing."""
    rows = [row for table in tables for row in table.rows]
    if not rows or not all(row.sheet.picture for row in rows):
        return ()
    labels = tuple(dict.fromkeys(row.label for row in rows))
    is_beside = all(len(table.rows) > 1 or table.same_as_original for table in tables)
    return labels if is_beside or len(labels) == 1 else labels[:1]


def _snapshot_table(experiment: str, level: Level, original: Level | None) -> SnapshotTable:
    same = original is not None and original.record.key == level.record.key
    rows = [_snapshot_row(experiment, level)]
    if original is not None and original.record.snapshots.epochs and not same:
        rows.append(_snapshot_row("original", original))
    record = level.record
    columns = max(_FEWEST_COLUMNS, *(len(row.epochs) for row in rows))
    return SnapshotTable(record.level, size_words(record.width, record.height), columns, tuple(rows), same)


def _snapshot_row(label: str, level: Level) -> SnapshotRow:
    record = level.record
    stopped = record.epochs_done - 1 if record.stopped_early else None
    shots = record.snapshots
    return SnapshotRow(label, level.sheet, shots.width, 2 * shots.height, shots.epochs, stopped)
