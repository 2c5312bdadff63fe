from __future__ import annotations

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.tiny import CPU, picture, tiny_pyramid, trained_level, unhurried
from singan.checkpoint import dump_level, load_level
from singan.engines.plain import PlainEngine
from singan.errors import UserError
from singan.geometry import Size
from singan.level import LevelTask, train_level
from singan.pyramid import TrainedLevel
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

SIZE = Size(14, 12)
STORED = dump_level(trained_level(0, SIZE, dtype=torch.float32))


def assert_equal_levels(one: TrainedLevel, other: TrainedLevel) -> None:
    assert one.noise_amplitude == other.noise_amplitude
    assert torch.equal(one.anchor_noise, other.anchor_noise)
    for network, again in ((one.generator, other.generator), (one.discriminator, other.discriminator)):
        state, loaded = network.state_dict(), again.state_dict()
        assert state.keys() == loaded.keys()
        for name, value in state.items():
            assert loaded[name].dtype == value.dtype, name
            assert torch.equal(loaded[name], value), name


def assert_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(UserError, match="not a trained level") as refusal:
        load_level(data, CPU)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", [0, 1])
def test_round_trip_is_exact(level: int, dtype: torch.dtype) -> None:
    trained = trained_level(level, SIZE, width=3, dtype=dtype)
    assert_equal_levels(trained, load_level(dump_level(trained), CPU))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_level_0_survives_the_round_trip_as_trained(dtype: torch.dtype) -> None:
    task = LevelTask(LevelFeed(), StopRule(), TrainingSettings(epochs=1, base_width=2), 0, "aa")
    pyramid = tiny_pyramid(dtype=dtype)
    trained, _ = train_level(pyramid, task, PlainEngine())
    loaded = load_level(dump_level(trained), CPU)
    assert_equal_levels(trained, loaded)
    generated = loaded.generate(loaded.anchor_noise, picture(pyramid.size(0), dtype=dtype))
    assert generated.dtype == dtype


@unhurried
@given(amplitude=st.floats(0, 10))
def test_noise_amplitude_keeps_every_bit(amplitude: float) -> None:
    level = trained_level(0, SIZE, width=1)
    stored = dump_level(TrainedLevel(level.generator, level.discriminator, amplitude, level.anchor_noise))
    assert load_level(stored, CPU).noise_amplitude == amplitude


def test_equal_levels_give_equal_bytes() -> None:
    assert dump_level(trained_level(0, SIZE, dtype=torch.float32)) == STORED


def test_loaded_level_does_not_follow_the_bytes_or_the_original() -> None:
    level = trained_level(0, SIZE)
    stored = dump_level(level)
    level.generator.state_dict()["head.conv.weight"].zero_()
    assert load_level(stored, CPU).generator.state_dict()["head.conv.weight"].any()


@unhurried
@given(length=st.integers(0, len(STORED) - 1))
def test_truncated_file_is_refused(length: int) -> None:
    assert_refused_in_one_line(STORED[:length])


@unhurried
@given(data=st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    assert_refused_in_one_line(data)


def without(name: str) -> bytes:
    tensors = safetensors.torch.load(STORED)
    del tensors[name]
    return safetensors.torch.save(tensors)


def altered(name: str, tensor: Tensor) -> bytes:
    return safetensors.torch.save({**safetensors.torch.load(STORED), name: tensor})


@pytest.mark.parametrize("name", sorted(safetensors.torch.load(STORED)))
def test_missing_tensor_is_refused(name: str) -> None:
    assert_refused_in_one_line(without(name))


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("generator.head.conv.weight", torch.zeros(4, 3, 3, 2)),
        ("generator.head.conv.weight", torch.tensor(1.0)),
        ("generator.stranger", torch.zeros(2)),
        ("discriminator.tail.weight", torch.zeros(2, 4, 3, 3)),
        ("noise_amplitude", torch.zeros(2)),
        ("anchor_noise", torch.zeros(1, 3, 4, 4, dtype=torch.int64)),
    ],
)
def test_tensor_that_does_not_fit_is_refused(name: str, tensor: Tensor) -> None:
    assert_refused_in_one_line(altered(name, tensor))


def test_safetensors_of_something_else_is_refused() -> None:
    assert_refused_in_one_line(safetensors.torch.save({"weight": torch.zeros(3)}))
