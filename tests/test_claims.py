"""Claims as the study file has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runner.study.claims import Claim, LossCheck, chosen_levels


@pytest.mark.parametrize(
    ("levels", "chosen"),
    [("0", [0]), ("1..3", [1, 2, 3]), ("2..", [2, 3, 4, 5]), ("2..N-1", [2, 3, 4]), ("N", [5]), ("N..", [5])],
)
def test_levels_are_chosen_in_the_words_of_the_study(levels: str, chosen: list[int]) -> None:
    assert list(chosen_levels(levels, last=5)) == chosen


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 12))
def test_only_levels_a_pyramid_has_are_chosen(first: int, end: int, last: int) -> None:
    assert list(chosen_levels(f"{first}..{end}", last)) == [n for n in range(last + 1) if first <= n <= end]


@pytest.mark.parametrize("levels", ["", "-1", "N-1", "1-3", "2..N-2", "..3", "1.5", "all"])
def test_other_words_are_refused(levels: str) -> None:
    with pytest.raises(ValidationError, match="must name levels"):
        LossCheck(says="x", experiment="original", kind="loss", levels=levels, at_least=1.0)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [({}, "needs"), ({"at_least": 2.0, "at_most": 1.0}, "at_least 2 is above at_most 1")],
)
def test_bounds_that_bound_nothing_are_refused(bounds: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LossCheck(says="x", experiment="original", kind="loss", levels="0", **bounds)


def test_bounds_include_their_ends() -> None:
    check = LossCheck(says="x", experiment="original", kind="loss", levels="0", at_least=1.0, at_most=2.0)
    assert [check.holds(figure) for figure in (0.99, 1.0, 2.0, 2.01)] == [False, True, True, False]


def test_a_check_is_told_by_its_kind() -> None:
    claim = Claim.model_validate(
        {
            "id": "c",
            "text": "So it is.",
            "experiments": ["original"],
            "check": {"one": {"says": "x", "kind": "time", "experiment": "early-stop", "at_most": 0.8}},
        }
    )
    assert claim.check["one"].kind == "time"
