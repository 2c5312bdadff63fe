from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from helpers.tiny import picture, unhurried
from singan.geometry import Size
from singan.resize import crop, cubic, resize, resize_weights, size_of, truncate_to_8_bit

Floats = npt.NDArray[np.float64]

sides = st.integers(2, 40)
scales = st.floats(0.25, 3)


def keys(x: float) -> float:
    """MATLAB's `cubic`."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    if x <= 2:
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return 0.0


def matlab_line(line: Sequence[float] | Floats, scale: float) -> list[float]:
    """MATLAB's `imresize` of one line, tap by tap, counting from 1 as MATLAB does."""
    side, shrink = len(line), min(scale, 1.0)
    width = 4 / shrink
    resized = []
    for out in range(1, math.ceil(side * scale) + 1):
        centre = out / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(centre - width / 2)
        total = weights = 0.0
        for tap in range(left, left + math.ceil(width) + 2):
            mirrored = (tap - 1) % (2 * side)
            mirrored = mirrored if mirrored < side else 2 * side - 1 - mirrored
            weight = shrink * keys(shrink * (centre - tap))
            total += weight * line[mirrored]
            weights += weight
        resized.append(total / weights)
    return resized


def matlab_image(image: torch.Tensor, scale: float) -> Floats:
    """The published resize of `[1, 3, H, W]`: to 8 bits, MATLAB along both axes, clamped to [-1, 1]."""
    grey = np.floor(255 * (np.clip(image[0].numpy(), -1, 1) + 1) / 2 + 1e-3)
    for axis in (1, 2):
        grey = np.apply_along_axis(lambda line: np.array(matlab_line(line, scale)), axis, grey)
    clamped: Floats = np.clip(2 * grey / 255 - 1, -1, 1)
    return clamped


@unhurried
@given(side=sides, scale=scales, seed=st.integers(0, 9))
def test_weights_are_those_of_matlab(side: int, scale: float, seed: int) -> None:
    assume(abs(side * scale - round(side * scale)) > 1e-6)
    line = np.random.default_rng(seed).uniform(0, 255, side)
    np.testing.assert_allclose(resize_weights(side, scale) @ line, matlab_line(line, scale), atol=1e-9)


@pytest.mark.parametrize("scale", [0.55, 0.7937005, 1.2599210, 2.0])
def test_image_is_resized_as_published(scale: float) -> None:
    image = picture(Size(13, 11)) * 1.1  # beyond [-1, 1] and off the grey levels
    np.testing.assert_allclose(resize(image, scale)[0].numpy(), matlab_image(image, scale), atol=1e-12)


@pytest.mark.parametrize("scale", [0.25, 0.5, 0.75, 1.25, 1.5, 2.0])
def test_agrees_with_pillow_inside_the_border(scale: float) -> None:
    # 40 px times these is whole, so that Pillow's scale (the ratio of the sides) is ours.
    image = picture(Size(40, 40), dtype=torch.float32)
    out = round(40 * scale)
    channel = (image[0, 0].numpy() + 1) * 127.5
    expected = np.asarray(Image.fromarray(channel).resize((out, out), Image.Resampling.BICUBIC))
    ours = (resize(image, scale)[0, 0].numpy() + 1) * 127.5
    border = math.ceil(2 * max(scale, 1.0)) + 1  # Pillow drops the taps outside, MATLAB mirrors them
    inside = slice(border, -border)
    np.testing.assert_allclose(ours[inside, inside], expected[inside, inside].clip(0, 255), atol=2e-3)


def test_first_weights_of_doubling_two_pixels() -> None:
    # Centre -0.25: the taps at -2..1 weigh -0.0234375, 0.2265625, 0.8671875, -0.0703125, and by mirroring
    # -1 is pixel 0 and -2 is pixel 1.
    weights = resize_weights(2, 2.0)
    np.testing.assert_allclose(weights[0], [1.09375, -0.09375])
    np.testing.assert_allclose(weights[3], [-0.09375, 1.09375])


def test_kernel_is_keys_with_a_half() -> None:
    points = np.array([0, 0.5, 1, 1.5, 2, 2.5])
    np.testing.assert_allclose(cubic(points), [1, 0.5625, 0, -0.0625, 0, 0])
    np.testing.assert_allclose(cubic(-points), cubic(points))


