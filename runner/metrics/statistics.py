"""How far figures scatter, and what a difference between two experiments is worth.

Seeds are a sample: another seed would give another figure. Images are not: the study is about these images,
so an interval says what other seeds would give on them, not what other images would.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit

from runner.metrics.evaluate import Definition

CONFIDENCE = 0.95

Verdict = Literal["better", "worse", "no visible difference", "undecided"]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (n - 1) of `count` figures; the deviation of one figure is not known."""

    mean: float
    deviation: float | None
    count: int


def spread(values: Collection[float]) -> Spread | None:
    """Spread of these figures; None where there are none."""
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation, len(values))


def spread_within(groups: Collection[Collection[float]]) -> float | None:
    """Standard deviation within groups, pooled over them; None where no group has two figures."""
    sampled = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in sampled)
    if not freedom:
        return None
    return math.sqrt(sum(statistics.variance(group) * (len(group) - 1) for group in sampled) / freedom)


@dataclass(frozen=True)
class Difference:
    """A mean difference with its confidence interval; without bounds where no image has two seeds."""

    mean: float
    low: float | None
    high: float | None
    pairs: int
    """How many pairs of runs with equal image and seed it rests on."""


def paired_difference(differences: Mapping[str, Sequence[float]]) -> Difference | None:
    """Mean over images of the mean over seeds, from differences by image, a figure a seed.

    The interval is Student's, at `CONFIDENCE`, for a sum of means with unequal variances (Welch 1947,
    Satterthwaite 1946). Images with a single seed tell nothing of the scatter: if there is one, there are no
    bounds. None without any difference.
    """
    groups = [group for group in differences.values() if group]
    if not groups:
        return None
    mean = statistics.fmean(statistics.fmean(group) for group in groups)
    pairs = sum(map(len, groups))
    if any(len(group) < 2 for group in groups):
        return Difference(mean, None, None, pairs)
    errors = [statistics.variance(group) / len(group) for group in groups]  # squared, of each image's mean
    total = sum(errors)
    if total == 0:
        return Difference(mean, mean, mean, pairs)
    freedom = 1 / sum((e / total) ** 2 / (len(g) - 1) for e, g in zip(errors, groups, strict=True))
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(total) / len(groups)
    return Difference(mean, mean - half, mean + half, pairs)


def judge(difference: Difference, measure: Definition) -> Verdict:
    """What a difference in `measure`, an experiment's figure less the original's, means for the eye.

    Better or worse, if the whole interval is on one side and the mean is visible; no visible difference, if
    all of the interval is below what is visible; otherwise more seeds are needed.
    """
    if difference.low is None or difference.high is None:
        return "undecided"
    if max(abs(difference.low), abs(difference.high)) < measure.visible:
        return "no visible difference"
    if difference.low * difference.high > 0 and abs(difference.mean) >= measure.visible:
        return "better" if (difference.mean > 0) == (measure.better == "higher") else "worse"
    return "undecided"
