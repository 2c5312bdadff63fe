from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tiny import unhurried
from singan.stopping import StopRule

PUBLISHED = StopRule("small_rec_loss", after=199, below=0.025)
losses = st.floats(0, 10)


@unhurried
@given(epochs=st.integers(1, 5000), loss=losses)
def test_none_never_stops(epochs: int, loss: float) -> None:
    assert not StopRule().stops(epochs, loss)
    assert not StopRule("none").stops(epochs, loss)


@unhurried
@given(epochs=st.integers(1, 5000), loss=losses)
def test_dont_train_stops_after_two_epochs_whatever_the_loss(epochs: int, loss: float) -> None:
    assert StopRule("dont_train").stops(epochs, loss) == (epochs > 1)


@unhurried
@given(epochs=st.integers(1, 5000), loss=losses)
def test_small_rec_loss_needs_both_enough_epochs_and_a_small_loss(epochs: int, loss: float) -> None:
    assert PUBLISHED.stops(epochs, loss) == (epochs > 199 and loss < 0.025)


@pytest.mark.parametrize(
    ("epochs", "loss", "stops"),
    [(199, 0.0, False), (200, 0.0249, True), (200, 0.025, False), (2000, 0.0, True), (1999, 1.0, False)],
)
def test_small_rec_loss_at_its_bounds(epochs: int, loss: float, stops: bool) -> None:
    assert PUBLISHED.stops(epochs, loss) == stops


def test_a_loss_that_is_no_number_never_counts_as_small() -> None:
    assert not PUBLISHED.stops(1000, math.nan)


def test_only_small_rec_loss_needs_the_loss() -> None:
    assert PUBLISHED.needs_loss
    assert not StopRule("none").needs_loss
    assert not StopRule("dont_train").needs_loss