@unhurried
@given(side=sides, scale=scales)
def test_every_output_pixel_is_a_weighted_mean(side: int, scale: float) -> None:
    weights = resize_weights(side, scale)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    assert weights.shape[1] == side


@unhurried
@given(grey=st.integers(0, 255), scale=scales)
def test_constant_image_stays_constant(grey: int, scale: float) -> None:
    value = grey / 127.5 - 1
    resized = resize(torch.full((1, 3, 9, 7), value, dtype=torch.float32), scale)
    assert torch.allclose(resized, torch.tensor(value), atol=1e-6)


@pytest.mark.parametrize("scale", [0.5, 1.2599210, 2.0, 2.7])
def test_ramp_stays_a_ramp_inside(scale: float) -> None:
    resized = resize_weights(30, scale) @ np.arange(30.0)
    centres = (np.arange(len(resized)) + 0.5) / scale - 0.5
    inside = slice(math.ceil(3 * scale) + 2, -math.ceil(3 * scale) - 2)
    np.testing.assert_allclose(resized[inside], centres[inside], atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scale_1_keeps_all_256_grey_levels(dtype: torch.dtype) -> None:
    image = (torch.arange(256, dtype=dtype) / 127.5 - 1).reshape(1, 1, 16, 16)
    assert torch.equal(truncate_to_8_bit(image).flatten(), torch.arange(256, dtype=dtype))
    assert torch.allclose(resize(image, 1.0), image, atol=1e-7)


def test_grey_levels_are_truncated_not_rounded() -> None:
    image = torch.full((1, 3, 4, 4), 100.9 / 127.5 - 1, dtype=torch.float64)
    assert torch.allclose(resize(image, 1.0), torch.tensor(100 / 127.5 - 1, dtype=torch.float64))


def test_output_is_not_rounded_to_grey_levels() -> None:
    grey = (resize(picture(Size(12, 12)), 1.5) + 1) * 127.5
    assert float((grey - grey.round()).abs().max()) > 0.4


def test_input_and_output_are_clamped() -> None:
    flat = torch.full((1, 3, 6, 6), 1.0, dtype=torch.float64)
    assert torch.equal(resize(3 * flat, 1.0), flat)
    assert torch.equal(resize(-3 * flat, 1.0), -flat)
    edge = torch.cat([-flat, flat], dim=-1)  # bicubic overshoots at an edge
    assert float(resize(edge, 2.0).abs().max()) == 1.0


@pytest.mark.parametrize("scale", [0.5, 1.5, 2.0])
def test_edges_are_mirrored_alike_on_all_sides(scale: float) -> None:
    image = picture(Size(12, 8))
    for axis in (-2, -1):
        assert torch.allclose(resize(image.flip(axis), scale), resize(image, scale).flip(axis), atol=1e-12)


def test_centres_come_from_the_scale_not_from_the_rounded_side() -> None:
    # 10 px * 1.21 = 12.1, so 13 px; taking 13/10 instead would move the last centre from 9.83 to 9.12.
    weights = resize_weights(10, 1.21)
    assert weights.shape[0] == 13
    assert np.argmax(weights[5]) == round(5.5 / 1.21 - 0.5)
    np.testing.assert_allclose((weights @ np.arange(10.0))[5], 5.5 / 1.21 - 0.5, atol=1e-9)


def test_weights_first_built_in_inference_mode_serve_training_too() -> None:
    scale = 1.7320508  # not used elsewhere, so that nothing is cached yet
    with torch.inference_mode():
        expected = resize(picture(Size(9, 9)), scale).clone()
    image = picture(Size(9, 9)).requires_grad_(True)
    resized = resize(image, scale)
    torch.autograd.backward(resized.sum())
    assert torch.equal(resized.detach(), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_kept(dtype: torch.dtype) -> None:
    assert resize(picture(Size(6, 6), dtype=dtype), 1.5).dtype == dtype


def test_crop_keeps_the_top_left_part() -> None:
    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    assert crop(image, Size(2, 3)).tolist() == [[[[0, 1, 2], [5, 6, 7]]]]
    assert size_of(image) == Size(4, 5)


@pytest.mark.parametrize("size", [Size(5, 5), Size(4, 6)])
def test_crop_never_enlarges(size: Size) -> None:
    with pytest.raises(ValueError, match="cannot crop"):
        crop(torch.zeros(1, 3, 4, 5), size)
