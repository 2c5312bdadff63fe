"""The plain engine against algorithm.md 4 written out by hand, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from helpers.tiny import ByHand, draw, same_state, state_of, tiny_pyramid
from singan.engines.plain import PlainEngine, discriminator_step, generator_step
from singan.feeds import adversarial_input
from singan.level import LevelInputs, LevelState, LevelTask, prepare_inputs, prepare_state
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

SETTINGS = TrainingSettings(epochs=10, base_width=4)
TASK = LevelTask(LevelFeed(), StopRule(), SETTINGS, seed=3, image_digest="aa")
ROUNDING = 1e-12
"""Sums in another order differ by about 1e-15."""


def prepared(level: int, task: LevelTask = TASK) -> tuple[LevelState, LevelInputs]:
    pyramid = tiny_pyramid(trained=level)
    return prepare_state(pyramid, task), prepare_inputs(pyramid, task)


def copy_of(source: torch.Generator) -> torch.Generator:
    return torch.Generator().set_state(source.get_state())


class AdamByHand:
    """Kingma and Ba 2015, with the published betas."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        self.first = [torch.zeros_like(value) for value in parameters]
        self.second = [torch.zeros_like(value) for value in parameters]
        self.steps = 0

    def descend(self, loss: Tensor, rate: float = 5e-4) -> None:
        gradients = torch.autograd.grad(loss, self.parameters)
        self.steps += 1
        with torch.no_grad():
            for index, gradient in enumerate(gradients):
                self.first[index] = 0.5 * self.first[index] + 0.5 * gradient
                self.second[index] = 0.999 * self.second[index] + 0.001 * gradient**2
                mean = self.first[index] / (1 - 0.5**self.steps)
                square = self.second[index] / (1 - 0.999**self.steps)
                self.parameters[index] -= rate * mean / (torch.sqrt(square) + 1e-8)


class LevelByHand:
    """The networks, optimisers and random numbers of a level, for epochs written out below."""

    def __init__(self, state: LevelState, inputs: LevelInputs) -> None:
        self.generator, self.discriminator = ByHand(state.generator), ByHand(state.discriminator)
        self.generator_adam = AdamByHand(self.generator.trained)
        self.discriminator_adam = AdamByHand(self.discriminator.trained)
        self.noise, self.feed = copy_of(state.streams.noise), copy_of(state.streams.feed)
        self.inputs, self.anchor = inputs, state.anchor_noise

    def generate(self, noise: Tensor, previous: Tensor, *, count: bool = True) -> Tensor:
        mixed = self.inputs.noise_amplitude * noise + previous
        return self.generator.generate(mixed, previous, training=True, count=count)

    def score(self, image: Tensor) -> Tensor:
        return self.discriminator.score(image, training=True)

    def penalty(self, fake: Tensor, share: Tensor) -> Tensor:
        point = (share * self.inputs.real + (1 - share) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.score(point).sum(), point, create_graph=True)
        return 0.1 * ((torch.sqrt((slope**2).sum(dim=1)) - 1) ** 2).mean()

    def discriminate(self, fake: Tensor) -> list[Tensor]:
        """One D step; mean D(real), mean D(fake), weighted penalty."""
        real_score, fake_score = self.score(self.inputs.real).mean(), self.score(fake).mean()
        penalty = self.penalty(fake, torch.rand((), generator=self.noise))
        self.discriminator_adam.descend(fake_score - real_score + penalty)
        return [real_score.detach(), fake_score.detach(), penalty.detach()]

    def imitate(self, noise: Tensor, previous: Tensor, rec_prev: Tensor) -> list[Tensor]:
        """One G step; -mean D(fake), weighted reconstruction loss."""
        adversarial = -self.score(self.generate(noise, previous, count=False)).mean()
        reconstructed = self.generate(self.anchor, rec_prev)
        reconstruction = 100 * ((reconstructed - self.inputs.real) ** 2).mean()
        self.generator_adam.descend(adversarial + reconstruction)
        return [adversarial.detach(), reconstruction.detach()]

    def epoch(self) -> tuple[Tensor, Tensor]:
        """3 D steps, then 3 G steps, on one noise map; the last losses and the last fake."""
        inputs = self.inputs.reconstruction_inputs
        first, second = inputs if len(inputs) == 2 else (*inputs, *inputs)
        size = self.inputs.pyramid.size(self.inputs.level)
        channels = 1 if self.inputs.level == 0 else 3
        if self.inputs.level == 0:
            self.anchor = draw(size, self.noise, channels).double()
        noise = draw(size, self.noise, channels).double()
        for step in range(3):
            previous = adversarial_input(self.inputs.feed, self.inputs.pyramid, self.feed, step)
            fake = self.generate(noise, previous).detach()
            d_losses = self.discriminate(fake)
        for rec_prev in (first, second, first):
            g_losses = self.imitate(noise, previous, rec_prev)
        return torch.stack(d_losses + g_losses), fake


