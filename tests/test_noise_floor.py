"""The clock's scatter: known from work that was timed more than once, and from nothing else."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.times import levels_of
from runner.publish.data.noise_floor import NoiseFloor, noise_floor
from runner.publish.data.timing import compare

PAIRS = [(work, seconds) for work in "abcd" for seconds in (10.0, 11.0)]


def test_equal_work_at_equal_times_has_a_floor_of_nothing() -> None:
    floor = noise_floor([(work, 5.0) for work in "aabbccdd"])
    assert floor == NoiseFloor(1.0, 8, 4)
    assert floor.covers(1.0)
    assert not floor.covers(1.01)


def test_by_hand() -> None:
    # Four pairs; deviation of logarithms ln(1.1) / sqrt(2); Student, 95 %, 4 degrees of freedom: 2.776.
    floor = noise_floor(PAIRS)
    assert floor is not None
    assert floor.factor == pytest.approx(math.exp(2.7764451 * math.log(1.1)))
    assert (floor.trainings, floor.groups) == (8, 4)


@given(st.floats(0.01, 100))
def test_the_unit_of_time_and_the_amount_of_work_are_no_matter(scale: float) -> None:
    plain, scaled = noise_floor(PAIRS), noise_floor([(w, s * scale) for w, s in PAIRS])
    assert plain is not None
    assert scaled is not None
    assert scaled.factor == pytest.approx(plain.factor)


@pytest.mark.parametrize("times", [[], [("a", 1.0)] * 3, [("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0)]])
def test_too_little_that_was_timed_twice_gives_none(times: list[tuple[str, float]]) -> None:
    assert noise_floor(times) is None


def test_nineteen_of_twenty_ratios_of_equal_work_lie_within() -> None:
    source = random.Random(0)
    covered = 0
    for _ in range(400):
        floor = noise_floor([(work, source.lognormvariate(3, 0.05)) for work in range(6) for _ in range(3)])
        assert floor is not None
        covered += floor.covers(math.exp(source.gauss(0, 0.05) - source.gauss(0, 0.05)))
    assert covered / 400 == pytest.approx(0.95, abs=0.03)


def test_a_ratio_within_is_marked_and_one_beyond_is_not() -> None:
    floor = NoiseFloor(1.1, 8, 4)
    timing = compare(levels_of(10, 10), levels_of(10.5, 20), None, None, floor)
    assert [level.measured.is_noise for level in timing.levels] == [True, False]
    assert not timing.measured.is_noise
    assert not compare(levels_of(10), levels_of(10), None, None).measured.is_noise, "without a floor"
