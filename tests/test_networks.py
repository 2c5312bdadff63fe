from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers.tiny import ByHand, picture, randomise, same_state, state_of, unhurried
from singan.geometry import Size
from singan.networks import Discriminator, Generator, frozen_statistics, initialise

BLOCKS = ("head", "body.block1", "body.block2", "body.block3")
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def random_networks(width: int = 4) -> tuple[Generator, Discriminator]:
    generator, discriminator = Generator(width).double(), Discriminator(width).double()
    randomise(generator, 1)
    randomise(discriminator, 2)
    return generator, discriminator


def initialised(kind: type[Generator] | type[Discriminator], seed: int) -> nn.Module:
    network = kind(32)
    initialise(network, torch.Generator().manual_seed(seed))
    return network


@pytest.mark.parametrize(("kind", "tail"), [(Generator, "tail.0"), (Discriminator, "tail")])
def test_names_are_those_of_the_published_checkpoints(
    kind: type[Generator] | type[Discriminator], tail: str
) -> None:
    published = {f"{block}.conv.{name}" for block in BLOCKS for name in ("weight", "bias")}
    published |= {f"{block}.norm.{name}" for block in BLOCKS for name in NORM}
    published |= {f"{tail}.weight", f"{tail}.bias"}
    assert set(kind(4).state_dict()) == published


def test_layers_are_3_by_3_and_as_wide_as_the_contract_says() -> None:
    for network, out in ((Generator(6), 3), (Discriminator(6), 1)):
        shapes = [tuple(module.weight.shape) for module in network.modules() if isinstance(module, nn.Conv2d)]
        assert shapes == [(6, 3, 3, 3), (6, 6, 3, 3), (6, 6, 3, 3), (6, 6, 3, 3), (out, 6, 3, 3)]


def test_batch_norm_forgets_a_tenth_per_forward() -> None:
    norms = [module for module in Generator(4).modules() if isinstance(module, nn.BatchNorm2d)]
    assert [norm.momentum for norm in norms] == [0.1] * 4


@unhurried
@given(height=st.integers(11, 26), width=st.integers(11, 26))
def test_generator_keeps_the_size_and_discriminator_loses_ten(height: int, width: int) -> None:
    generator, discriminator = random_networks()
    image = picture(Size(height, width))
    assert generator(image, image).shape == (1, 3, height, width)
    assert discriminator(image).shape == (1, 1, height - 10, width - 10)


@pytest.mark.parametrize("training", [True, False])
def test_networks_compute_what_the_contract_says(training: bool) -> None:
    generator, discriminator = random_networks()
    mixed, previous = picture(Size(14, 12), 1), picture(Size(14, 12), 2)
    expected = ByHand(generator).generate(mixed, previous, training=training)
    scored = ByHand(discriminator).score(mixed, training=training)
    assert torch.allclose(generator.train(training)(mixed, previous), expected, atol=1e-12)
    assert torch.allclose(discriminator.train(training)(mixed), scored, atol=1e-12)


@pytest.mark.parametrize("kind", [Generator, Discriminator])
def test_running_statistics_follow_the_forwards(kind: type[Generator] | type[Discriminator]) -> None:
    network = kind(4).double()
    by_hand = ByHand(network)
    for seed in (1, 2):
        image = picture(Size(14, 12), seed)
        if isinstance(network, Generator):
            network(image, image)
            by_hand.generate(image, image, training=True)
        else:
            network(image)
            by_hand.score(image, training=True)
    for name, value in network.state_dict().items():
        assert torch.allclose(value, by_hand.values[name], atol=1e-12), name


def values_of(network: nn.Module, kind: type[nn.Module], attribute: str) -> Tensor:
    return torch.cat(
        [getattr(module, attribute).flatten() for module in network.modules() if isinstance(module, kind)]
    ).detach()


@pytest.mark.parametrize("kind", [Generator, Discriminator])
def test_initial_values_are_distributed_as_published(kind: type[Generator] | type[Discriminator]) -> None:
    network = initialised(kind, 3)
    weights = values_of(network, nn.Conv2d, "weight")
    assert abs(float(weights.mean())) < 5e-4  # 5 standard errors
    assert float(weights.std()) == pytest.approx(0.02, rel=0.03)
    scales = values_of(network, nn.BatchNorm2d, "weight")
    assert float(scales.mean()) == pytest.approx(1, abs=0.01)
    assert float(scales.std()) == pytest.approx(0.02, rel=0.3)
    assert not values_of(network, nn.BatchNorm2d, "bias").any()


@pytest.mark.parametrize("kind", [Generator, Discriminator])
def test_initial_biases_fill_the_default_range(kind: type[Generator] | type[Discriminator]) -> None:
    for name, module in initialised(kind, 3).named_modules():
        if isinstance(module, nn.Conv2d):
            bound = 1 / math.sqrt(9 * module.in_channels)
            assert module.bias is not None
            bias = module.bias.detach()
            assert float(bias.abs().max()) <= bound, name
            if module.out_channels == 32:
                assert float(bias.min()) < -0.7 * bound, name
                assert float(bias.max()) > 0.7 * bound, name


@pytest.mark.parametrize("kind", [Generator, Discriminator])
def test_initial_values_come_from_the_given_stream_alone(
    kind: type[Generator] | type[Discriminator],
) -> None:
    first, again, other = (state_of(initialised(kind, seed)) for seed in (5, 5, 6))
    assert same_state(first, again)
    assert not torch.equal(first["head.conv.weight"], other["head.conv.weight"])


def test_frozen_statistics_normalises_by_the_batch_and_records_nothing() -> None:
    generator, _ = random_networks()
    image = picture(Size(14, 12))
    before = state_of(generator)
    with frozen_statistics(generator):
        frozen = generator(image, image)
    assert same_state(state_of(generator), before)
    assert torch.equal(frozen, generator(image, image))
    assert not torch.allclose(frozen, generator.eval()(image, image))


def test_statistics_move_again_after_being_frozen_even_through_an_error() -> None:
    generator, _ = random_networks()
    image = picture(Size(14, 12))
    with pytest.raises(RuntimeError, match="stop"), frozen_statistics(generator):
        raise RuntimeError("stop")
    generator(image, image)
    assert int(generator.state_dict()["head.norm.num_batches_tracked"]) == 8


def test_gradients_flow_through_frozen_statistics() -> None:
    generator, _ = random_networks()
    image = picture(Size(14, 12))
    with frozen_statistics(generator):
        loss = generator(image, image).square().sum()
    loss.backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())
