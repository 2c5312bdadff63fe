from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.tiny import CPU, unhurried
from singan.geometry import Size
from singan.randomness import LevelStreams, level_noise, noise_map, stream


def first_numbers(source: torch.Generator) -> list[float]:
    numbers: list[float] = torch.randn(4, generator=source).tolist()
    return numbers


@unhurried
@given(seed=st.integers(-(2**40), 2**40), name=st.sampled_from(["aa", "init"]), level=st.integers(0, 30))
def test_equal_names_give_equal_numbers_whatever_was_drawn_elsewhere(
    seed: int, name: str, level: int
) -> None:
    first = first_numbers(stream(seed, name, level, device=CPU))
    torch.randn(3)
    assert first_numbers(stream(seed, name, level, device=CPU)) == first


def test_every_seed_image_level_and_purpose_has_its_own_numbers() -> None:
    drawn = [
        tuple(first_numbers(source))
        for seed, digest, level in itertools.product((0, 1), ("aa", "bb"), (0, 1))
        for streams in [LevelStreams.of(seed, digest, level, CPU)]
        for source in (streams.init, streams.noise, streams.feed)
    ]
    assert len(set(drawn)) == len(drawn) == 24


def test_streams_of_a_level_do_not_disturb_each_other() -> None:
    streams, again = (LevelStreams.of(3, "aa", 2, CPU) for _ in range(2))
    first_numbers(streams.feed)
    first_numbers(streams.init)
    assert first_numbers(streams.noise) == first_numbers(again.noise)


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    noise_map(Size(4, 5), LevelStreams.of(0, "aa", 0, CPU).noise)
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_is_standard_normal() -> None:
    noise = noise_map(Size(100, 120), stream(0, "noise", device=CPU))
    assert noise.shape == (1, 3, 100, 120)
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    channels = torch.corrcoef(noise[0].flatten(1))
    assert torch.allclose(channels, torch.eye(3), atol=0.05)


def test_noise_is_fresh_at_every_draw() -> None:
    source = stream(0, "noise", device=CPU)
    assert not torch.equal(noise_map(Size(4, 5), source), noise_map(Size(4, 5), source))


@pytest.mark.parametrize(("level", "channels"), [(0, 1), (1, 3), (8, 3)])
def test_only_level_0_repeats_one_channel(level: int, channels: int) -> None:
    noise = level_noise(level, Size(6, 7), stream(1, "noise", device=CPU))
    assert noise.shape == (1, 3, 6, 7)
    assert len({tuple(channel.flatten().tolist()) for channel in noise[0]}) == channels
