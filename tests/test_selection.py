"""Choosing runs by id."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.planning.selection import choose, choose_profile, select
from runner.study.load import load_study
from runner.study.schema import Study
from singan.errors import UserError

STUDY = load_study(Path(__file__).parents[1] / "experiments.toml")


def ids(study: Study, *arguments: object, **options: object) -> list[tuple[str, str]]:
    experiments, images = arguments
    selection = select(study, experiments, images, **options)  # type: ignore[arg-type]
    return [(experiment.id, image) for experiment, image in selection.pairs]


def test_the_shipped_study_has_61_runs_and_81_on_all_images() -> None:
    runs = ids(STUDY, [], [])
    ideas = {name for name, experiment in STUDY.experiment.items() if experiment.group == "open"}
    assert len(runs) == 61
    assert len([name for name, _ in runs if name not in ideas]) == 34
    everywhere = ids(STUDY, [], [], everywhere=True)
    assert len(everywhere) == len(set(everywhere)) == 81


def test_runs_come_in_the_order_of_the_file_each_once() -> None:
    names = ["up-i", "original", "up-i"]
    assert ids(STUDY, names, ["cows", "stone-face", "cows"]) == [
        ("original", "stone-face"),
        ("original", "cows"),
        ("up-i", "stone-face"),
        ("up-i", "cows"),
    ]


def test_an_experiment_runs_on_its_own_images_unless_asked_otherwise() -> None:
    assert ids(STUDY, ["up-a"], []) == [("up-a", "stone-face")]
    assert ids(STUDY, ["up-a"], ["cows"], everywhere=True) == [("up-a", "cows")]


def test_an_image_limits_experiments_to_those_that_run_on_it() -> None:
    of_cows = {experiment for experiment, _ in ids(STUDY, [], ["cows"])}
    assert {name for name in of_cows if STUDY.experiment[name].group != "open"} == {
        "original", "early-stop", "real-b", "real-c", "real-d", "real-f", "real-g", "up-i",
    }  # fmt: skip


def test_ones_own_pictures_take_every_experiment() -> None:
    assert ids(STUDY, ["up-a"], [], available=["cat", "dog"]) == [("up-a", "cat"), ("up-a", "dog")]


def test_only_the_images_needed_are_named_each_once() -> None:
    assert select(STUDY, ["up-a", "up-b"], []).images == ("stone-face",)
    assert select(STUDY, [], []).images == ("stone-face", "cows", "colosseum")


def test_a_run_the_study_does_not_make_is_refused_with_the_way_to_make_it() -> None:
    with pytest.raises(UserError) as refused:
        select(STUDY, ["up-a", "up-b"], ["cows"])
    assert str(refused.value) == (
        "--image: the study runs up-a and up-b on stone-face only; add --all-images to run it elsewhere"
    )


def test_an_image_no_experiment_runs_on_is_refused() -> None:
    face_only = {
        name: experiment.model_copy(update={"images": ("stone-face",)})
        for name, experiment in STUDY.experiment.items()
    }
    with pytest.raises(UserError, match="no experiment of the study runs on cows; add --all-images"):
        select(STUDY.model_copy(update={"experiment": face_only}), [], ["cows"])


def test_a_study_without_images_takes_ones_own_only() -> None:
    without = STUDY.model_copy(update={"image": {}})
    assert len(ids(without, [], [], available=["cat"])) == 27
    with pytest.raises(
        UserError, match="the study has no images; add one, or name a folder with --images-from"
    ):
        select(without, [], [])


@pytest.mark.parametrize(
    ("experiments", "images", "said"),
    [
        (["up-z"], [], '--experiment: there is no "up-z"; did you mean "up-'),
        (["early_stop"], [], '--experiment: there is no "early_stop"; did you mean "early-stop"?'),
        (["Original"], [], '--experiment: there is no "Original"; did you mean "original"?'),
        ([], ["cow"], '--image: there is no "cow"; did you mean "cows"?'),
        ([], ["?"], '--image: there is no "?"; valid: "stone-face", "cows", "colosseum"'),
        ([], [""], '--image: there is no ""; valid: '),
    ],
)
def test_an_unknown_id_is_refused_with_the_option_and_the_nearest(
    experiments: list[str], images: list[str], said: str
) -> None:
    with pytest.raises(UserError) as refused:
        select(STUDY, experiments, images)
    assert str(refused.value).startswith(said)


def test_with_ones_own_pictures_those_are_the_images_to_choose_from() -> None:
    with pytest.raises(UserError, match='--image: there is no "cows"; valid: "dog"'):
        select(STUDY, [], ["cows"], available=["dog"])


def test_an_unknown_profile_is_refused_with_the_nearest() -> None:
    assert choose_profile(STUDY, "paper").epochs == 2000
    with pytest.raises(UserError, match='--profile: there is no "papers"; did you mean "paper"'):
        choose_profile(STUDY, "papers")


def test_choosing_from_nothing_says_so() -> None:
    with pytest.raises(UserError, match='--x: there is no "a"; there is none'):
        choose({}, "a", "--x")


@settings(deadline=None)
@given(
    experiments=st.lists(st.sampled_from(sorted(STUDY.experiment)), max_size=4),
    images=st.lists(st.sampled_from(sorted(STUDY.image)), max_size=3),
    everywhere=st.booleans(),
)
def test_what_is_chosen_is_what_was_asked_for_and_part_of_the_study(
    experiments: list[str], images: list[str], everywhere: bool
) -> None:
    try:
        chosen = ids(STUDY, experiments, images, everywhere=everywhere)
    except UserError:
        assert not everywhere
        return
    expected = {
        (experiment.id, image)
        for experiment in STUDY.experiment.values()
        for image in (STUDY.image if everywhere else experiment.images or STUDY.image)
        if experiment.id in (experiments or STUDY.experiment) and image in (images or STUDY.image)
    }
    assert set(chosen) == expected
    assert len(chosen) == len(expected) > 0
