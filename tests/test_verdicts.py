"""Verdicts of two words: the effect of both ranked measures together, and how sure it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.records import Synthetic, small_study, write_results
from runner.metrics.evaluate import DEFINITIONS
from runner.metrics.statistics import Difference, judge
from runner.publish.content.comparison import Comparison, compare_cells, seed_scatters
from runner.publish.content.metrics import metric_tables
from runner.publish.content.verdicts import (
    Effect,
    Judged,
    effect_of_pictures,
    is_better,
    joint_effect,
    judge_cell,
    judged,
    meets,
)
from runner.publish.data.gather import gather
from runner.publish.data.model import SiteData
from runner.record.results import run_name
from runner.record.schema import RunRecord

ORIGINAL = {"lr_psnr": 22.0, "niqe": 3.0, "blur": 0.3}


@pytest.mark.parametrize(
    ("more", "effect"),
    [
        ({}, "same"),
        ({"lr_psnr": 0.4, "niqe": -0.2}, "same"),
        ({"lr_psnr": 0.6}, "slightly better"),
        ({"lr_psnr": 2.0, "niqe": -0.4}, "better"),
        ({"lr_psnr": 6.0}, "much better"),
        ({"lr_psnr": -0.7, "niqe": -0.2}, "slightly worse"),
        ({"niqe": 1.0}, "worse"),
        ({"lr_psnr": 2.0, "niqe": 0.5}, "mixed"),
        ({"lr_psnr": -6.0, "niqe": -2.0}, "much worse"),
        ({"blur": -0.3}, "same"),
    ],
)
def test_both_ranked_measures_make_one_effect(more: dict[str, float], effect: Effect) -> None:
    """Sharpness by itself is no merit, and nothing makes up for what is much worse."""
    mine = {name: value + more.get(name, 0.0) for name, value in ORIGINAL.items()}
    assert effect_of_pictures(mine, ORIGINAL) == effect


@pytest.mark.parametrize(
    "wreck",
    [
        {"lr_psnr": 32.7, "niqe": 25.1, "blur": 0.18},  # pixels enlarged: faithful, sharp, and not natural
        {"lr_psnr": 33.3, "niqe": 10.6, "blur": 0.79},  # enlarged by Lanczos
        {"lr_psnr": 8.4, "niqe": 1.5, "blur": 0.2},  # invented texture: natural, sharp, and of something else
    ],
)
def test_no_measure_crowns_a_wreck(wreck: dict[str, float]) -> None:
    assert effect_of_pictures(wreck, ORIGINAL) == "much worse"


def test_without_naturalness_nothing_is_called_better() -> None:
    assert effect_of_pictures({"lr_psnr": 30.0}, ORIGINAL) == "unclear"
    assert effect_of_pictures({"lr_psnr": 20.0}, ORIGINAL) == "worse"
    assert effect_of_pictures({"niqe": 2.0}, ORIGINAL) is None


grades = st.integers(-3, 3)


@given(grades, grades)
def test_better_is_worse_in_neither_and_turns_into_worse_when_turned_round(first: int, second: int) -> None:
    effect = joint_effect([first, second])
    assert is_better(effect) == (min(first, second) >= 0 and max(first, second) > 0)
    turned = joint_effect([-first, -second])
    if is_better(effect):
        assert turned == effect.replace("better", "worse")


@pytest.mark.parametrize(
    ("effect", "better", "not_worse", "worse"),
    [
        ("better", True, True, False),
        ("same", False, True, False),
        ("slightly worse", False, False, True),
        ("mixed", None, None, None),
        ("unclear", None, None, None),
    ],
)
def test_an_effect_meets_an_expectation_or_tells_nothing(
    effect: Effect, *, better: bool | None, not_worse: bool | None, worse: bool | None
) -> None:
    assert [meets(effect, e) for e in ("better", "not worse", "worse")] == [better, not_worse, worse]


def comparison(name: str, mean: float, half: float | None, seeds: int = 3) -> Comparison:
    measure = DEFINITIONS[name]
    found = Difference(mean, None, None, 1) if half is None else Difference(mean, mean - half, mean + half, 3)
    return Comparison(measure, name, found, judge(found, measure), seeds)


def verdict(*compared: Comparison, is_hint: bool = False) -> Judged:
    found = judged(compared, is_hint=is_hint)
    assert found is not None
    return found


def test_what_an_interval_does_not_decide_is_unclear() -> None:
    sure, open_ = comparison("lr_psnr", 3.0, 1.0), comparison("niqe", 0.1, 2.0)
    assert verdict(sure, comparison("niqe", 0.0, 0.1)).effect == "better"
    assert verdict(sure, open_).effect == "unclear"
    assert verdict(comparison("lr_psnr", -3.0, 1.0), open_).effect == "worse"
    assert verdict(sure, open_).confidence == "3 seeds, interval"


@pytest.mark.parametrize(("half", "effect"), [(2.9, "better"), (3.1, "unclear")])
def test_a_scatter_known_on_one_image_can_make_all_images_unclear(half: float, effect: Effect) -> None:
    measure = DEFINITIONS["lr_psnr"]
    difference = Difference(3.0, None, None, 2, least_half=half)
    partly = Comparison(measure, "lr_psnr", difference, judge(difference, measure))
    found = verdict(partly, comparison("niqe", 0.0, None, seeds=1))
    assert (found.effect, found.may_be_chance, found.loses) == (effect, effect == "unclear", False)


def test_one_seed_says_so_and_is_not_sure() -> None:
    found = verdict(comparison("lr_psnr", -8.0, None, seeds=1), comparison("niqe", 1.2, None, seeds=1))
    assert (found.effect, found.confidence, found.has_interval) == ("much worse", "one seed", False)
    assert verdict(comparison("lr_psnr", 1.0, None, seeds=1)).confidence == "one seed, no NIQE"


def test_only_what_is_no_hint_has_a_colour() -> None:
    both = comparison("lr_psnr", 3.0, 1.0), comparison("niqe", -0.9, 0.1)
    assert (verdict(*both).tone, verdict(*both).words) == ("good", "better")
    hint = verdict(*both, is_hint=True)
    assert (hint.tone, hint.words) == ("plain", "hint: better")


def test_the_better_effect_comes_first_then_the_greater_difference() -> None:
    wreck = verdict(comparison("lr_psnr", -8.0, None), comparison("niqe", -3.0, None))
    little = verdict(comparison("lr_psnr", 0.6, None), comparison("niqe", 0.0, None))
    more = verdict(comparison("lr_psnr", 1.4, None), comparison("niqe", 0.0, None))
    assert sorted([wreck, little, more], key=lambda each: each.order) == [more, little, wreck]


def measured(folder: Path, figures: dict[tuple[str, int], float]) -> SiteData:
    """A record of one image: consistency by experiment and seed; runs without a figure were not run."""
    study = small_study(("original", "real-b"), ("colosseum",))
    results = write_results(folder, study, Synthetic(seeds=(0, 1, 2)))
    for run in results.runs():
        name = run_name(run.experiment, run.image, study.study.factor, run.seed)
        figure = figures.get((run.experiment, run.seed))
        results.write(name, _with(run, figure))
    return gather(study, folder)


def _with(run: RunRecord, figure: float | None) -> RunRecord:
    assert run.output is not None
    if figure is None:
        return run.model_copy(update={"status": "failed", "reason": "no", "output": None})
    metrics = {"lr_psnr": figure, "niqe": 3.0}
    return run.model_copy(update={"output": run.output.model_copy(update={"metrics": metrics})})


def test_the_scatter_of_the_originals_seeds_serves_a_single_seed(tmp_path: Path) -> None:
    seeds = {("original", seed): 22.0 + seed / 10 for seed in range(3)}
    data = measured(tmp_path, {**seeds, ("real-b", 0): 25.0})
    scatters = seed_scatters(data)
    assert scatters["colosseum", "x8", "lr_psnr"].of == ("original",)
    cell, original = data.cell("real-b", "colosseum"), data.cell("original", "colosseum")
    (consistency, *_) = compare_cells(cell, original, "x8", scatters)
    # Student's quantile at 2 degrees of freedom, and a difference of two figures that scatter by 0.1 each
    assert consistency.difference.high == pytest.approx(3.0 + 4.302653 * 0.1 * 2**0.5)
    assert consistency.verdict == "better"
    found = judge_cell(cell, original, data, scatters)
    assert found is not None
    assert found.confidence == "seed scatter pooled from original"
    assert compare_cells(cell, original, "x8")[0].difference.low is None
    (table,) = metric_tables(cell, original, scatters)
    (row,) = (row for row in table.rows if row.is_comparison)
    assert row.label.endswith("95% interval, seed scatter pooled from original")
    assert row.values[0] == "+3.00 (+2.39 to +3.61)\nbetter"


def test_without_any_second_seed_nothing_is_pooled(tmp_path: Path) -> None:
    data = measured(tmp_path, {("original", 0): 22.0, ("real-b", 0): 25.0})
    assert seed_scatters(data) == {}
