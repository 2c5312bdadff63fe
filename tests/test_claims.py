"""Claims as the study file has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runner.study.claims import Claim, EpochsCheck, LossCheck, TimeCheck, chosen_levels


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


def test_shares_are_compared_as_they_are_told() -> None:
    """The author's 14.91 of 18.38 minutes are 81 %, and 0.8112."""
    time = TimeCheck(says="x", experiment="e", kind="time", at_least=0.45, at_most=0.81)
    found = [time.holds(ratio) for ratio in (14.91 / 18.38, 0.8151, 0.4451, 0.444)]
    assert found == [True, False, True, False]
    epochs = EpochsCheck(says="x", experiment="e", kind="epochs", levels="0", at_least=0.9)
    assert [epochs.holds(share) for share in (0.86, 0.8949, 0.896)] == [False, False, True]
    finer = TimeCheck(says="x", experiment="e", kind="time", at_most=0.8105)
    assert not finer.holds(0.8112)


@pytest.mark.parametrize(
    ("title", "text", "sentence"),
    [
        ("Short", "So it is. And more.", "Short"),
        (None, "So it is. And more.", "So it is"),
        (None, "One", "One"),
    ],
)
def test_a_claim_has_a_sentence_to_head_it(title: str | None, text: str, sentence: str) -> None:
    assert Claim(id="c", title=title, text=text, experiments=()).sentence == sentence


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
