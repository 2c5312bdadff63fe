"""The batched engine gives the plain one's results, whatever a level is fed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.golden_losses import cases
from helpers.tiny import tiny_pyramid
from singan.engines import batched
from singan.engines.batched import BatchedEngine, discriminator_gradients
from singan.engines.derivatives import Trace, forward
from singan.engines.plain import PlainEngine
from singan.feeds import adversarial_input, adversarial_inputs
from singan.level import Engine, LevelState, LevelTask, prepare_inputs, prepare_state
from singan.networks import Discriminator, Generator, initialise
from singan.objective import GRADIENT_PENALTY_WEIGHT, gradient_penalty
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

FEEDS = list(dict.fromkeys(feed for _, feed, _ in cases()))
SETTINGS = TrainingSettings(epochs=10, base_width=4)
EPOCHS = 4

ROUNDING = 1e-9
"""Of float64, after the 24 Adam steps of four epochs, each of which divides by the gradient's own size."""

SINGLE_ROUNDING = 2e-2
"""Of float32, likewise: a gradient near zero may take another sign, and Adam then steps the other way."""


def words(feed: LevelFeed) -> str:
    return " ".join(map(str, vars(feed).values()))


def train(engine: Engine, level: int, feed: LevelFeed, precision: torch.dtype) -> tuple[Tensor, LevelState]:
    """Losses `[EPOCHS, 5]` and what the networks became."""
    task = LevelTask(feed, StopRule(), SETTINGS, seed=3, image_digest="aa")
    pyramid = tiny_pyramid(trained=level, dtype=precision)
    inputs, state = prepare_inputs(pyramid, task), prepare_state(pyramid, task)
    losses = []
    for _ in range(EPOCHS):
        losses.append(engine.train_epoch(state, inputs, SETTINGS).losses)
        state.epochs_done += 1
    return torch.stack(losses), state


def everything(state: LevelState) -> Iterator[tuple[str, Tensor]]:
    """What a level in training consists of, but for the optimisers."""
    for name, network in (("G", state.generator), ("D", state.discriminator)):
        for key, value in network.state_dict().items():
            yield f"{name} {key}", value
    yield "z*", state.anchor_noise
    for name in ("noise", "feed"):
        yield f"stream {name}", getattr(state.streams, name).get_state()


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("feed", FEEDS, ids=words)
def test_losses_weights_and_random_streams_are_the_plain_engines(feed: LevelFeed, level: int) -> None:
    plain_losses, plain = train(PlainEngine(), level, feed, torch.float64)
    losses, state = train(BatchedEngine(), level, feed, torch.float64)
    torch.testing.assert_close(losses, plain_losses, rtol=ROUNDING, atol=ROUNDING)
    for (name, value), (_, expected) in zip(everything(state), everything(plain), strict=True):
        assert torch.allclose(value, expected, rtol=ROUNDING, atol=ROUNDING), name


@pytest.mark.parametrize("feed", [FEEDS[0], FEEDS[-1]], ids=["original", "all changed"])
def test_in_single_precision_losses_differ_by_rounding_only(feed: LevelFeed) -> None:
    plain_losses, _ = train(PlainEngine(), 2, feed, torch.float32)
    losses, _ = train(BatchedEngine(), 2, feed, torch.float32)
    torch.testing.assert_close(losses, plain_losses, rtol=SINGLE_ROUNDING, atol=SINGLE_ROUNDING)


@given(st.integers(11, 20), st.integers(11, 20), st.integers(0, 99))
def test_the_penaltys_gradients_are_those_of_automatic_differentiation(
    height: int, width: int, seed: int
) -> None:
    network = Discriminator(3).double()
    source = torch.Generator().manual_seed(seed)
    initialise(network, source)
    images = torch.randn(3, 3, height, width, generator=source, dtype=torch.float64)
    with torch.no_grad():
        trace = forward(network, images)
        penalty, gradients = discriminator_gradients(network, trace)
    real, fake, mixed = torch.split(images, 1)
    expected = GRADIENT_PENALTY_WEIGHT * gradient_penalty(network, mixed)
    loss = network(fake).mean() - network(real).mean() + expected
    loss.backward()
    torch.testing.assert_close(penalty, expected.detach())
    for parameter, gradient in gradients.items():
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-8, atol=1e-11)
    without = {id(p) for p in network.parameters()} - {id(p) for p in gradients}
    assert without == {id(conv.bias) for conv in [*(block.conv for block in network.blocks), network.last]}
    assert all(
        p.grad is not None and p.grad.abs().max() < 1e-9 for p in network.parameters() if id(p) in without
    )


@pytest.mark.parametrize("feed", FEEDS, ids=words)
def test_inputs_drawn_together_are_those_drawn_one_by_one(feed: LevelFeed) -> None:
    pyramid = tiny_pyramid(trained=2)
    one, together = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    expected = torch.cat([adversarial_input(feed, pyramid, one, step) for step in range(3)])
    drawn = adversarial_inputs(feed, pyramid, together, 3)
    torch.testing.assert_close(drawn, expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(one.get_state(), together.get_state())


def test_other_numbers_of_steps_work_too() -> None:
    settings = replace(SETTINGS, discriminator_steps=1, generator_steps=2)
    task = LevelTask(LevelFeed(), StopRule(), settings, seed=3, image_digest="aa")
    pyramid = tiny_pyramid(trained=1)
    found = []
    for engine in (PlainEngine(), BatchedEngine()):
        state = prepare_state(pyramid, task)
        found.append(engine.train_epoch(state, prepare_inputs(pyramid, task), settings).losses)
    torch.testing.assert_close(*found, rtol=ROUNDING, atol=ROUNDING)


def test_wide_networks_in_single_precision_have_the_gradients_of_automatic_differentiation() -> None:
    """Wide and large enough for Winograd's method, where there is numba."""
    network = Discriminator(32)
    source = torch.Generator().manual_seed(5)
    initialise(network, source)
    images = torch.rand(3, 3, 44, 50, generator=source) * 2 - 1
    with torch.no_grad():
        trace = forward(network, images)
        _, gradients = discriminator_gradients(network, trace)
    real, fake, mixed = torch.split(images, 1)
    penalty = GRADIENT_PENALTY_WEIGHT * gradient_penalty(network, mixed)
    (network(fake).mean() - network(real).mean() + penalty).backward()
    for parameter, gradient in gradients.items():
        assert parameter.grad is not None
        error = (gradient - parameter.grad).norm() / parameter.grad.norm()
        assert float(error) < 1e-4


def test_fakes_made_one_by_one_are_those_made_together(monkeypatch: pytest.MonkeyPatch) -> None:
    together, state = train(BatchedEngine(), level=2, feed=LevelFeed(), precision=torch.float64)
    passes: list[int] = []

    def counted(network: Discriminator | Generator, images: Tensor, padding: int = 0) -> Trace:
        passes.append(len(images))
        return forward(network, images, padding)

    monkeypatch.setattr(batched, "_LARGE_floats", 0)
    monkeypatch.setattr("singan.engines.derivatives.forward", counted)
    one_by_one, same = train(BatchedEngine(), level=2, feed=LevelFeed(), precision=torch.float64)
    assert passes[:3] == [1, 1, 1]
    torch.testing.assert_close(one_by_one, together, rtol=ROUNDING, atol=ROUNDING)
    for (name, found), (_, expected) in zip(everything(same), everything(state), strict=True):
        torch.testing.assert_close(found, expected, rtol=ROUNDING, atol=ROUNDING, msg=name)
