from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tiny import unhurried
from singan.stopping import StopRule

PUBLISHED = StopRule("small_rec_loss", after=199, below=0.025)
PLATEAU = StopRule("plateau", after=9, window=4, gain=0.02)
losses = st.floats(0, 10)


@unhurried
@given(epochs=st.integers(1, 5000), loss=losses)
def test_none_never_stops(epochs: int, loss: float) -> None:
    assert not StopRule().stops(epochs, [loss])
    assert not StopRule("none").stops(epochs, [loss])


@unhurried
@given(epochs=st.integers(1, 5000), loss=losses)
def test_dont_train_stops_after_two_epochs_whatever_the_loss(epochs: int, loss: float) -> None:
    assert StopRule("dont_train").stops(epochs, [loss]) == (epochs > 1)


@unhurried
@given(epochs=st.integers(1, 5000), loss=losses)
def test_small_rec_loss_needs_both_enough_epochs_and_a_small_loss(epochs: int, loss: float) -> None:
    assert PUBLISHED.stops(epochs, [loss]) == (epochs > 199 and loss < 0.025)


@pytest.mark.parametrize(
    ("epochs", "loss", "stops"),
    [(199, 0.0, False), (200, 0.0249, True), (200, 0.025, False), (2000, 0.0, True), (1999, 1.0, False)],
)
def test_small_rec_loss_at_its_bounds(epochs: int, loss: float, stops: bool) -> None:
    assert PUBLISHED.stops(epochs, [loss]) == stops


def test_a_loss_that_is_no_number_never_counts_as_small() -> None:
    assert not PUBLISHED.stops(1000, [math.nan])


@pytest.mark.parametrize(
    ("rule", "needs"),
    [
        (PUBLISHED, True), (PLATEAU, True), (replace(PLATEAU, name="plateau_anneal"), True),
        (StopRule("none"), False), (StopRule("dont_train"), False),
    ],
)  # fmt: skip
def test_only_rules_of_the_loss_need_it(rule: StopRule, needs: bool) -> None:
    assert rule.needs_losses == needs


# plateau


@unhurried
@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=30))
def test_a_plateau_is_when_the_median_of_a_window_has_hardly_fallen(losses: list[float]) -> None:
    last, before = sorted(losses[-4:]), sorted(losses[-8:-4])
    expected = len(losses) >= 10 and (last[1] + last[2]) / 2 > 0.98 * (before[1] + before[2]) / 2
    assert PLATEAU.stops(len(losses), losses) == PLATEAU.is_plateau(losses) == expected


@pytest.mark.parametrize(
    ("losses", "is_plateau"),
    [
        ([1.0] * 10, True),
        ([1.0] * 9, False),  # too early
        ([1.0] * 6 + [0.979] * 4, False),  # fell by 2.1 %
        ([1.0] * 6 + [0.981] * 4, True),  # fell by 1.9 %
        ([1.0] * 6 + [2.0] * 4, True),  # rose
        ([1.0] * 6 + [0.9, 0.9, 0.9, 50.0], False),  # one outlier does not count
        ([50.0] + [1.0] * 5 + [1.0, 1.0, 1.0, 0.0], True),
    ],
)
def test_plateaus_worked_out_by_hand(losses: list[float], is_plateau: bool) -> None:
    assert PLATEAU.is_plateau(losses) == is_plateau


@pytest.mark.parametrize("rate", [0.001, 0.004, 0.0045, 0.0055, 0.02])
def test_a_loss_that_decays_evenly_is_a_plateau_if_it_takes_longer_for_its_gain(rate: float) -> None:
    """exp(-rate t): medians of windows of 4 are 4 epochs apart, so they differ by exp(-4 rate)."""
    losses = [math.exp(-rate * epoch) for epoch in range(40)]
    assert PLATEAU.is_plateau(losses) == (math.exp(-4 * rate) > 0.98)


def test_annealing_ends_its_epochs_after_the_plateau() -> None:
    rule = replace(PLATEAU, name="plateau_anneal", anneal=3)
    assert not rule.stops(50, [1.0] * 50)
    assert [rule.stops(epochs, [1.0] * epochs, annealing_since=20) for epochs in (22, 23, 24)] == [
        False,
        True,
        True,
    ]


def test_only_annealing_holds_for_the_last_level_too() -> None:
    annealing = replace(PLATEAU, name="plateau_anneal", anneal=3)
    assert annealing.at_last_level == annealing
    assert PLATEAU.at_last_level == PUBLISHED.at_last_level == StopRule()
