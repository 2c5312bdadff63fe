from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict, fields

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFilter
import pytest
from skimage import color, data

from runner.metrics.evaluate import (
    DEFINITIONS,
    MAX_PSNR_dB,
    Metrics,
    baseline_outputs,
    blur,
    colour_shift,
    evaluate,
    psnr,
    shrink,
    ssim,
)
from runner.metrics.niqe import FEATURES, NiqeModel
from singan.geometry import Size, sr_output_size

Pixels = npt.NDArray[np.uint8]


def flat(value: int | tuple[int, int, int], height: int = 16, width: int = 20) -> Pixels:
    return np.full((height, width, 3), value, dtype=np.uint8)


def noise(height: int = 16, width: int = 20) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def photograph() -> Pixels:
    astronaut = data.astronaut()  # type: ignore[no-untyped-call]
    return np.asarray(astronaut[:240, 100:340], dtype=np.uint8)


def blurred(pixels: Pixels, radius: float) -> Pixels:
    return np.asarray(PIL.Image.fromarray(pixels).filter(PIL.ImageFilter.GaussianBlur(radius)))


def small_photograph() -> Pixels:
    return np.asarray(PIL.Image.fromarray(photograph()).resize((60, 60), PIL.Image.Resampling.BICUBIC))


@pytest.fixture(scope="session")
def niqe_model() -> NiqeModel:
    """Made up: at the origin, all features alike."""
    line = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
    return NiqeModel(np.zeros(FEATURES), np.eye(FEATURES), np.outer(line, line) / line.sum() ** 2)


@pytest.mark.parametrize("difference", [1, 5, 100])
def test_psnr_of_flat_pictures_is_that_of_their_difference(difference: int) -> None:
    assert psnr(flat(20), flat(20 + difference)) == pytest.approx(20 * math.log10(255 / difference))


def test_psnr_of_one_channel_is_a_third_of_the_error() -> None:
    assert psnr(flat(20), flat((20, 30, 20))) == pytest.approx(10 * math.log10(3 * 255**2 / 10**2))


def test_psnr_of_black_and_white_is_0() -> None:
    assert psnr(flat(0), flat(255)) == 0


def test_psnr_of_equal_pictures_is_the_cap() -> None:
    assert psnr(noise(), noise()) == MAX_PSNR_dB


def test_ssim_of_equal_pictures_is_1_and_of_unrelated_ones_near_0() -> None:
    assert ssim(noise(), noise()) == pytest.approx(1)
    assert abs(ssim(noise(), noise()[::-1, ::-1].copy())) < 0.1


def test_ssim_of_flat_pictures_is_the_luminance_term() -> None:
    # (2 a b + C) / (a^2 + b^2 + C), with C = (0.01 * 255)^2
    expected = (2 * 50 * 100 + 2.55**2) / (50**2 + 100**2 + 2.55**2)
    assert ssim(flat(50), flat(100)) == pytest.approx(expected, rel=1e-6)


def test_colour_shift_of_equal_pictures_is_0() -> None:
    assert colour_shift(noise(), noise()) == 0


def test_colour_shift_of_black_and_white_is_100() -> None:
    assert colour_shift(flat(0), flat(255)) == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize(("first", "second"), [(0, 10), (50, 60), (100, 180)])
def test_colour_shift_of_greys_is_their_weighted_difference_in_lightness(first: int, second: int) -> None:
    """Of greys, CIEDE2000 is |L1 - L2| / S_L."""
    lightness = [float(color.rgb2lab(flat(value, 1, 1))[0, 0, 0]) for value in (first, second)]
    middle = (sum(lightness) / 2 - 50) ** 2
    weight = 1 + 0.015 * middle / math.sqrt(20 + middle)
    assert colour_shift(flat(first), flat(second)) == pytest.approx(
        abs(lightness[1] - lightness[0]) / weight, rel=1e-3
    )


def test_ciede2000_agrees_with_published_pairs() -> None:
    """Pairs 1, 7, 17, 25 and 34 of Sharma, Wu and Dalal (2005), table 1."""
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ]
    for first, second, expected in pairs:
        assert float(color.deltaE_ciede2000(first, second)) == pytest.approx(  # type: ignore[no-untyped-call]
            expected, abs=1e-4
        )


def test_colour_shift_is_a_mean_over_pixels() -> None:
    half = flat(100)
    half[:8] = 180
    assert colour_shift(half, flat(100)) == pytest.approx(colour_shift(flat(180), flat(100)) / 2)


def test_blur_rises_with_blurring() -> None:
    picture = photograph()
    values = [blur(blurred(picture, radius)) for radius in (0, 1, 2, 4)]
    assert values == sorted(values)
    assert 0 < values[0] < values[-1] < 1
    assert blur(noise(64, 64)) < 0.2


def test_blur_of_a_flat_picture_is_total() -> None:
    assert blur(flat(100, 32, 32)) == pytest.approx(1)