def assert_parameters_match(by_hand: ByHand, network: torch.nn.Module) -> None:
    for name, parameter in network.named_parameters():
        assert torch.allclose(parameter, by_hand.values[name], rtol=0, atol=ROUNDING), name


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("feed", [LevelFeed(), LevelFeed("mixed", "mixed_rec")], ids=["original", "mixed"])
def test_epochs_are_those_of_the_contract(level: int, feed: LevelFeed) -> None:
    state, inputs = prepared(level, replace(TASK, feed=feed))
    by_hand = LevelByHand(state, inputs)
    for _ in range(2):  # the second epoch finds Adam's moments in place
        result = PlainEngine().train_epoch(state, inputs, SETTINGS)
        losses, fake = by_hand.epoch()
        assert torch.allclose(result.losses, losses, rtol=1e-9)
        assert torch.allclose(result.fake, fake, rtol=0, atol=ROUNDING)
    assert_parameters_match(by_hand.generator, state.generator)
    assert_parameters_match(by_hand.discriminator, state.discriminator)
    assert torch.equal(state.anchor_noise, by_hand.anchor)


@pytest.mark.parametrize("level", [0, 2])
def test_generator_statistics_see_three_fakes_then_three_reconstructions(level: int) -> None:
    state, inputs = prepared(level)
    by_hand = LevelByHand(state, inputs)
    counted = int(state_of(state.generator)["head.norm.num_batches_tracked"])
    PlainEngine().train_epoch(state, inputs, SETTINGS)
    by_hand.epoch()  # counts in that order: see `generate` and its `count`
    for name, value in state.generator.state_dict().items():
        expected = by_hand.generator.values[name]
        if "running" in name:
            assert torch.allclose(value, expected, rtol=0, atol=ROUNDING), name
        if "tracked" in name:
            assert int(value) == counted + 6, name


def test_discriminator_step_is_one_adam_step_on_the_wgan_gp_loss() -> None:
    state, inputs = prepared(1)
    by_hand, generator = LevelByHand(state, inputs), state_of(state.generator)
    fake = draw(inputs.pyramid.size(1), torch.Generator().manual_seed(1)).double()
    losses = discriminator_step(state, inputs.real, fake)
    assert torch.allclose(torch.stack(losses), torch.stack(by_hand.discriminate(fake)), rtol=1e-9)
    assert_parameters_match(by_hand.discriminator, state.discriminator)
    assert same_state(state_of(state.generator), generator)


def test_generator_step_is_one_adam_step_on_both_its_losses() -> None:
    state, inputs = prepared(1)
    by_hand, discriminator = LevelByHand(state, inputs), dict(state.discriminator.named_parameters())
    before = {name: parameter.detach().clone() for name, parameter in discriminator.items()}
    noise = draw(inputs.pyramid.size(1), torch.Generator().manual_seed(1)).double()
    previous = inputs.real.flip(-1)
    losses = generator_step(state, inputs, inputs.noise_amplitude * noise + previous, previous)
    assert torch.allclose(
        torch.stack(losses),
        torch.stack(by_hand.imitate(noise, previous, inputs.reconstruction_input)),
        rtol=1e-9,
    )
    assert_parameters_match(by_hand.generator, state.generator)
    assert all(torch.equal(discriminator[name], before[name]) for name in before)


def test_generator_step_follows_the_slope_of_its_loss() -> None:
    # The first Adam step moves every weight by the learning rate against the sign of its slope, which finite
    # differences of the loss give without autograd.
    state, inputs = prepared(1)
    by_hand = LevelByHand(state, inputs)
    mixed, previous = inputs.real.flip(-2), inputs.real.flip(-1)
    before = state.generator.state_dict()["tail.0.weight"].clone().flatten()

    def loss_at(index: int, nudge: float) -> float:
        by_hand.generator.values["tail.0.weight"].data.view(-1)[index] += nudge
        fake = by_hand.generator.generate(mixed, previous, training=True)
        reconstructed = by_hand.generate(by_hand.anchor, inputs.reconstruction_input)
        loss = -by_hand.score(fake).mean() + 100 * ((reconstructed - inputs.real) ** 2).mean()
        by_hand.generator.values["tail.0.weight"].data.view(-1)[index] -= nudge
        return float(loss.detach())

    generator_step(state, inputs, mixed, previous)
    moved = state.generator.state_dict()["tail.0.weight"].flatten() - before
    for index in (0, 20, 50, 107):
        slope = (loss_at(index, 1e-6) - loss_at(index, -1e-6)) / 2e-6
        assert abs(slope) > 1e-3  # or its sign would be chance
        assert float(moved[index]) == pytest.approx(-5e-4 if slope > 0 else 5e-4, rel=1e-3)


def test_no_gradient_is_left_on_the_other_network() -> None:
    state, inputs = prepared(1)
    discriminator_step(state, inputs.real, inputs.real.flip(-1))
    assert all(parameter.grad is None for parameter in state.generator.parameters())
    state.discriminator_adam.zero_grad()
    generator_step(state, inputs, inputs.real, inputs.real)
    assert all(parameter.grad is None for parameter in state.discriminator.parameters())


