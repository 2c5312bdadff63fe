from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFilter
import pytest
from skimage import data

from runner.metrics.niqe import (
    FEATURES,
    NIQE_PARAMETERS,
    NiqeModel,
    block_features,
    fit_aggd,
    halved,
    load_model,
    luminance,
    niqe,
    normalised,
    scale_features,
)
from singan.errors import UserError

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


def gaussian_window() -> Floats:
    """7 x 7, of standard deviation 7/6, as in the paper."""
    line = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
    window: Floats = np.outer(line, line) / line.sum() ** 2
    return window


def from_skimage(name: str) -> Pixels:
    """A photograph that scikit-image brings along."""
    return np.asarray(getattr(data, name)(), dtype=np.uint8)


def photograph() -> Pixels:
    """Not among those the model is fitted to."""
    return from_skimage("astronaut")[:384, :384].copy()


@pytest.fixture(scope="session")
def model() -> NiqeModel:
    """What some photographs inside scikit-image have in common."""
    names = ("coffee", "rocket", "chelsea", "immunohistochemistry")
    window = gaussian_window()
    features = np.concatenate([block_features(luminance(from_skimage(name)), window) for name in names])
    assert len(features) > FEATURES
    return NiqeModel(features.mean(axis=0), np.cov(features, rowvar=False), window)


def parameters(model: NiqeModel) -> dict[str, Floats]:
    """As the public file holds them."""
    return {
        "mu_pris_param": model.mean[None],
        "cov_pris_param": model.covariance,
        "gaussian_window": model.window,
    }


def write(path: Path, arrays: dict[str, Floats]) -> Path:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return path


def generalised_gaussian(shape: float, left: float, right: float, number: int) -> Floats:
    """Samples of density proportional to exp(-(|x| / scale)^shape), with a scale for either side."""
    random = np.random.default_rng(0)
    size = random.gamma(1 / shape, size=number) ** (1 / shape)
    # Each side's probability is in proportion to its scale, or the density would jump at zero.
    negative = random.random(number) < left / (left + right)
    return np.where(negative, -left * size, right * size)


@pytest.mark.parametrize(
    ("shape", "left", "right"),
    [(2.0, 1.0, 1.0), (1.0, 0.5, 0.5), (0.6, 0.2, 0.4), (1.5, 3.0, 1.0), (3.0, 0.1, 0.3)],
)
def test_fit_recovers_generalised_gaussians(shape: float, left: float, right: float) -> None:
    samples = generalised_gaussian(shape, left, right, 300_000)
    fitted = [float(each[0]) for each in fit_aggd(samples[None])]
    assert fitted == pytest.approx([shape, left, right], rel=0.03)


def test_fit_of_a_normal_distribution_has_shape_2_and_scale_of_root_2_deviations() -> None:
    samples = np.random.default_rng(1).normal(0, 0.7, (1, 300_000))
    shape, left, right = (float(each[0]) for each in fit_aggd(samples))
    assert shape == pytest.approx(2, abs=0.03)
    assert (left, right) == pytest.approx((0.7 * 2**0.5, 0.7 * 2**0.5), rel=0.02)


def test_fit_stays_within_the_range_of_shapes() -> None:
    two_values = np.tile([-1.0, 1.0], 50)  # flatter than any of them
    one_spike = np.concatenate([[-1e3, 1e3], np.tile([-1e-9, 1e-9], 5_000)])  # more peaked than any
    assert fit_aggd(two_values[None])[0] == pytest.approx([10.0])
    assert fit_aggd(one_spike[None])[0] == pytest.approx([0.2])


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_fit_of_one_sided_samples_is_not_a_number(value: float) -> None:
    shape, _, _ = fit_aggd(np.full((1, 100), value))
    assert np.isnan(shape).all()


def test_rows_are_fitted_on_their_own() -> None:
    rows = np.stack([generalised_gaussian(shape, 1, 2, 1000) for shape in (0.8, 2.5)])
    both = fit_aggd(rows)
    for index in range(2):
        alone = fit_aggd(rows[index : index + 1])
        assert [each[index] for each in both] == [each[0] for each in alone]


