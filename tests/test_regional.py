"""Super-resolution that mixes several levels' generators (algorithm.md 8)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.lab import Lab
from helpers.tiny import ByHand, draw, picture, trained_level, unhurried
from helpers.tiny_study import TinyStudy
from runner.execution.task import pending_tasks
from runner.store.artifacts import stored_picture
from runner.study.switches import SuperResolve
from singan.geometry import Size
from singan.inference import fold
from singan.pyramid import TrainedLevel
from singan.regional import RegionalGenerators
from singan.resize import resize
from singan.settings import Regional
from singan.superres import super_resolve

WORKING = Size(20, 18)
FACTOR = 1.5
STEP = 1.5**0.5
"""A factor of 1.5 is two steps: 20x18 -> 25x23 -> 31x29."""

REGIONAL = """
[experiment.regional]
group = "all"
title = "Regional"
super_resolution = { generators = "regional", levels = 2 }
"""


def level(seed: int) -> TrainedLevel:
    return trained_level(2, WORKING, width=2, seed=seed)


def regional(*levels: TrainedLevel, temperature: float = 0.01, count: int = 3) -> RegionalGenerators:
    return RegionalGenerators(levels, picture(WORKING), FACTOR, Regional(count, temperature))


def local_mean(values: Tensor) -> Tensor:
    """5x5 means of `[h, w]`, one pixel after the other."""
    height, width = values.shape
    mean = torch.empty_like(values)
    for y in range(height):
        for x in range(width):
            mean[y, x] = values[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].mean()
    return mean


def by_hand(levels: list[TrainedLevel], noise: Tensor, image: Tensor, temperature: float) -> Tensor:
    """The first step of the definition, written out."""
    candidates, scores = [], []
    for each in levels:
        mixed = each.noise_amplitude * noise + image
        made = ByHand(each.generator).generate(mixed, image, training=False).detach()
        shrunk = resize(made, 1 / STEP)[..., : WORKING.height, : WORKING.width]
        error = local_mean(((shrunk - picture(WORKING)) ** 2)[0].mean(0))
        candidates.append(made)
        scores.append(torch.exp(-error / temperature))
    total = sum(scores)
    weights = [local_mean(score / total)[None, None] for score in scores]
    size = image.shape[-2:]
    return sum(
        torch.nn.functional.interpolate(weight, size, mode="bilinear") * candidate
        for weight, candidate in zip(weights, candidates, strict=True)
    )  # type: ignore[return-value]


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_a_step_is_the_mixture_of_the_definition(temperature: float) -> None:
    levels = [level(1), level(2), level(3)]
    image = resize(picture(WORKING), STEP)
    noise = draw(Size(25, 23), torch.Generator().manual_seed(5))
    expected = by_hand(levels, noise, image, temperature)
    made = regional(*levels, temperature=temperature).generate(noise, image)
    assert tuple(made.shape) == (1, 3, 25, 23)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-9)


def test_one_generator_alone_gives_the_plain_picture() -> None:
    top, noises = level(1), [torch.Generator().manual_seed(4) for _ in range(2)]
    plain = super_resolve(top, picture(WORKING), FACTOR, noises[0])
    mixed = super_resolve(top, picture(WORKING), FACTOR, noises[1], None, regional(level(2), top, count=1))
    torch.testing.assert_close(mixed, plain, rtol=0, atol=1e-12)
    assert torch.equal(noises[0].get_state(), noises[1].get_state())


@unhurried
@given(st.integers(2, 4), st.integers(0, 99), st.floats(1e-6, 10))
def test_weights_are_shares_and_the_smaller_error_has_the_larger_one(
    count: int, seed: int, temperature: float
) -> None:
    source = torch.Generator().manual_seed(seed)
    errors = torch.rand(count, 1, 12, 9, generator=source, dtype=torch.float64).sort(dim=0).values
    weights = regional(level(1), temperature=temperature).weights(errors)
    torch.testing.assert_close(weights.sum(0), torch.ones(1, 12, 9, dtype=torch.float64))
    assert bool((weights >= 0).all())
    assert bool((weights.diff(dim=0) <= 1e-12).all())


def test_where_one_generator_is_right_and_cold_judges_it_decides() -> None:
    errors = torch.zeros(2, 1, 20, 18, dtype=torch.float64)
    errors[0, :, :, 9:], errors[1, :, :, :9] = 1.0, 1.0  # the first is right on the left
    weights = regional(level(1), temperature=1e-3).weights(errors)
    assert torch.all(weights[0, :, :, :7] == 1)
    assert torch.all(weights[1, :, :, 11:] == 1)
    assert 0 < float(weights[0, 0, 10, 9]) < 1  # smoothed


def test_a_hot_judge_mixes_evenly() -> None:
    image = resize(picture(WORKING), STEP)
    noise = draw(Size(25, 23), torch.Generator().manual_seed(5))
    one, other = level(1), level(2)
    even = (fold(one).generate(noise, image) + fold(other).generate(noise, image)) / 2
    made = regional(one, other, temperature=1e9).generate(noise, image)
    torch.testing.assert_close(made, even, rtol=0, atol=1e-6)


def test_regions_cost_no_training_and_only_their_outputs_are_keyed_by_them(tiny_study: TinyStudy) -> None:
    tiny_study.edit("[experiment.stopped]", f"{REGIONAL}\n[experiment.stopped]")
    plan = tiny_study.plan("original", "regional")
    runs = {str(run): run for run in plan.runs}
    original, regions = runs["original on dots"], runs["regional on dots"]
    assert regions.levels == original.levels
    assert regions.output.key != original.output.key
    assert regions.output.lower_keys == original.levels[-2:-1]
    tiny_study.edit("levels = 2", "levels = 2, temperature = 0.5")
    changed = tiny_study.plan("regional")
    assert {run.levels for run in changed.runs} == {run.levels for run in plan.runs}
    assert changed.runs[0].output.key not in {original.output.key, regions.output.key}


def test_on_a_stored_pyramid_only_missing_pictures_are_made(tiny_study: TinyStudy, tmp_path: Path) -> None:
    tiny_study.edit("[experiment.stopped]", f"{REGIONAL}\n[experiment.stopped]")
    lab = Lab(tiny_study, tmp_path)
    lab.run(tiny_study.plan("original"))
    weights = lab.weights()
    plan = tiny_study.plan("original", "regional")
    missing = {run.output.key for run in plan.runs if run.experiment.id == "regional"}
    assert pending_tasks(plan, lab.store).keys() == missing
    outcome = lab.run(plan)
    assert (outcome.done, outcome.trained, outcome.failures) == (4, 0, {})
    assert lab.weights() == weights
    assert not pending_tasks(plan, lab.store)
    pictures = [stored_picture(lab.store, run.output.key).tobytes() for run in plan.runs]
    assert len(set(pictures)) == 4


def test_the_settings_are_those_of_the_idea_unless_told_otherwise() -> None:
    assert SuperResolve().as_settings is None
    assert SuperResolve(generators="regional").as_settings == Regional(3, 0.001)
    assert SuperResolve(generators="regional", levels=2, temperature=0.1).as_settings == Regional(2, 0.1)