@pytest.mark.parametrize("factor", [2, 2.5, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(55, 33), (20, 21)])
def test_shrunk_flat_picture_is_the_flat_input(factor: float, height: int, width: int) -> None:
    large = flat((10, 128, 250), *sr_output_size(Size(height, width), factor))
    shrunk = shrink(large, factor, Size(height, width))
    np.testing.assert_array_equal(shrunk, flat((10, 128, 250), height, width))


def test_shrinking_a_ramp_gives_the_ramp() -> None:
    ramp = np.broadcast_to(np.arange(0, 200, dtype=np.uint8)[None, :, None], (40, 200, 3))
    shrunk = shrink(np.ascontiguousarray(ramp), 4, Size(10, 50))
    # Centres lie at 1.5, 5.5, ... (halves may be rounded either way)
    assert np.abs(shrunk[:, 3:-3].astype(float) - (4 * np.arange(50) + 1.5)[None, 3:-3, None]).max() <= 0.5


@pytest.mark.parametrize("name", ["bicubic", "lanczos"])
def test_plain_enlargement_is_consistent_with_its_input(name: str) -> None:
    small = small_photograph()
    smooth = blurred(small, 1)
    metrics = evaluate(baseline_outputs(smooth, 4)[name], smooth, 4)
    assert metrics.lr_psnr > 40
    assert metrics.lr_delta_e < 1
    assert evaluate(baseline_outputs(small, 4)[name], small, 4).lr_psnr < metrics.lr_psnr


def test_colour_cast_and_shift_cost_consistency() -> None:
    small = small_photograph()
    good = baseline_outputs(small, 4)["bicubic"]
    cast = good.copy()
    cast[..., 0] = np.minimum(cast[..., 0], 235) + 20
    honest, tinted, moved = (evaluate(each, small, 4) for each in (good, cast, np.roll(good, 4, axis=1)))
    assert tinted.lr_psnr < honest.lr_psnr - 3
    assert tinted.lr_delta_e > honest.lr_delta_e + 3
    assert moved.lr_psnr < honest.lr_psnr - 3


def test_what_cannot_be_measured_is_none() -> None:
    small = small_photograph()
    metrics = evaluate(baseline_outputs(small, 4)["bicubic"], small, 4)
    assert (metrics.niqe, metrics.psnr, metrics.ssim) == (None, None, None)
    assert all(math.isfinite(value) for value in (metrics.lr_psnr, metrics.lr_delta_e, metrics.blur))


def test_small_output_has_no_niqe(niqe_model: NiqeModel) -> None:
    metrics = evaluate(noise(40, 60), noise(20, 30), 2, niqe_model=niqe_model)
    assert metrics.niqe is None


def test_everything_can_be_measured_and_written_as_json(niqe_model: NiqeModel) -> None:
    truth = photograph()
    metrics = evaluate(truth, small_photograph(), 4, ground_truth=truth, niqe_model=niqe_model)
    assert metrics.psnr == MAX_PSNR_dB
    assert metrics.ssim == pytest.approx(1)
    assert metrics.niqe is not None
    assert metrics.lr_psnr > 40  # (Pillow shrank it, not our resize)
    record = json.dumps(asdict(metrics), allow_nan=False)
    assert Metrics(**json.loads(record)) == metrics
    assert all(type(value) is float for value in asdict(metrics).values())


def test_same_pictures_measure_the_same_and_are_left_alone(niqe_model: NiqeModel) -> None:
    output, small = photograph(), small_photograph()
    for picture in (output, small):
        picture.setflags(write=False)
    first, second = (evaluate(output, small, 4, niqe_model=niqe_model) for _ in range(2))
    assert first == second


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="output is 60x40 pixels, not 90x60"):
        evaluate(noise(40, 60), noise(20, 30), 3)
    with pytest.raises(ValueError, match="ground truth is 30x20 pixels, not 60x40"):
        evaluate(noise(40, 60), noise(20, 30), 2, ground_truth=noise(20, 30))


@pytest.mark.parametrize("factor", [2, 2.5, 8])
def test_baselines_have_the_size_of_a_super_resolution(factor: float) -> None:
    outputs = baseline_outputs(noise(21, 19), factor)
    assert list(outputs) == ["nearest", "bicubic", "lanczos"]
    for output in outputs.values():
        assert output.shape == (math.floor(21 * factor), math.floor(19 * factor), 3)
        assert output.dtype == np.uint8
        assert output.flags.c_contiguous


def test_nearest_repeats_pixels() -> None:
    expected = noise().repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_array_equal(baseline_outputs(noise(), 4)["nearest"], expected)


def test_every_measure_is_defined_in_order() -> None:
    assert list(DEFINITIONS) == [field.name for field in fields(Metrics)]
    for definition in DEFINITIONS.values():
        assert definition.better in {"higher", "lower"}
        assert definition.title
        for sentence in (definition.meaning, definition.limit):
            assert sentence.endswith(".")
            assert "  " not in sentence


def test_definitions_can_be_had_without_torch() -> None:
    """Pages show them, and are rendered without it."""
    script = "import sys, runner.metrics.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
