"""How pictures compare with the original's, in two words: the effect, and how sure it is.

Consistency with the input and naturalness decide together, as a wreck may have either alone: a plain
enlargement is faithful, invented texture natural. The other measures say what they say: a picture is
blurrier, or shifted in colour, and neither better nor worse for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from runner.metrics.evaluate import DEFINITIONS
from runner.publish.content.comparison import (
    Comparison,
    Scatters,
    compare_cells,
    compare_experiments,
    compared_images,
    imported_metrics,
)
from runner.publish.data.model import Cell, ExperimentData, ImageData, SiteData
from runner.publish.words import join_words
from runner.record.schema import Metrics, factor_name

RANKED = ("lr_psnr", "niqe")
"""The measures that decide together."""

PLAIN, MUCH = 3, 10
"""Multiples of the least visible difference from which on an effect is not slight any more, and is much."""

Effect = Literal[
    "much better",
    "better",
    "slightly better",
    "same",
    "unclear",
    "mixed",
    "slightly worse",
    "worse",
    "much worse",
]
"""From good to bad. Mixed: one measure better, the other worse. Unclear: chance may explain it, or a
measure is missing that might be worse."""

_BETTER: tuple[Effect, ...] = ("same", "slightly better", "better", "much better")
_WORSE: tuple[Effect, ...] = ("same", "slightly worse", "worse", "much worse")


@dataclass(frozen=True)
class Judged:
    """An effect, how sure it is, and what it rests on."""

    effect: Effect
    confidence: str
    has_interval: bool
    is_hint: bool
    """Whether training or pictures are not the study's, so that it hints at an answer at best."""
    worth: float
    """Among equal effects, more is better: the mean of both measures, in visible differences."""
    is_undecided: bool = False
    """Whether it is unclear because the scatter over seeds may explain what was found in a measure."""
    gains: bool = False
    """Whether a measure is better, by more than that, whatever the other one is."""
    loses: bool = False
    """Whether a measure is worse by more than a little, whatever the other one is."""

    @property
    def may_be_chance(self) -> bool:
        """Whether the scatter over seeds may explain all that was found."""
        return self.is_undecided and not self.gains

    @property
    def words(self) -> str:
        """The effect as it is shown."""
        return f"hint: {self.effect}" if self.is_hint else self.effect

    @staticmethod
    def rank_of(effect: Effect) -> int:
        """0 for the best effect, and so on."""
        return get_args(Effect).index(effect)

    @property
    def rank(self) -> int:
        """0 for the best effect, and so on."""
        return self.rank_of(self.effect)

    @property
    def order(self) -> tuple[int, float]:
        """Sorts the best first."""
        return self.rank, -self.worth

    @property
    def tone(self) -> Literal["good", "bad", "plain"]:
        """What colour it may have: none where it is a hint."""
        if self.is_hint or self.effect in {"same", "unclear", "mixed"}:
            return "plain"
        return "good" if self.effect in _BETTER else "bad"


def judge_cell(cell: Cell, original: Cell, data: SiteData, scatters: Scatters) -> Judged | None:
    """A cell beside the original on the same image; None for the original, and where a picture is missing."""
    if cell is original:
        return None
    compared = compare_cells(cell, original, factor_name(data.study.study.factor), scatters)
    return judged(compared, is_hint=is_hint(data, (cell.image,)))


def judge_experiment(
    experiment: ExperimentData, original: ExperimentData, data: SiteData, scatters: Scatters
) -> Judged | None:
    """An experiment over all images that it and the original were run on."""
    if experiment is original:
        return None
    compared = compare_experiments(experiment, original, factor_name(data.study.study.factor), scatters)
    images = compared_images(experiment, original, factor_name(data.study.study.factor))
    return judged(compared, is_hint=is_hint(data, images))


def is_hint(data: SiteData, images: Sequence[ImageData]) -> bool:
    """Whether what is found on these images can say no more than a hint about the study."""
    is_strange = any(image.stand_in or (image.record and image.record.is_own) for image in images)
    return is_strange or not data.is_faithful


