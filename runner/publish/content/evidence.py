"""Figures of single runs that a claim's check asks for, each with whether it is as claimed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from runner.metrics.evaluate import colour_shift
from runner.publish.data.decode import decoded
from runner.publish.data.model import Level, Run
from runner.publish.data.noise_floor import NoiseFloor
from runner.publish.data.timing import on_other_machines
from runner.publish.words import ratio
from runner.record.schema import LevelRecord
from runner.study.claims import EpochsCheck, LossCheck, SettledCheck, TimeCheck, chosen_levels

ALIKE_deltaE00 = 1.0
"""Two snapshots look the same below this mean colour difference, which is about just noticeable."""

LevelCheck = EpochsCheck | LossCheck | SettledCheck


@dataclass(frozen=True)
class Figure:
    """A figure in words, and whether it is what the claim says."""

    words: str
    holds: bool | None
    """None where it says neither."""


def rule_words(check: TimeCheck | LevelCheck) -> str:
    """What is asked of every figure."""
    if isinstance(check, TimeCheck):
        return f"training time as a ratio to {check.than}, {_bounds(check)}"
    if isinstance(check, SettledCheck):
        side = "below" if check.expect else "at least"
        what = f"mean ΔE00 between G(z*) after {check.after:.0%} and at the end, {side} {ALIKE_deltaE00:g}"
    elif isinstance(check, EpochsCheck):
        what = f"share of the planned epochs, {_bounds(check)}"
    else:
        what = f"reconstruction loss at the end, {_bounds(check)}"
    return f"{_level_words(check.levels)}: {what}"


def time_figures(check: TimeCheck, run: Run, other: Run | None, floor: NoiseFloor | None) -> Iterator[Figure]:
    """Ratio of training times, where both were measured on the same machine.

    It says neither where two equal trainings, repeated, could fall on either side of a bound (`floor`).
    """
    if other is None or on_other_machines(_by_index(run), _by_index(other)):
        return
    found = run.timing.measured.beside(other.timing.measured).ratio
    if found is not None:
        noise = floor.factor if floor else 1.0
        answers = {check.holds(found / noise), check.holds(found), check.holds(found * noise)}
        if len(answers) == 1:
            yield Figure(ratio(found), answers.pop())
        else:
            yield Figure(f"{ratio(found)}, too near a bound to tell from chance", None)


def level_figures(check: LevelCheck, run: Run) -> Iterator[Figure]:
    """A figure for each level that was trained and tells something."""
    wanted = chosen_levels(check.levels, len(run.record.levels) - 1)
    for level in run.levels:
        if level.record.level in wanted:
            for words, holds in _of_level(check, level):
                yield Figure(f"level {level.record.level} {words}", holds)


def _of_level(check: LevelCheck, level: Level) -> Iterator[tuple[str, bool]]:
    if isinstance(check, EpochsCheck):
        share = level.record.epochs_done / level.record.epochs_planned
        yield f"{share:.0%}", check.holds(share)
    elif isinstance(check, LossCheck):
        for loss in level.record.losses.get("reconstruction", ())[-1:]:
            yield f"{loss:.3g}", check.holds(loss)
    else:
        shift = _change_since(level, check.after)
        if shift is not None:
            yield f"ΔE00 {shift:.2f}", (shift < ALIKE_deltaE00) == check.expect


def _change_since(level: Level, share: float) -> float | None:
    """Mean colour difference between G(z*) after a share of the training and at its end; None if unknown."""
    shots, sheet = level.record.snapshots, level.sheet.picture
    epoch = share * level.record.epochs_planned
    since = [index for index, done in enumerate(shots.epochs[:-1]) if done >= epoch]
    if sheet is None or not since or level.record.stopped_early:
        return None
    pixels = np.asarray(decoded(sheet))
    earlier, last = (
        pixels[: shots.height, index * shots.width : (index + 1) * shots.width]
        for index in (since[0], len(shots.epochs) - 1)
    )
    return colour_shift(earlier, last)


def _by_index(run: Run) -> dict[int, LevelRecord]:
    return {level.record.level: level.record for level in run.levels}


def _bounds(check: TimeCheck | EpochsCheck | LossCheck) -> str:
    if check.at_least is not None and check.at_most is not None:
        return f"between {check.at_least:g} and {check.at_most:g}"
    return f"at least {check.at_least:g}" if check.at_least is not None else f"at most {check.at_most:g}"


def _level_words(levels: str) -> str:
    first, several, last = levels.partition("..")
    if not several:
        return f"level {first}"
    return f"levels {first} to {last}" if last else f"levels {first} and above"
