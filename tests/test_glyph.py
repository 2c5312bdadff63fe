"""Eight dots say which switches an experiment changes."""

from __future__ import annotations

import pytest

from helpers.records import full_study
from runner.publish.content.glyph import SWITCHES, glyph
from runner.publish.words import differences
from singan.settings import PUBLISHED_EPOCHS

STUDY = full_study()


@pytest.mark.parametrize("name", STUDY.experiment)
def test_a_dot_is_full_where_a_switch_differs_from_the_originals(name: str) -> None:
    experiment, shown = STUDY.experiment[name], glyph(STUDY.experiment[name])
    original = {last: vars(STUDY.original.feed(last=last)) for last in (False, True)}
    for last, row in ((True, shown.last), (False, shown.lower)):
        changed = [vars(experiment.feed(last=last))[switch] != original[last][switch] for switch in SWITCHES]
        untrained = experiment.stop.rule == "dont_train" and not last
        assert list(row) == ([False] * 4 if untrained else changed)


@pytest.mark.parametrize("name", STUDY.experiment)
def test_a_glyph_is_empty_where_nothing_is_changed_in_words(name: str) -> None:
    shown = glyph(STUDY.experiment[name])
    is_empty = not any((*shown.last, *shown.lower)) and shown.stop == "none"
    in_words = differences(STUDY.experiment[name], PUBLISHED_EPOCHS)
    of_training = [each for each in in_words if not each.brief.startswith("super-resolution:")]
    assert is_empty == (of_training == [])


def test_how_the_lower_levels_end_is_marked() -> None:
    found = {name: glyph(STUDY.experiment[name]).stop for name in ("original", "early-stop", "real-d")}
    assert found == {"original": "none", "early-stop": "early", "real-d": "untrained"}