def test_luminance_spans_the_studio_range() -> None:
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    assert luminance(colours).tolist() == [[16, 235, 81, 145, 41]]


def test_normalised_coefficients_follow_their_definition() -> None:
    window = gaussian_window()
    image = np.random.default_rng(0).uniform(0, 255, (20, 30))
    padded = np.pad(image, 3, mode="edge")
    coefficients = normalised(image, window)
    for row, column in np.ndindex(*image.shape):
        around = padded[row : row + 7, column : column + 7]
        mean = (window * around).sum()
        deviation = (window * (around - mean) ** 2).sum() ** 0.5
        expected = (image[row, column] - mean) / (deviation + 1)
        assert coefficients[row, column] == pytest.approx(expected, abs=1e-9)


def test_normalised_coefficients_of_a_flat_image_are_nothing() -> None:
    assert not normalised(np.full((12, 12), 0.1 + 0.2), gaussian_window()).any()


def test_halved_keeps_a_ramp_and_leaves_its_values_unrounded() -> None:
    ramp = np.add.outer(np.arange(32.0), 0.3 * np.arange(24.0))
    inner = halved(ramp)[4:-4, 4:-4]
    centres = np.add.outer(2 * np.arange(16) + 0.5, 0.3 * (2 * np.arange(12) + 0.5))[4:-4, 4:-4]
    np.testing.assert_allclose(inner, centres, atol=1e-12)


