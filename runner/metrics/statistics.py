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


@dataclass(frozen=True)
class Scatter:
    """Standard deviation of single figures, with the degrees of freedom it is estimated with."""

    deviation: float
    freedom: int


def scatter_within(groups: Collection[Collection[float]]) -> Scatter | None:
    """Scatter within groups, pooled over them; None where no group has two figures."""
    sampled = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in sampled)
    if not freedom:
        return None
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in sampled)
    return Scatter(math.sqrt(squares / freedom), freedom)


def spread_within(groups: Collection[Collection[float]]) -> float | None:
    """Standard deviation within groups, pooled over them; None where no group has two figures."""
    found = scatter_within(groups)
    return None if found is None else found.deviation


@dataclass(frozen=True)
class Difference:
    """A mean difference with its confidence interval; without bounds where the scatter is not known."""

    mean: float
    low: float | None
    high: float | None
    pairs: int
    """How many pairs of runs with equal image and seed it rests on."""
    least_half: float | None = None
    """Without bounds, half the interval as if images of unknown scatter had none; None if all are such."""

    @property
    def may_be_chance(self) -> bool:
        """Whether what is known of the scatter already explains the difference."""
        return self.least_half is not None and abs(self.mean) < self.least_half


def paired_difference(
    differences: Mapping[str, Sequence[float]], scatter: Mapping[str, Scatter] | None = None
) -> Difference | None:
    """Mean over images of the mean over seeds, from differences by image, one for each seed.

    The interval is Student's, at `CONFIDENCE`, for a sum of means with unequal variances (Welch 1947,
    Satterthwaite 1946). An image with a single seed says nothing about the scatter. There, `scatter` is used:
    that of single figures of other experiments on the same image, whose variance a difference of two figures
    has twice. Where that is missing, too, there are no bounds. Returns None where there is no difference.
    """
    by_image = {image: group for image, group in differences.items() if group}
    if not by_image:
        return None
    groups = list(by_image.values())
    mean = statistics.fmean(statistics.fmean(group) for group in groups)
    pairs = sum(map(len, groups))
    errors = [_error(group, (scatter or {}).get(image)) for image, group in by_image.items()]
    known = [error for error in errors if error is not None]
    if not known:
        return Difference(mean, None, None, pairs)
    half = _half(known) / len(groups)
    if len(known) < len(errors):
        return Difference(mean, None, None, pairs, half)
    return Difference(mean, mean - half, mean + half, pairs)


def _half(errors: Sequence[tuple[float, int]]) -> float:
    """Half the interval of a sum, from squared standard errors and their degrees of freedom."""
    total = sum(error for error, _ in errors)
    if total == 0:
        return 0.0
    freedom = 1 / sum((error / total) ** 2 / freedom for error, freedom in errors)
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(total)


def _error(group: Sequence[float], others: Scatter | None) -> tuple[float, int] | None:
    """Squared standard error of an image's mean difference and its degrees of freedom; None if not known."""
    if len(group) > 1:
        return statistics.variance(group) / len(group), len(group) - 1
    return None if others is None else (2 * others.deviation**2, others.freedom)


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
