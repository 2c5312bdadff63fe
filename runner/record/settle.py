"""Put the record in order after runs were recorded: what nothing stands on goes, and names are plain again.

While one run after the other is recorded anew, from trainings of another machine, say, those still to come
stand on the old trainings, and the new ones have names of their own. In the end the old ones are often gone.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from runner.record.results import Results
from runner.record.schema import LevelRecord


def settle(results: Results, before: Collection[str]) -> None:
    """Drop levels of `before` that no run stands on any more, and rename those whose plain name is free."""
    in_use = set(results.levels_in_use())
    results.drop_levels(set(before) - in_use)
    renamed = {}
    for name in sorted(in_use):
        level = results.level(name)
        if level is not None and name != level.key not in in_use and _has_sheet(results, level):
            _write_plainly(results, level)
            in_use.add(level.key)
            renamed[name] = level.key
    if not renamed:
        return
    for run in list(results.runs()):
        levels = tuple(renamed.get(name, name) for name in run.levels)
        if levels != run.levels:
            where = f"runs/{run.experiment}/{run.image}/{run.factor}-seed{run.seed}"
            results.write(where, run.model_copy(update={"levels": levels}))
    results.drop_levels(renamed)


def _has_sheet(results: Results, level: LevelRecord) -> bool:
    return results.picture_path(level.snapshots.sheet.file).is_file()


def _write_plainly(results: Results, level: LevelRecord) -> None:
    """Write a further training's record and sheet of snapshots as those of the only training."""
    old, file = results.picture_path(level.snapshots.sheet.file), f"levels/{level.key}.webp"
    sheet = level.snapshots.sheet.model_copy(update={"file": file})
    snapshots = level.snapshots.model_copy(update={"sheet": sheet})
    plain = level.model_copy(update={"training": None, "snapshots": snapshots})
    results.write(f"levels/{level.key}", plain, {file: partial(old.read_bytes)})