def judged(compared: Sequence[Comparison], *, is_hint: bool) -> Judged | None:
    """The verdict on differences from the original; None where the pictures were not compared."""
    by_name = {comparison.name: comparison for comparison in compared if comparison.name in RANKED}
    if "lr_psnr" not in by_name:
        return None
    found = [by_name[name] for name in RANKED if name in by_name]
    graded = [_grade(comparison) for comparison in found]
    effect = joint_effect([*graded, *[None] * (len(RANKED) - len(found))])
    worth = _worth({comparison.name: comparison.difference.mean for comparison in found})
    has_interval = all(comparison.difference.low is not None for comparison in found)
    confidence = _confidence(found, has_interval=has_interval)
    if len(found) < len(RANKED):
        confidence += ", no NIQE"
    return Judged(
        effect,
        confidence,
        has_interval,
        is_hint,
        worth,
        is_undecided=effect == "unclear" and None in graded,
        gains=any(grade is not None and grade > 0 for grade in graded),
        loses=any(grade is not None and grade < -1 for grade in graded),
    )


def effect_of_pictures(mine: Metrics, original: Metrics) -> Effect | None:
    """The effect of one picture beside another, as far as single pictures tell."""
    grades: list[int | None] = []
    for name in RANKED:
        ours, theirs = mine.get(name), original.get(name)
        if ours is None or theirs is None:
            grades.append(None)
        else:
            grades.append(_graded(score(name, ours - theirs)))
    return None if grades[0] is None else joint_effect(grades)


def judge_imported(cell: Cell, original: Cell, factor: str) -> Judged | None:
    """Judge an imported run beside the imported original: by single pictures, so it is a hint at most."""
    mine, theirs = imported_metrics(cell, factor), imported_metrics(original, factor)
    effect = None if cell is original else effect_of_pictures(mine, theirs)
    if effect is None:
        return None
    found = {name: (mine.get(name), theirs.get(name)) for name in RANKED}
    differences = {name: a - b for name, (a, b) in found.items() if a is not None and b is not None}
    return Judged(effect, "imported, one seed", has_interval=False, is_hint=True, worth=_worth(differences))


def _worth(differences: Mapping[str, float]) -> float:
    """Mean of the ranked measures in visible differences, each at most `MUCH`."""
    scores = [score(name, differences[name]) for name in RANKED if name in differences]
    return sum(max(-MUCH, min(MUCH, each)) for each in scores) / len(scores)


def is_better(effect: Effect) -> bool:
    """Whether it is better, however slightly."""
    return effect != "same" and effect in _BETTER


def meets(effect: Effect, expected: Literal["better", "not worse", "worse"]) -> bool | None:
    """Whether an effect is as expected; None where it tells neither better from worse."""
    if effect in {"mixed", "unclear"}:
        return None
    if expected == "not worse":
        return effect in _BETTER
    return is_better(effect) if expected == "better" else effect != "same" and effect in _WORSE


def joint_effect(grades: Sequence[int | None]) -> Effect:
    """One effect of several measures, from -3 (much worse) to 3; None is one that is missing or undecided.

    What is much worse in one measure is much worse altogether, as nothing makes up for it; what is better in
    one must not be worse in another.
    """
    known = [grade for grade in grades if grade is not None]
    low, high = min(known, default=0), max(known, default=0)
    if low == -len(_WORSE) + 1:
        return "much worse"
    if low < 0 < high:
        return "mixed"
    if low < 0:
        return _WORSE[-low]
    return "unclear" if len(known) < len(grades) else _BETTER[high]


def _grade(comparison: Comparison) -> int | None:
    """How much better a measure is, -3 to 3; None where its interval decides nothing."""
    if comparison.difference.low is None:
        if comparison.difference.may_be_chance:
            return None
    else:
        if comparison.verdict == "undecided":
            return None
        if comparison.verdict == "no visible difference":
            return 0
    return _graded(score(comparison.name, comparison.difference.mean))


def _graded(score: float) -> int:
    size = sum(abs(score) >= bound for bound in (1, PLAIN, MUCH))
    return size if score > 0 else -size


def score(name: str, difference: float) -> float:
    """A difference in visible differences of its measure; more is better."""
    measure = DEFINITIONS[name]
    return difference / measure.visible * (1 if measure.better == "higher" else -1)


def _confidence(found: Sequence[Comparison], *, has_interval: bool) -> str:
    seeds = min(comparison.seeds for comparison in found)
    pooled = tuple(dict.fromkeys(name for comparison in found for name in comparison.pooled_from))
    if pooled and has_interval:
        return f"seed scatter pooled from {join_words(pooled)}"
    if has_interval:
        return f"{seeds} seeds, interval"
    return "one seed" if seeds == 1 else "too few seeds"
