"""How far training times scatter by chance, from trainings of equal work that this record has timed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from scipy.special import stdtrit

from runner.metrics.statistics import CONFIDENCE, spread_within

_LEAST_FREEDOM = 3
"""With fewer degrees of freedom, the scatter is known so badly that any ratio could be chance."""


@dataclass(frozen=True)
class NoiseFloor:
    """Two trainings of equal work differ by no more than this factor, at `CONFIDENCE`."""

    factor: float
    """At least 1."""
    trainings: int
    groups: int
    """Kinds of work that were timed more than once."""

    @property
    def share(self) -> float:
        """The same as a share of the shorter time: 0.08 is 8 %."""
        return self.factor - 1

    def covers(self, ratio: float | None) -> bool:
        """Whether a ratio of times may be the clock's scatter alone."""
        return ratio is not None and 1 / self.factor <= ratio <= self.factor


def noise_floor(times: Iterable[tuple[Hashable, float]]) -> NoiseFloor | None:
    """Noise floor of pairs of a work's name and its seconds; None where too little work was repeated.

    Logarithms of times scatter alike whatever the work, so their deviation is pooled over all works
    (`spread_within`); that of a ratio of two times is larger by the square root of 2.
    """
    groups: dict[Hashable, list[float]] = defaultdict(list)
    for work, seconds in times:
        if seconds > 0:
            groups[work].append(math.log(seconds))
    repeated = [group for group in groups.values() if len(group) > 1]
    trainings = sum(map(len, repeated))
    freedom = trainings - len(repeated)
    deviation = spread_within(repeated)
    if deviation is None or freedom < _LEAST_FREEDOM:
        return None
    quantile = float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    return NoiseFloor(math.exp(quantile * math.sqrt(2) * deviation), trainings, len(repeated))
