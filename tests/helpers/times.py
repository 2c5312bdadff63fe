"""Levels of which only the times matter."""

from __future__ import annotations

from helpers.records import MACHINE
from runner.publish.data.timing import Trained, trained
from runner.record.schema import LevelRecord, Picture, Snapshots

NO_SHEET = Snapshots(sheet=Picture(file="", width=1, height=2), epochs=(0,), width=1, height=1)


def levels_of(*seconds: float, machine: str = "one") -> Trained:
    records = [
        LevelRecord(
            key=str(level),
            level=level,
            width=1,
            height=1,
            base_width=32,
            epochs_planned=1,
            epochs_done=1,
            stopped_early=False,
            seconds=value,
            noise_amplitude=1,
            loss_epochs=(),
            losses={},
            snapshots=NO_SHEET,
            provenance=MACHINE.model_copy(update={"machine": machine}),
        )
        for level, value in enumerate(seconds)
    ]
    return trained(records, complete=True)
