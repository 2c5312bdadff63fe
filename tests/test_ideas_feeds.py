"""What a level is fed by the ideas the study left open (algorithm.md 8), worked out on two trained levels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from helpers.tiny import ByHand, draw, tiny_pyramid
from singan.engines.plain import PlainEngine, generator_step
from singan.feeds import adversarial_input, adversarial_inputs, reconstruction_input, reconstruction_inputs
from singan.geometry import Size
from singan.level import LevelInputs, LevelState, LevelTask, prepare_inputs, prepare_state, reconstruct
from singan.networks import frozen_statistics
from singan.pyramid import TrainedLevel
from singan.resize import resize
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import AdversarialMode, LevelFeed

BOTTOM, MIDDLE, TOP = Size(14, 12), Size(18, 15), Size(24, 20)
SETTINGS = TrainingSettings(epochs=4, base_width=4)
SEED = 11


def source() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def through(level: TrainedLevel, noise: Tensor, image: Tensor) -> Tensor:
    """G(sigma * z + x, x) of a trained level, written out."""
    mixed = level.noise_amplitude * noise + image
    return ByHand(level.generator).generate(mixed, image, training=False).detach()


def up(image: Tensor, size: Size) -> Tensor:
    return resize(image, 1 / 0.75)[..., : size.height, : size.width]


def assert_same(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


# mixed


@pytest.mark.parametrize("real_steps", [1, 2])
def test_the_first_steps_of_mixed_start_at_the_real_image_and_the_others_at_zeros(real_steps: int) -> None:
    pyramid, random = tiny_pyramid(trained=2), source()
    bottom, middle = pyramid.levels
    expected = []
    for step in range(3):
        image = pyramid.reals[1]
        if step >= real_steps:
            zeros = torch.zeros(1, 3, *BOTTOM, dtype=torch.float64)
            image = up(through(bottom, draw(BOTTOM, random, 1), zeros), MIDDLE)
        expected.append(up(through(middle, draw(MIDDLE, random), image), TOP))
    drawn = adversarial_inputs(LevelFeed("mixed", real_steps=real_steps), pyramid, source(), 3)
    assert_same(drawn, torch.cat(expected))


def test_the_steps_of_mixed_are_counted_anew_in_every_epoch() -> None:
    task = LevelTask(LevelFeed("mixed"), StopRule(), SETTINGS, 0, "aa")
    pyramid = tiny_pyramid(trained=2)
    inputs, state = prepare_inputs(pyramid, task), prepare_state(pyramid, task)
    mirror = torch.Generator()
    for _ in range(2):
        mirror.set_state(state.streams.feed.get_state())
        PlainEngine().train_epoch(state, inputs, SETTINGS)
        for mode in ("real_train", "rand", "rand"):
            adversarial_input(LevelFeed(mode), pyramid, mirror)
        assert torch.equal(mirror.get_state(), state.streams.feed.get_state())


def test_only_the_first_step_of_mixed_sees_the_real_image() -> None:
    pyramid = tiny_pyramid(trained=2)
    other = replace(pyramid, reals=(pyramid.reals[0], -pyramid.reals[1], pyramid.reals[2]))
    first, second = (adversarial_inputs(LevelFeed("mixed"), each, source(), 3) for each in (pyramid, other))
    assert not torch.allclose(first[:1], second[:1])
    assert torch.equal(first[1:], second[1:])


def test_at_level_1_mixed_is_rand() -> None:
    pyramid, feed = tiny_pyramid(trained=1), LevelFeed("mixed", real_steps=2)
    assert feed.effective_at(1) == LevelFeed()
    assert torch.equal(
        adversarial_inputs(feed, pyramid, source(), 3), adversarial_inputs(LevelFeed(), pyramid, source(), 3)
    )


def test_real_steps_without_mixed_do_not_matter() -> None:
    assert LevelFeed("real_train", real_steps=2).effective_at(2) == LevelFeed("real_train")
    assert LevelFeed("mixed", real_steps=2).effective_at(2).real_steps == 2


# mixed_rec


def test_mixed_rec_alternates_what_is_reconstructed_from_and_takes_sigma_from_rec() -> None:
    pyramid = tiny_pyramid(trained=2)
    rec, real = (
        reconstruction_input(LevelFeed(reconstruction=mode), pyramid) for mode in ("rec", "real_train_rec")
    )
    task = LevelTask(LevelFeed(reconstruction="mixed_rec"), StopRule(), SETTINGS, 0, "aa")
    inputs = prepare_inputs(pyramid, task)
    assert not torch.allclose(rec, real)
    for step, expected in enumerate((rec, real, rec)):
        assert torch.equal(inputs.reconstruction_input_of(step), expected)
    error = ((pyramid.reals[2] - rec) ** 2).mean().sqrt()
    assert inputs.noise_amplitude == pytest.approx(0.1 * float(error), rel=1e-12)


def test_every_g_step_of_mixed_rec_follows_the_slope_of_its_own_reconstruction_loss() -> None:
    """The slope is that of finite differences: Adam's first step goes against its sign."""
    task = LevelTask(LevelFeed(reconstruction="mixed_rec"), StopRule(), SETTINGS, 0, "aa")
    pyramid = tiny_pyramid(trained=2)
    for step in (0, 1):
        inputs, state = prepare_inputs(pyramid, task), prepare_state(pyramid, task)
        weight = state.generator.last.weight
        before, slope = weight.detach().clone(), torch.zeros(6, dtype=torch.float64)

        def loss(inputs: LevelInputs = inputs, state: LevelState = state, step: int = step) -> float:
            with torch.no_grad(), frozen_statistics(state.generator), frozen_statistics(state.discriminator):
                fake = state.generator(inputs.real, inputs.real)
                rebuilt = reconstruct(state, inputs, inputs.reconstruction_input_of(step))
                error = 100 * ((rebuilt - inputs.real) ** 2).mean()
                return float(error - state.discriminator(fake).mean())

        for index in range(len(slope)):
            values = []
            for shift in (1e-6, -1e-6):
                with torch.no_grad():
                    weight.view(-1)[index] += shift
                values.append(loss())
                with torch.no_grad():
                    weight.view(-1)[index] -= shift
            slope[index] = (values[0] - values[1]) / 2e-6
        generator_step(state, inputs, inputs.real, inputs.real, step)
        moved = (weight.detach() - before).view(-1)[: len(slope)]
        assert float(slope.abs().min()) > 1e-4
        torch.testing.assert_close(moved, -5e-4 * slope.sign(), rtol=1e-2, atol=0)


