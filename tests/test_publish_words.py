"""How an experiment differs from the original, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.records import small_study, write_results
from runner.publish.content.tables import changes_of, switch_table
from runner.publish.data.model import ExperimentData
from runner.publish.site import build_site
from runner.publish.words import differences
from runner.study.load import load_study

STUDY = load_study(Path(__file__).parents[1] / "experiments.toml")


def data(name: str) -> ExperimentData:
    experiment = STUDY.experiment[name]
    return ExperimentData(experiment, STUDY.group[experiment.group], (), ())


def test_a_group_is_drawn_with_all_that_its_experiments_change() -> None:
    ideas = [data(name) for name, experiment in STUDY.experiment.items() if experiment.group == "open"]
    assert changes_of(ideas) == ("stop", "mixed", "sr", "noise", "learned", "regional")
    assert changes_of([data("original")]) == ()
    assert changes_of([data("up-i")]) == ("real", "sr")


def test_the_table_of_switches_tells_from_which_level_on_and_whose_generators() -> None:
    table = switch_table(data("original"), [data("sr-from-3"), data("regional")])
    assert table.columns == ("adversarial upsampling, lower levels", "super-resolution")
    values = {row.experiment.id: [cell.value for cell in cells] for row, cells in table.rows}
    assert values == {
        "original": ["regular", "last"],
        "sr-from-3": ["sr from 3", "last"],
        "regional": ["regular", "regional"],
    }


@pytest.mark.parametrize(
    ("name", "brief"),
    [
        ("original", ()),
        ("real-c", ("adversarial input: real image, the last level",)),
        ("up-a", (
            "reconstruction input: real image, all levels", "adversarial input: SR upsampling, all levels",
        )),
        ("mix-adv", ("adversarial input: partly real image, all levels",)),
        ("mix-rec", ("reconstruction input: partly real image, all levels",)),
        ("sr-noise", ("adversarial input: SR upsampling, then noise, all levels",)),
        ("sr-from-2", ("adversarial input: SR upsampling, the lower levels from level 2 on",)),
        ("plateau", ("lower levels: stop at a plateau",)),
        ("plateau-anneal", ("all levels: lower rate at a plateau, then stop",)),
        ("learned-up", (
            "adversarial input: learned upsampling, all levels",
            "reconstruction input: learned upsampling, all levels",
        )),
        ("regional", ("super-resolution: the last 3 levels, by region",)),
    ],
)  # fmt: skip
def test_an_experiment_is_told_by_what_differs_from_the_original(name: str, brief: tuple[str, ...]) -> None:
    assert tuple(difference.brief for difference in differences(STUDY.experiment[name], 2000)) == brief


@pytest.mark.parametrize("name", STUDY.experiment)
def test_every_experiment_but_the_original_differs_in_whole_sentences(name: str) -> None:
    told = differences(STUDY.experiment[name], 100)
    assert bool(told) == (name != "original")
    assert all(each.sentence[0].isupper() and each.sentence.endswith(".") for each in told)


def test_a_rule_of_the_plateau_is_told_with_its_numbers_and_those_of_the_profile() -> None:
    (rule,) = differences(STUDY.experiment["plateau"], 2000)
    assert rule.sentence == (
        "A lower level stops once the median of its reconstruction loss over 100 epochs is less than 2 % "
        "below that over as many epochs before, and more than 199 of 2000 epochs are done."
    )
    (annealing,) = differences(STUDY.experiment["plateau-anneal"], 100)
    assert "over 100 epochs (here 5) " in annealing.sentence
    assert "more than 199 of 2000 epochs (here more than 9 of 100) are done" in annealing.sentence
    assert annealing.sentence.endswith("the level ends 10 epochs later.")


def test_the_page_of_the_ideas_explains_each_and_draws_what_they_change(tmp_path: Path) -> None:
    study = small_study(("original", "mix-adv", "sr-noise", "learned-up", "regional"), ("colosseum",))
    write_results(tmp_path / "results", study)
    build_site(study, tmp_path / "results", tmp_path / "site")
    page = " ".join((tmp_path / "site/groups/open.html").read_text(encoding="utf-8").split())
    for name in ("mix-adv", "sr-noise", "learned-up", "regional"):
        note = study.experiment[name].note
        assert note is not None
        assert " ".join(note.split()) in page
    for word in (
        "in some steps the real image",
        "once more",
        "learned to enlarge",
        "in super-resolution also",
    ):
        assert word in page
    others = (tmp_path / "site/groups/baseline.html").read_text(encoding="utf-8")
    assert "What each is about" not in others
