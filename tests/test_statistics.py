"""Spread over seeds, paired intervals, and what they mean for the eye."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runner.metrics.evaluate import DEFINITIONS
from runner.metrics.statistics import (
    CONFIDENCE,
    Difference,
    Scatter,
    judge,
    paired_difference,
    scatter_within,
    spread,
    spread_within,
)

figures = st.lists(st.floats(-50, 50), min_size=2, max_size=6)


def test_spread_is_mean_and_sample_deviation() -> None:
    found = spread([1.0, 2.0, 6.0])
    assert found is not None
    assert (found.mean, found.count) == (3.0, 3)
    assert found.deviation == pytest.approx(math.sqrt(7))


def test_one_figure_has_no_deviation_and_none_have_no_spread() -> None:
    found = spread([4.0])
    assert found is not None
    assert (found.mean, found.deviation) == (4.0, None)
    assert spread([]) is None


def test_the_scatter_within_groups_ignores_how_far_apart_the_groups_are() -> None:
    near, far = [[0.0, 2.0], [1.0, 3.0]], [[0.0, 2.0], [101.0, 103.0]]
    assert spread_within(near) == spread_within(far) == pytest.approx(math.sqrt(2))
    assert spread_within([[1.0], [5.0]]) is None


@given(figures)
def test_on_one_image_the_interval_is_that_of_the_paired_t_test(differences: list[float]) -> None:
    found = paired_difference({"cows": differences})
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    if np.ptp(differences) < 1e-6:
        assert found.low == pytest.approx(found.high, abs=1e-5)
        return
    expected = stats.ttest_1samp(differences, 0).confidence_interval(CONFIDENCE)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)
    assert found.pairs == len(differences)


def test_on_two_images_the_interval_is_welchs() -> None:
    """The mean of two means is half the difference of one and the other negated, which Welch's test has."""
    first, second = [1.0, 2.0, 4.0], [0.5, 3.0, 2.5, 7.0]
    found = paired_difference({"cows": first, "colosseum": second})
    assert found is not None
    expected = stats.ttest_ind(first, [-x for x in second], equal_var=False).confidence_interval(CONFIDENCE)
    assert (found.low, found.high) == pytest.approx((expected.low / 2, expected.high / 2))


def test_images_count_alike_however_many_seeds_they_have() -> None:
    found = paired_difference({"cows": [1.0, 1.0, 1.0, 1.0], "colosseum": [3.0, 3.0], "stone-face": []})
    assert found == Difference(2.0, 2.0, 2.0, 6)


def test_an_image_with_a_single_seed_leaves_no_interval() -> None:
    found = paired_difference({"cows": [1.0, 2.0], "colosseum": [4.0]})
    assert found is not None
    assert (found.mean, found.low, found.high, found.pairs) == (2.75, None, None, 3)
    assert paired_difference({}) is None


def test_what_is_known_of_the_scatter_may_explain_a_difference_without_bounds() -> None:
    known = paired_difference({"cows": [1.0, 2.0]})
    assert known is not None
    assert known.high is not None
    half = (known.high - known.mean) / 2  # of a mean over two images, one of which scatters
    for other, may_be_chance in ((0.0, True), (2 * half - 1.5 - 0.01, True), (2 * half - 1.5 + 0.01, False)):
        found = paired_difference({"cows": [1.0, 2.0], "colosseum": [other]})
        assert found is not None
        assert found.least_half == pytest.approx(half)
        assert found.may_be_chance == may_be_chance
    equal = paired_difference({"cows": [0.0, 0.0], "colosseum": [0.0]})
    assert equal is not None
    assert not equal.may_be_chance
    nothing_known = paired_difference({"cows": [1.0], "colosseum": [4.0]})
    assert nothing_known is not None
    assert not nothing_known.may_be_chance


def test_the_scatter_of_others_serves_an_image_with_a_single_seed() -> None:
    """As if the difference were of two figures of that scatter: its variance twice, its freedom."""
    lent = scatter_within([[1.0, 2.0, 4.0], [0.0, 1.0]])
    assert lent is not None
    assert lent.deviation == pytest.approx(math.sqrt((14 / 3 + 0.5) / 3))
    assert lent.freedom == 3
    found = paired_difference({"cows": [2.0]}, {"cows": lent})
    half = stats.t.ppf((1 + CONFIDENCE) / 2, lent.freedom) * math.sqrt(2) * lent.deviation
    assert found is not None
    assert (found.low, found.high) == pytest.approx((2.0 - half, 2.0 + half))


@given(figures, st.floats(0.1, 9), st.integers(1, 9))
def test_an_image_with_several_seeds_needs_no_scatter_of_others(
    differences: list[float], deviation: float, freedom: int
) -> None:
    lent = {"cows": Scatter(deviation, freedom)}
    assert paired_difference({"cows": differences}, lent) == paired_difference({"cows": differences})


@given(figures, figures)
def test_the_interval_holds_the_mean_and_turns_with_the_sign(first: list[float], second: list[float]) -> None:
    found = paired_difference({"a": first, "b": second})
    turned = paired_difference({"a": [-x for x in first], "b": [-x for x in second]})
    assert found is not None
    assert turned is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean <= found.high
    assert turned.low == pytest.approx(-found.high, abs=1e-9)


@pytest.mark.parametrize(
    ("measure", "difference", "verdict"),
    [
        ("lr_psnr", (2.0, 1.0, 3.0), "better"),
        ("lr_psnr", (-2.0, -3.0, -1.0), "worse"),
        ("niqe", (2.0, 1.0, 3.0), "worse"),
        ("niqe", (-2.0, -3.0, -1.0), "better"),
        ("lr_psnr", (0.1, -0.2, 0.4), "no visible difference"),
        ("lr_psnr", (0.3, 0.2, 0.4), "no visible difference"),
        ("lr_psnr", (0.3, 0.1, 0.6), "undecided"),
        ("lr_psnr", (2.0, -1.0, 5.0), "undecided"),
        ("lr_psnr", (2.0, None, None), "undecided"),
    ],
)
def test_a_verdict_needs_a_whole_interval(
    measure: str, difference: tuple[float, float | None, float | None], verdict: str
) -> None:
    assert judge(Difference(*difference, pairs=3), DEFINITIONS[measure]) == verdict