def test_features_of_white_noise_are_those_of_a_normal_distribution_without_correlation() -> None:
    blocks = np.random.default_rng(0).normal(size=(40, 96, 96))
    features = scale_features(blocks).mean(axis=0)
    assert features.shape == (FEATURES // 2,)
    assert features[0] == pytest.approx(2, abs=0.02)
    assert features[1] == pytest.approx(2**0.5, abs=0.01)
    means, lefts, rights = features[3::4], features[4::4], features[5::4]
    np.testing.assert_allclose(means, 0, atol=0.02)
    np.testing.assert_allclose(lefts, rights, rtol=0.03)


def test_products_run_along_down_and_on_both_diagonals() -> None:
    random = np.random.default_rng(0)
    line, grain = random.normal(size=96), random.normal(0, 0.5, (96, 96))
    stripes = {
        "along": np.stack([np.full(96, value) for value in line]),
        "down": np.stack([line] * 96),
        "falling": np.stack([np.roll(line, row) for row in range(96)]),
        "rising": np.stack([np.roll(line, -row) for row in range(96)]),
    }
    for index, striped in enumerate(stripes.values()):
        means = scale_features((striped + grain)[None])[0, 3::4]
        assert means.argmax() == index
        assert means[index] > 2 * np.abs(np.delete(means, index)).max()


def test_only_whole_blocks_count(model: NiqeModel) -> None:
    picture = photograph()
    beyond = picture.copy()
    beyond[288:], beyond[:, 288:] = 255, 0
    assert niqe(beyond[:383, :383], model) == niqe(picture[:288, :288], model)


def test_flat_blocks_are_left_out() -> None:
    image = luminance(photograph())[:192, :192]
    image[:99, :99] = 16  # (the window reaches 3 px beyond the block)
    assert block_features(image, gaussian_window()).shape == (3, FEATURES)


def test_same_picture_scores_the_same_and_is_left_alone(model: NiqeModel) -> None:
    picture = photograph()
    before = picture.copy()
    picture.setflags(write=False)
    assert niqe(picture, model) == niqe(picture, model)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize(("height", "width"), [(95, 960), (960, 95), (191, 191), (1, 1)])
def test_small_picture_has_no_score(model: NiqeModel, height: int, width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert niqe(pixels, model) is None


def test_flat_picture_has_no_score(model: NiqeModel) -> None:
    assert niqe(np.full((288, 288, 3), 90, dtype=np.uint8), model) is None


def test_two_blocks_are_enough(model: NiqeModel) -> None:
    assert niqe(photograph()[:96, :192], model) is not None


def test_a_model_of_the_picture_itself_is_at_no_distance() -> None:
    features = block_features(luminance(photograph()), gaussian_window())
    own = NiqeModel(features.mean(axis=0), np.cov(features, rowvar=False), gaussian_window())
    assert niqe(photograph(), own) == pytest.approx(0, abs=1e-6)


def test_distance_is_in_standard_deviations() -> None:
    features = block_features(luminance(photograph()), gaussian_window())
    narrow = np.cov(features, rowvar=False)
    shifted = features.mean(axis=0)
    shifted[0] += 3
    # The mean of both covariances is the identity, so the distance is that of the means.
    model = NiqeModel(shifted, 2 * np.eye(FEATURES) - narrow, gaussian_window())
    assert niqe(photograph(), model) == pytest.approx(3)


def noisy(pixels: Pixels) -> Pixels:
    random = np.random.default_rng(0)
    return (pixels + random.normal(0, 25, pixels.shape)).clip(0, 255).astype(np.uint8)


def blurred(pixels: Pixels) -> Pixels:
    return np.asarray(PIL.Image.fromarray(pixels).filter(PIL.ImageFilter.GaussianBlur(2)))


def blocky(pixels: Pixels) -> Pixels:
    return pixels[::4, ::4].repeat(4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize("spoil", [noisy, blurred, blocky])
def test_spoiling_a_photograph_raises_its_score(model: NiqeModel, spoil: Callable[[Pixels], Pixels]) -> None:
    clean, spoiled = niqe(photograph(), model), niqe(spoil(photograph()), model)
    assert clean is not None
    assert spoiled is not None
    assert spoiled > clean + 1


def test_parameters_are_read_from_a_file(model: NiqeModel, tmp_path: Path) -> None:
    read = load_model(write(tmp_path / NIQE_PARAMETERS.file, parameters(model)))
    np.testing.assert_array_equal(read.mean, model.mean)
    np.testing.assert_array_equal(read.covariance, model.covariance)
    np.testing.assert_array_equal(read.window, model.window)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("mu_pris_param", np.zeros((1, 35)), "36 features"),
        ("cov_pris_param", np.zeros((36, 35)), "36 features"),
        ("gaussian_window", np.zeros((7, 5)), "odd side"),
        ("gaussian_window", np.zeros((6, 6)), "odd side"),
        ("gaussian_window", np.zeros(7), "odd side"),
        ("gaussian_window", np.ones((7, 7)), "sum to 1"),
        ("cov_pris_param", np.full((36, 36), np.nan), "not finite"),
        ("mu_pris_param", np.array(["a"] * 36), "cannot be read"),
        ("mu_pris_param", np.array([None] * 36), "cannot be read"),  # (a pickle)
        ("mu_pris_param", None, "cannot be read"),
    ],
)
def test_wrong_arrays_are_refused(
    model: NiqeModel, tmp_path: Path, key: str, value: Floats | None, says: str
) -> None:
    arrays = parameters(model)
    if value is None:
        del arrays[key]
    else:
        arrays[key] = value
    path = write(tmp_path / "niqe.npz", arrays)
    with pytest.raises(UserError, match=says) as refused:
        load_model(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "niqe.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="fetch it again"):
        load_model(path)


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "niqe.npy", np.zeros(36))
    with pytest.raises(UserError, match="fetch it again"):
        load_model(tmp_path / "niqe.npy")


def test_damaged_bytes_are_refused_or_harmless(model: NiqeModel, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.npz", parameters(model)).read_bytes()
    random = np.random.default_rng(0)
    for trial in range(60):
        damaged = bytearray(whole[: random.integers(len(whole))] if trial % 2 else whole)
        for place in random.integers(0, max(len(damaged), 1), 8)[: len(damaged)]:
            damaged[place] = random.integers(256)
        path = tmp_path / f"{trial}.npz"
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            load_model(path)


def test_missing_parameters_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no such file"):
        load_model(tmp_path / "missing.npz")