def test_at_level_1_mixed_rec_is_rec() -> None:
    assert LevelFeed(reconstruction="mixed_rec").effective_at(1) == LevelFeed()
    pyramid = tiny_pyramid(trained=1)
    first, second = reconstruction_inputs(LevelFeed(reconstruction="mixed_rec"), pyramid)
    assert torch.equal(first, second)


# sr_noise


@pytest.mark.parametrize("mode", ["rand", "real_train"])
@pytest.mark.parametrize("trained", [1, 2])
def test_sr_noise_adds_fresh_noise_of_the_strength_of_the_level_below(
    mode: AdversarialMode, trained: int
) -> None:
    pyramid, size = tiny_pyramid(trained=trained), (MIDDLE, TOP)[trained - 1]
    random = source()
    expected = []
    for _ in range(2):
        image = adversarial_input(LevelFeed(mode, adversarial_upsample="sr"), pyramid, random)
        noise = draw(size, random)
        assert not torch.equal(noise[0, 0], noise[0, 1])  # three channels, though level 0's has one
        expected.append(image + pyramid.levels[-1].noise_amplitude * noise)
    drawn = adversarial_inputs(LevelFeed(mode, adversarial_upsample="sr_noise"), pyramid, source(), 2)
    assert_same(drawn, torch.cat(expected))


def test_a_reconstruction_input_gets_no_noise_from_sr_noise() -> None:
    pyramid = tiny_pyramid(trained=2)
    noised, plain = (
        reconstruction_input(LevelFeed(reconstruction_upsample=upsample), pyramid)
        for upsample in ("sr_noise", "sr")
    )
    assert torch.equal(noised, plain)
    assert LevelFeed(reconstruction_upsample="sr_noise").effective_at(2).reconstruction_upsample == "sr"


def test_level_0_has_nothing_to_upsample() -> None:
    zeros = adversarial_inputs(LevelFeed(adversarial_upsample="sr_noise"), tiny_pyramid(), source(), 2)
    assert not zeros.any()
