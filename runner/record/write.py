"""Turn finished work in the store into the public record in `results/`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import PIL.Image
import safetensors.numpy

from runner.images.decode import Pixels
from runner.images.encode import lossless_webp
from runner.images.load import LoadedImage
from runner.planning.plan import LevelTraining, Plan, Run
from runner.record.measure import Measured
from runner.record.results import Results, run_name
from runner.record.schema import (
    ImageRecord,
    LevelRecord,
    Metrics,
    Output,
    Picture,
    ProfileRecord,
    RunRecord,
    Snapshots,
    factor_name,
    level_name,
)
from runner.store.artifacts import LevelFacts, PictureFacts, facts_of
from runner.store.store import HISTORY, PICTURE, DamagedError, Entry, Kind, Store
from runner.study.schema import Profile
from singan.errors import UserError
from singan.geometry import sr_output_size
from singan.level import LOSS_NAMES

MAX_LOSS_POINTS = 200
"""Losses recorded per level: enough to draw a curve; the store keeps them all."""


def record_profile(results: Results, profile: Profile) -> None:
    """Record the profile's settings, before any work. Raises `UserError` if a record has a newer version."""
    results.refuse_newer()
    results.write("profile", ProfileRecord(**profile.model_dump()))


def record_image(
    results: Results, image: LoadedImage, factor: float, baselines: Mapping[str, Metrics]
) -> None:
    """Record an image with its enlarged inputs and their metrics by `factor`; those of other factors stay."""
    height, width = sr_output_size(image.size, factor)
    small = PIL.Image.fromarray(image.pixels)
    name = factor_name(factor)

    def enlarge(how: PIL.Image.Resampling) -> bytes:
        return lossless_webp(np.asarray(small.resize((width, height), how)))

    pictures: dict[str, Callable[[], bytes]] = {}
    enlarged: dict[Literal["nearest", "bicubic"], Picture] = {}
    kinds: tuple[Literal["nearest", "bicubic"], ...] = ("nearest", "bicubic")
    for kind in kinds:
        file = f"images/{image.id}-{name}-{kind}.webp"
        pictures[file] = partial(enlarge, PIL.Image.Resampling[kind.upper()])
        enlarged[kind] = Picture(file=file, width=width, height=height)
    truths = {}
    if image.stand_in is not None:  # the study's own ground truth is not ours to publish
        for by, pixels in image.ground_truth.items():
            file = f"images/{image.id}-{factor_name(by)}-truth.webp"
            pictures[file] = partial(lossless_webp, pixels)
            truths[factor_name(by)] = Picture(file=file, width=pixels.shape[1], height=pixels.shape[0])
    before = {record.id: record for record in results.images()}.get(image.id)
    if before is not None and before.is_own != image.is_own:
        whose = "one's own" if before.is_own else "the study's"
        raise UserError(
            f'"{image.id}" is recorded there as {whose} picture, and this is another',
            where=str(results.folder),
            right="give the picture another name, or name other --results",
        )
    same = before if before is not None and before.pixels_sha256 == image.digest else None
    record = ImageRecord(
        id=image.id,
        title=image.title,
        credit=image.credit,
        width=image.size.width,
        height=image.size.height,
        pixels_sha256=image.digest,
        stand_in=image.stand_in,
        is_own=image.is_own,
        crop=image.crop,
        enlarged={**(same.enlarged if same else {}), name: enlarged},
        baselines={**(same.baselines if same else {}), name: baselines},
        ground_truth=truths,
    )
    results.write(f"images/{image.id}", record, pictures)


def record_run(
    results: Results,
    run: Run,
    plan: Plan,
    store: Store,
    command: str,
    measured: Measured,
) -> None:
    """Record a finished run and its levels. Raises `UserError` when the store has lost some of it.

    Records of levels that other runs stand on are not replaced by those of another training.
    """
    in_use = results.levels_in_use(but_for={recorded_name(run)})
    levels = tuple(
        _record_level(results, plan.levels[key], _entry(store, "levels", key), in_use) for key in run.levels
    )
    record = _run_record(run, levels, command)
    _write_with_output(results, recorded_name(run), record, run, store, measured)


def record_imported(
    results: Results,
    run: Run,
    folder: str,
    minutes: tuple[float, ...] | None,
    store: Store,
    command: str,
    measured: Measured,
) -> None:
    """Record the picture that levels trained elsewhere give. Of the levels themselves, only the `minutes` are
    recorded that each took, where they are known.
    """
    record = _run_record(run, (), command).model_copy(
        update={"imported_from": folder, "published_minutes": minutes}
    )
    _write_with_output(results, imported_name(run), record, run, store, measured)


def imported_name(run: Run) -> str:
    """Name of an imported run's record, which lies beside those of runs trained here and of other folders."""
    return f"{recorded_name(run)}-imported-{run.output.last_level_key[:8]}"


def recorded_name(run: Run) -> str:
    """Name of the record of a run trained here."""
    return run_name(run.experiment.id, run.image, run.factor, run.seed)


