"""Keys: equal settings share, any deciding change splits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tiny_study import TinyStudy
from runner.images.load import LoadedImage
from runner.planning.plan import LevelTraining, digest, make_plan, plan_levels, why_changed
from runner.planning.selection import select
from runner.study.load import load_study
from runner.study.schema import Experiment
from singan.geometry import Size
from singan.settings import TrainingSettings

ADVERSARIAL = st.sampled_from(["rand", "real_train"])
RECONSTRUCTION = st.sampled_from(["rec", "real_train_rec"])
UPSAMPLE = st.sampled_from(["regular", "sr"])
STOP: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"rule": "none"}, {"rule": "small_rec_loss", "after": 199, "below": 0.025}, {"rule": "dont_train"}]
)
SETTINGS = TrainingSettings(epochs=2000)


def picture(seed: int = 0) -> LoadedImage:
    pixels = np.random.default_rng(seed).integers(0, 256, (26, 30, 3), dtype=np.uint8)
    return LoadedImage("noise", "Noise", pixels)


def pairs(values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({"lower": values, "last": values})


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    stop = draw(STOP)
    switches: dict[str, dict[str, Any]] = {
        "adversarial": draw(pairs(ADVERSARIAL)),
        "reconstruction": draw(pairs(RECONSTRUCTION)),
        "upsample": {"adversarial": draw(pairs(UPSAMPLE)), "reconstruction": draw(pairs(UPSAMPLE))},
    }
    if stop["rule"] == "dont_train":  # untrained lower levels take no switches
        for switch, default in (("adversarial", "rand"), ("reconstruction", "rec")):
            switches[switch]["lower"] = default
            switches["upsample"][switch]["lower"] = "regular"
    return Experiment.model_validate({"id": "x", "group": "g", "title": "X", "stop": stop, **switches})


def chain(experiment: Experiment, **changes: Any) -> list[LevelTraining]:
    arguments = {"image": picture(), "settings": SETTINGS, "factor": 8.0, "seed": 0, **changes}
    return plan_levels(
        experiment,
        arguments["image"],
        arguments["settings"],
        factor=arguments["factor"],
        seed=arguments["seed"],
    )


def keys(levels: list[LevelTraining]) -> list[str]:
    return [level.key for level in levels]


@given(experiments())
def test_names_and_texts_do_not_decide_a_key(experiment: Experiment) -> None:
    renamed = experiment.model_copy(update={"id": "other", "title": "Other", "note": "new"})
    assert keys(chain(experiment)) == keys(chain(renamed))


@given(experiments(), experiments())
def test_levels_share_a_key_exactly_when_all_that_decides_them_is_equal(a: Experiment, b: Experiment) -> None:
    equal_so_far = True
    for left, right in zip(chain(a), chain(b), strict=True):
        equal_so_far &= (left.feed, left.stop) == (right.feed, right.stop)
        assert (left.key == right.key) == equal_so_far


@given(experiments())
def test_level_0_is_decided_by_the_stop_rule_alone(experiment: Experiment) -> None:
    plain = experiment.model_copy(
        update={
            name: Experiment.model_fields[name].default
            for name in ("adversarial", "reconstruction", "upsample")
        }
    )
    assert chain(experiment)[0].key == chain(plain)[0].key


def test_level_1_takes_the_real_modes_for_the_generated_ones() -> None:
    table = {"id": "x", "group": "g", "title": "X"}
    original = Experiment.model_validate(table)
    real = Experiment.model_validate(
        {**table, "adversarial": "real_train", "reconstruction": "real_train_rec"}
    )
    assert keys(chain(original))[:2] == keys(chain(real))[:2]
    assert keys(chain(original))[2] != keys(chain(real))[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"image": picture(seed=1)},
        *(
            {"settings": replace(SETTINGS, **{name: value})}
            for name, value in dict[str, Any](
                {
                    "epochs": 1000,
                    "learning_rate": 1e-3,
                    "adam_betas": (0.9, 0.999),
                    "learning_rate_drop": 0.5,
                    "discriminator_steps": 1,
                    "generator_steps": 1,
                    "noise_weight": 0.2,
                    "anchor_noise": "fixed",
                    "base_width": 16,
                    "precision": "float64",
                }
            ).items()
        ),
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_decides_the_training_changes_every_key(changes: dict[str, Any]) -> None:
    original = Experiment.model_validate({"id": "x", "group": "g", "title": "X"})
    before, after = keys(chain(original)), keys(chain(original, **changes))
    assert not set(before) & set(after)


def test_the_same_picture_under_another_name_shares_its_levels() -> None:
    original = Experiment.model_validate({"id": "x", "group": "g", "title": "X"})
    renamed = LoadedImage("other", "Other", picture().pixels)
    assert keys(chain(original)) == keys(chain(original, image=renamed))


def test_factors_with_one_pyramid_share_levels_but_not_outputs(tiny_study: TinyStudy) -> None:
    at_2, at_4 = tiny_study.plan("original"), tiny_study.plan("original", factors=(4,))
    assert list(at_2.levels) == list(at_4.levels)
    assert at_2.runs[0].output.key != at_4.runs[0].output.key


def test_every_level_comes_after_the_one_below(tiny_study: TinyStudy) -> None:
    seen: set[str | None] = {None}
    for key, level in tiny_study.plan().levels.items():
        assert level.below in seen
        seen.add(key)


def test_shared_levels_are_planned_once(tiny_study: TinyStudy) -> None:
    plan = tiny_study.plan()
    # dots: original's three, stopped's three, one last level each for real and sr; stripes: two and two.
    assert len(plan.levels) == 3 + 3 + 1 + 1 + 2 + 2
    assert plan.trainings_without_sharing == 4 * 3 + 2 * 2


def test_a_changed_field_is_named_with_both_values() -> None:
    old = {"level": 2, "adversarial": "rand", "below": "a"}
    assert (
        why_changed(old, {**old, "adversarial": "real_train", "below": "b"})
        == 'changed: adversarial "rand" -> "real_train"'
    )
    assert why_changed(old, {**old, "below": "b"}) == "changed: the level below"


def test_keys_do_not_depend_on_the_order_of_fields() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})


def test_every_run_is_repeated_with_every_seed_and_factor(tiny_study: TinyStudy) -> None:
    plan = tiny_study.plan("original", seeds=(0, 1), factors=(2, 4))
    runs = [run for run in plan.runs if run.image == "dots"]
    assert [(run.seed, run.factor) for run in runs] == [(0, 2), (0, 4), (1, 2), (1, 4)]
    assert runs[0].levels == runs[1].levels
    assert not set(runs[0].levels) & set(runs[2].levels)
    assert [plan.label(run).partition(", ")[2] for run in runs[:2]] == ["x2, seed 0", "x4, seed 0"]


def test_draws_share_the_weights_and_leave_the_first_picture_as_it_is(tiny_study: TinyStudy) -> None:
    once, thrice = (tiny_study.plan("original", draws=draws).runs[0] for draws in (1, 3))
    assert thrice.output == once.output
    assert len({draw.key for draw in thrice.draws}) == 3
    assert {draw.last_level_key for draw in thrice.draws} == {once.output.last_level_key}


def test_the_studys_runs_at_paper_keep_their_keys() -> None:
    # A day of computing lies in stores under these: if one of them changes, none of it is found again.
    pinned = json.loads(Path("tests/helpers/golden/keys.json").read_text(encoding="utf-8"))
    images = {
        name: cast("LoadedImage", SimpleNamespace(id=name, size=Size(*kept["size"]), digest=kept["digest"]))
        for name, kept in pinned["images"].items()
    }
    study = load_study(Path("experiments.toml"))
    known = select(study, (), ()).pairs
    plan = make_plan(
        study.profile["paper"],
        [(experiment, images[image]) for experiment, image in known],
        factors=study.study.factors,
        seeds=study.study.seeds,
    )
    keys = {f"{run.experiment.id} {run.image}": [*run.levels, run.output.key] for run in plan.runs}
    assert keys == pinned["runs"]
    published = [run for run in plan.runs if run.experiment.group != "open"]
    assert (len(published), len(plan.runs)) == (34, 61)
    assert len({key for run in published for key in run.levels}) == 148


def test_levels_below_the_first_that_is_upsampled_anew_are_the_originals() -> None:
    table = {"id": "x", "group": "g", "title": "X"}
    original, everywhere, later = (
        Experiment.model_validate({**table, "upsample": {"adversarial": adversarial}})
        for adversarial in ("regular", {"lower": "sr"}, {"lower": "sr", "from": 2})
    )
    wide = LoadedImage("wide", "Wide", np.zeros((50, 90, 3), np.uint8))
    chains = [chain(experiment, image=wide) for experiment in (original, everywhere, later)]
    assert keys(chains[2])[:2] == keys(chains[0])[:2]
    assert keys(chains[2])[2] != keys(chains[0])[2]
    assert [level.feed.adversarial_upsample for level in chains[2]] == [
        "regular", "regular", *["sr"] * (len(chains[2]) - 3), "regular"
    ]  # fmt: skip
    assert [level.feed.adversarial_upsample for level in chains[1]][1] == "sr"
