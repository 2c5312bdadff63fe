from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.tiny import CPU
from singan.pixels import to_pixels, to_tensor

ALL_GREYS = np.stack([np.arange(256, dtype=np.uint8).reshape(16, 16)] * 3, axis=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_256_values_survive_the_round_trip(dtype: torch.dtype) -> None:
    image = to_tensor(ALL_GREYS, device=CPU, dtype=dtype)
    assert image.dtype == dtype
    assert np.array_equal(to_pixels(image).numpy(), ALL_GREYS)


def test_black_is_minus_one_and_white_is_one() -> None:
    pixels = np.array([[[0, 255, 51]]], dtype=np.uint8)
    assert to_tensor(pixels, device=CPU, dtype=torch.float64).flatten().tolist() == pytest.approx(
        [-1, 1, -0.6]
    )


def test_rows_columns_and_channels_keep_their_places() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image = to_tensor(pixels, device=CPU)
    assert image.shape == (1, 3, 2, 3)
    assert image.is_contiguous()
    assert float(image[0, 2, 1, 0]) == pytest.approx(float(pixels[1, 0, 2]) / 127.5 - 1)
    assert np.array_equal(to_pixels(image).numpy(), pixels)


def test_pixels_are_rounded_and_clamped() -> None:
    image = torch.tensor([100.4, 100.6, -40.0, 300.0]) / 127.5 - 1
    pixels = to_pixels(image.expand(1, 3, 1, 4))
    assert pixels.dtype == torch.uint8
    assert pixels[0, :, 0].tolist() == [100, 101, 0, 255]


def test_pixels_do_not_follow_the_tensor_they_came_from() -> None:
    image = torch.zeros(1, 3, 2, 2, requires_grad=True)
    pixels = to_pixels(image)
    with torch.no_grad():
        image.fill_(1)
    assert set(pixels.flatten().tolist()) == {128}
    assert not pixels.requires_grad