def test_biases_without_effect_stay_where_they_start() -> None:
    state, inputs = prepared(1)
    networks = (state.generator, state.discriminator)
    before = [ByHand(network) for network in networks]
    for _ in range(3):
        PlainEngine().train_epoch(state, inputs, SETTINGS)
    for network, start in zip(networks, before, strict=True):
        parameters = dict(network.named_parameters())
        stayed = {name for name, value in parameters.items() if torch.equal(value, start.values[name])}
        assert stayed == start.without_effect


def rates_of(state: LevelState) -> list[float]:
    adams = (state.generator_adam, state.discriminator_adam)
    return [group["lr"] for adam in adams for group in adam.param_groups]


@pytest.mark.parametrize(("epochs_done", "rate"), [(0, 5e-4), (7, 5e-4), (8, 5e-5), (9, 5e-5)])
def test_learning_rate_drops_after_four_fifths_of_the_epochs(epochs_done: int, rate: float) -> None:
    state, inputs = prepared(0)
    state.epochs_done = epochs_done
    PlainEngine().train_epoch(state, inputs, SETTINGS)
    assert rates_of(state) == pytest.approx([rate, rate])


def test_first_step_of_a_weight_is_as_long_as_the_learning_rate() -> None:
    for epochs_done, rate in ((0, 5e-4), (9, 5e-5)):
        state, inputs = prepared(1)
        state.epochs_done = epochs_done
        before = state_of(state.generator)["tail.0.weight"]
        PlainEngine().train_epoch(state, inputs, replace(SETTINGS, generator_steps=1))
        moved = (state_of(state.generator)["tail.0.weight"] - before).abs()
        assert float(moved.median()) == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize(("d_steps", "g_steps"), [(3, 3), (1, 2), (2, 1)])
def test_each_network_takes_its_own_number_of_steps(d_steps: int, g_steps: int) -> None:
    state, inputs = prepared(0)
    settings = replace(SETTINGS, discriminator_steps=d_steps, generator_steps=g_steps)
    PlainEngine().train_epoch(state, inputs, settings)
    for adam, steps in ((state.discriminator_adam, d_steps), (state.generator_adam, g_steps)):
        assert {int(values["step"]) for values in adam.state.values()} == {steps}


def anchors_of_three_epochs(settings: TrainingSettings, level: int) -> list[Tensor]:
    state, inputs = prepared(level, replace(TASK, settings=settings))
    anchors = [state.anchor_noise]
    for _ in range(3):
        PlainEngine().train_epoch(state, inputs, settings)
        anchors.append(state.anchor_noise)
    return anchors


def test_redrawn_anchor_noise_is_new_in_every_epoch_of_level_0() -> None:
    _, *anchors = anchors_of_three_epochs(SETTINGS, 0)
    assert len({float(anchor.sum()) for anchor in anchors}) == 3
    assert all(torch.equal(anchor[0, 0], anchor[0, channel]) for anchor in anchors for channel in (1, 2))


def test_fixed_anchor_noise_stays_the_first() -> None:
    first, *others = anchors_of_three_epochs(replace(SETTINGS, anchor_noise="fixed"), 0)
    assert first.any()
    assert torch.equal(first[0, 0], first[0, 2])
    assert all(torch.equal(anchor, first) for anchor in others)


def test_anchor_noise_above_level_0_is_zeros_throughout() -> None:
    assert not any(anchor.any() for anchor in anchors_of_three_epochs(SETTINGS, 1))


class Counted(LevelInputs):
    """Inputs that remember how often they were drawn from."""

    drawn: list[str]

    def draw_noise(self, generator: torch.Generator) -> Tensor:
        self.drawn.append("noise")
        return super().draw_noise(generator)

    def draw_adversarial_input(self, generator: torch.Generator, step: int) -> Tensor:
        self.drawn.append(f"input {step}")
        return super().draw_adversarial_input(generator, step)


def test_noise_is_drawn_once_an_epoch_and_the_adversarial_input_for_each_d_step() -> None:
    state, inputs = prepared(1)
    counted = Counted(**vars(inputs))
    object.__setattr__(counted, "drawn", [])
    PlainEngine().train_epoch(state, counted, SETTINGS)
    assert counted.drawn == ["noise", "input 0", "input 1", "input 2"]


def test_another_feed_leaves_the_training_noise_as_it_is() -> None:
    feeds = [LevelFeed(), LevelFeed("real_train", "real_train_rec", "sr", "sr")]
    after = []
    for feed in feeds:
        state, inputs = prepared(2, replace(TASK, feed=feed))
        PlainEngine().train_epoch(state, inputs, SETTINGS)
        after.append((state.streams.noise.get_state(), state.streams.feed.get_state()))
    assert torch.equal(after[0][0], after[1][0])
    assert not torch.equal(after[0][1], after[1][1])  # they draw other noise maps for their inputs
