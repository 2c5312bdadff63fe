from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.tiny import ByHand, draw, picture, trained_level
from singan.geometry import Size
from singan.pyramid import TrainedLevel
from singan.resize import resize
from singan.superres import super_resolve

WORKING = Size(20, 18)


def top_level(dtype: torch.dtype = torch.float64) -> TrainedLevel:
    return trained_level(2, WORKING, width=2, dtype=dtype)


def enlarged(factor: float, seed: int = 0, working: Tensor | None = None) -> Tensor:
    image = picture(WORKING) if working is None else working
    return super_resolve(top_level(image.dtype), image, factor, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("factor", "size"),
    [(1.5, (30, 27)), (2, (40, 36)), (3, (60, 54)), (4, (80, 72)), (8, (160, 144)), (2.3, (46, 41))],
)
def test_output_is_the_factor_times_the_working_image(factor: float, size: tuple[int, int]) -> None:
    image = enlarged(factor)
    assert tuple(image.shape) == (1, 3, *size)
    assert float(image.abs().max()) <= 1


def test_every_step_resizes_then_passes_through_the_last_generator() -> None:
    by_hand, random = ByHand(top_level().generator), torch.Generator().manual_seed(4)
    image = picture(WORKING)
    # Factor 2 is three steps of 2^(1/3): 20x18 -> 26x23 -> 33x29 -> 42x37, then cropped to 40x36.
    for step, size in enumerate((Size(26, 23), Size(33, 29), Size(42, 37))):
        image = resize(image, 2 ** (1 / 3))
        assert tuple(image.shape[-2:]) == size
        noise = draw(size, random, channels=1 if step == 0 else 3)
        mixed = top_level().noise_amplitude * noise + image
        image = by_hand.generate(mixed, image, training=False).detach()
    assert torch.allclose(enlarged(2, seed=4), image[..., :40, :36].clamp(-1, 1), atol=1e-12)


@pytest.mark.parametrize("factor", [1.5, 4])
def test_seed_decides_the_picture(factor: float) -> None:
    assert torch.equal(enlarged(factor, seed=1), enlarged(factor, seed=1))
    assert not torch.allclose(enlarged(factor, seed=1), enlarged(factor, seed=2), atol=1e-2)


def test_networks_and_global_randomness_are_left_alone() -> None:
    top, before = top_level(), torch.get_rng_state()
    values = [value.clone() for value in top.generator.state_dict().values()]
    super_resolve(top, picture(WORKING), 1.5, torch.Generator().manual_seed(0))
    assert all(map(torch.equal, top.generator.state_dict().values(), values))
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_is_told_after_every_step() -> None:
    told: list[tuple[int, int]] = []
    working, random = picture(WORKING), torch.Generator().manual_seed(0)
    super_resolve(top_level(), working, 2, random, lambda done, steps: told.append((done, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_float32_gives_the_same_picture_to_a_grey_level_or_so() -> None:
    # Truncation to 8 bits may fall on either side of a grey level, so a few pixels may be one level apart.
    single = enlarged(1.5, working=picture(WORKING, dtype=torch.float32))
    assert single.dtype == torch.float32
    assert float((single.double() - enlarged(1.5)).abs().mean()) < 1 / 255