def _write_with_output(
    results: Results, name: str, record: RunRecord, run: Run, store: Store, measured: Measured
) -> None:
    entry = _entry(store, "outputs", run.output.key)
    facts = facts_of(entry, PictureFacts)
    output = Output(
        picture=Picture(file=f"{name}.webp", width=facts.width, height=facts.height),
        seconds=facts.seconds,
        metrics=measured.metrics,
        draws=measured.draws,
        provenance=entry.provenance,
    )
    complete = record.model_copy(update={"output": output})
    results.write(name, complete, {f"{name}.webp": partial(entry.read, PICTURE)})


def record_failure(results: Results, run: Run, plan: Plan, store: Store, command: str, reason: str) -> None:
    """Record a failed run with its reason and the levels that were finished.

    What is recorded of the same work as done stays: that it fails now, here, takes nothing from it.
    """
    before = results.run(recorded_name(run))
    if before is not None and before.status == "done" and _is_of(before, run):
        return
    in_use = results.levels_in_use(but_for={recorded_name(run)})
    finished = []
    for key in run.levels:
        entry = store.find("levels", key)
        if entry is None:
            break
        try:
            finished.append(_record_level(results, plan.levels[key], entry, in_use))
        except DamagedError:
            break
    failed = _run_record(run, tuple(finished), command).model_copy(
        update={"status": "failed", "reason": reason}
    )
    results.write(recorded_name(run), failed)


def _is_of(record: RunRecord, run: Run) -> bool:
    """Whether a record is of the same work as a run."""
    return (record.level_keys, record.settings) == (run.levels, run.experiment.in_words)


def _run_record(run: Run, levels: tuple[str, ...], command: str) -> RunRecord:
    return RunRecord(
        experiment=run.experiment.id,
        image=run.image,
        seed=run.seed,
        factor=factor_name(run.factor),
        status="done",
        pixels_sha256=run.image_digest,
        settings=run.experiment.in_words,
        levels=levels,
        command=command,
    )


def _record_level(results: Results, level: LevelTraining, entry: Entry, in_use: Collection[str]) -> str:
    """Record a level, and return the name of its record."""
    history = safetensors.numpy.load(entry.read(HISTORY))
    epochs_done = len(history["losses"])
    shown = _evenly(epochs_done, MAX_LOSS_POINTS)
    losses = {
        name: tuple(_significant(history["losses"][epoch, column]) for epoch in shown)
        for column, name in enumerate(LOSS_NAMES)
    }
    sheet = _sheet(history)
    facts = facts_of(entry, LevelFacts)
    training = _training(results, level.key, facts, entry, in_use)
    name = level_name(level.key, training)
    file = f"levels/{name}.webp"
    snapshots = Snapshots(
        sheet=Picture(file=file, width=sheet.shape[1], height=sheet.shape[0]),
        epochs=tuple(int(epoch) for epoch in history["snapshot_epochs"]),
        width=level.size.width,
        height=level.size.height,
    )
    record = LevelRecord(
        key=level.key,
        training=training,
        level=level.level,
        width=level.size.width,
        height=level.size.height,
        base_width=level.settings.base_width,
        epochs_planned=level.settings.epochs,
        epochs_done=epochs_done,
        loss_epochs=tuple(shown),
        losses=losses,
        snapshots=snapshots,
        provenance=entry.provenance,
        **facts.model_dump(),
    )
    results.write(f"levels/{name}", record, {file: partial(lossless_webp, sheet)})
    return name


def _training(
    results: Results, key: str, facts: LevelFacts, entry: Entry, in_use: Collection[str]
) -> str | None:
    """What tells a training from the one that other runs stand on under its key; None where nothing need."""
    made = (facts.seconds, facts.processor_seconds, entry.provenance)
    training = hashlib.sha256(repr(made).encode()).hexdigest()[:8]
    if level_name(key, training) in in_use:  # recorded already, for another run
        return training
    recorded = results.level(key) if key in in_use else None
    if recorded is None or made == (recorded.seconds, recorded.processor_seconds, recorded.provenance):
        return None
    return training


def _sheet(history: Mapping[str, npt.NDArray[np.uint8]]) -> Pixels:
    """One picture of all snapshots: a column an epoch, G(z*) above, the fake below."""
    rows = [np.concatenate(list(history[kind]), axis=1) for kind in ("reconstruction", "fake")]
    return np.concatenate(rows, axis=0)


def _evenly(count: int, most: int) -> list[int]:
    """At most `most` of 0..count-1, evenly spread, first and last among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _significant(value: float) -> float:
    """Five significant digits: more would be noise, and bytes in git."""
    return float(f"{value:.5g}") if math.isfinite(value) else value


def _entry(store: Store, kind: Kind, key: str) -> Entry:
    """An entry that was there a moment ago; raises `DamagedError` if it is gone, so that it is made again."""
    entry = store.find(kind, key)
    if entry is None:
        raise DamagedError(store.root / kind / key, "is no longer whole")
    return entry
