"""NIQE, the naturalness of a picture judged without a reference.

Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE Signal Processing
Letters 20(3), 2013. Written from the paper; where it leaves a choice open (border, luminance, how neighbours
are paired at a block's edge), the choice is the usual one, so that scores compare with published ones.

The letters of shapes: N blocks of a picture, B pixels along a block's side, F = 36 features.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runner.images.decode import Pixels
from singan.errors import UserError

Floats = npt.NDArray[np.float64]

BLOCK_px = 96
"""Side of a block at full scale; half of it at half scale."""

FEATURES = 36
"""Features of a block: at each of two scales, 2 of its coefficients and 4 of each of 4 neighbour products."""

MIN_BLOCKS = 2
"""Fewest blocks that can be judged: one block alone has no covariance."""

_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Offsets to the neighbours in rows and columns: to the right, down, and along both diagonals."""

_ROUNDING = 1e-9
"""Grey levels below which a difference is float64's rounding, some 1e-13, and not the picture's."""

_BT601 = (65.481, 128.553, 24.966)
"""Weights of R, G and B in [0, 1] for luma in [16, 235], the "studio" range of BT.601."""


@dataclass(frozen=True)
class Download:
    """A file that a measure needs and the repository does not hold."""

    file: str
    url: str
    sha256: str


NIQE_PARAMETERS = Download(
    file="niqe_pris_params.npz",
    url="https://raw.githubusercontent.com/XPixelGroup/BasicSR/8d56e3a045f9fb3e1d8872f92ee4a4f07f886b0a/"
    "basicsr/metrics/niqe_pris_params.npz",
    sha256="2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
)
"""The authors' model of pristine photographs, in NumPy's format."""


@dataclass(frozen=True, eq=False)
class NiqeModel:
    """What natural photographs look like: a Gaussian over their features, and the window these come from."""

    mean: Floats
    """`[F]`."""
    covariance: Floats
    """`[F, F]`."""
    window: Floats
    """`[K, K]`, K odd, of sum 1."""


def load_model(path: Path) -> NiqeModel:
    """Read a parameter file; raises `UserError` when it is missing, damaged, or something else."""
    try:
        # Read at once: NumPy leaves a damaged file open.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            mean = np.asarray(archive["mu_pris_param"], dtype=np.float64).reshape(-1)
            covariance = np.asarray(archive["cov_pris_param"], dtype=np.float64)
            window = np.asarray(archive["gaussian_window"], dtype=np.float64)
    except FileNotFoundError:
        raise UserError("there is no such file of NIQE parameters", where=str(path)) from None
    except Exception as error:  # (zipfile, zlib and NumPy raise almost anything on damaged files)
        raise _damaged(path, f"cannot be read as NIQE parameters ({error})") from None
    model = NiqeModel(mean, covariance, window)
    _check(model, path)
    return model


def _check(model: NiqeModel, path: Path) -> None:
    if model.mean.shape != (FEATURES,) or model.covariance.shape != (FEATURES, FEATURES):
        raise _damaged(path, f"does not describe {FEATURES} features")
    sides = model.window.shape
    if len(sides) != 2 or sides[0] != sides[1] or sides[0] % 2 == 0 or sides[0] > BLOCK_px // 2:
        raise _damaged(path, "has no square window of odd side")
    if not all(np.isfinite(values).all() for values in (model.mean, model.covariance, model.window)):
        raise _damaged(path, "holds values that are not finite")
    if abs(model.window.sum() - 1) > 1e-6:
        raise _damaged(path, "has a window that does not sum to 1")


def _damaged(path: Path, what: str) -> UserError:
    return UserError(what, where=str(path), right=f"fetch it again from {NIQE_PARAMETERS.url}")


def niqe(pixels: Pixels, model: NiqeModel) -> float | None:
    """Distance of the picture's statistics from those of natural photographs, the index of the paper.

    Zero at best, without upper bound; about 2 to 5 for photographs. Lower is better. Of a picture only whole
    blocks of 96 px count, from the top left. None when fewer than two blocks can be judged: the picture is
    small or flat. Limits: it has never seen the input, so an invented but natural texture scores well and a
    faithful cartoon badly; on few blocks it scatters, so differences of some tenths mean nothing.
    """
    features = block_features(luminance(pixels), model.window)
    if len(features) < MIN_BLOCKS:
        return None
    difference = features.mean(axis=0) - model.mean
    covariance = (np.cov(features, rowvar=False) + model.covariance) / 2
    squared = float(difference @ np.linalg.pinv(covariance) @ difference)
    return math.sqrt(max(squared, 0.0))


def luminance(pixels: Pixels) -> Floats:
    """Luma of BT.601 in 16..235, rounded as MATLAB's `rgb2ycbcr` does to 8-bit pictures: `[H, W]`.

    The rounding matters: without it, smooth enlargements score up to 0.9 worse.
    """
    weighted: Floats = np.round(pixels @ (np.array(_BT601) / 255) + 16)
    return weighted


def block_features(image: Floats, window: Floats) -> Floats:
    """Features of every block of a luminance `[H, W]` that has them: `[N, F]`.

    Blocks without any texture (the black of a border, a burnt-out sky) have no distribution to fit and are
    left out.
    """
    height, width = (side // BLOCK_px * BLOCK_px for side in image.shape)
    if height == 0 or width == 0:
        return np.empty((0, FEATURES))
    whole = image[:height, :width]
    fine = scale_features(_blocks(normalised(whole, window), BLOCK_px))
    coarse = scale_features(_blocks(normalised(halved(whole), window), BLOCK_px // 2))
    features = np.concatenate([fine, coarse], axis=1)
    textured: Floats = features[np.isfinite(features).all(axis=1)]
    return textured


def normalised(image: Floats, window: Floats) -> Floats:
    """Mean-subtracted, contrast-normalised coefficients of a luminance, the MSCN of the paper."""
    mean = _filtered(image, window)
    variance = _filtered(image**2, window) - mean**2
    difference = image - mean
    # In a flat place, rounding leaves tiny values of either sign. Counted as samples, they would change the
    # fit by chance and from machine to machine; and a negative variance has no root.
    difference[np.abs(difference) < _ROUNDING] = 0.0
    coefficients: Floats = difference / (np.sqrt(np.abs(variance)) + 1)
    return coefficients


def _filtered(image: Floats, window: Floats) -> Floats:
    """Correlation of an image with a window, of the image's size; outside, the edge's pixels are repeated."""
    reach = window.shape[0] // 2
    around = np.lib.stride_tricks.sliding_window_view(np.pad(image, reach, mode="edge"), window.shape)
    filtered: Floats = np.einsum("hwij,ij->hw", around, window)
    return filtered


def halved(image: Floats) -> Floats:
    """The image at half its size, by MATLAB's antialiased bicubic `imresize`, neither rounded nor clamped."""
    from singan.resize import resize_weights  # noqa: PLC0415  (imports torch, which pages do without)

    height, width = image.shape
    smaller: Floats = resize_weights(height, 0.5) @ image @ resize_weights(width, 0.5).T
    return smaller


def _blocks(image: Floats, side: int) -> Floats:
    """Cut `[H, W]` into `[N, B, B]`, row by row."""
    height, width = image.shape
    grid = image.reshape(height // side, side, width // side, side)
    blocks: Floats = grid.swapaxes(1, 2).reshape(-1, side, side)
    return blocks


def scale_features(blocks: Floats) -> Floats:
    """18 features of each block `[N, B, B]` of coefficients: `[N, 18]`."""
    shape, left, right = fit_aggd(blocks)
    features = [shape, (left + right) / 2]
    for offset in _NEIGHBOURS:
        # Neighbours beyond the block's edge are those of its opposite edge, as is usual.
        shape, left, right = fit_aggd(blocks * np.roll(blocks, offset, axis=(1, 2)))
        mean = (right - left) * _gamma(2 / shape) / _gamma(1 / shape)
        features += [shape, mean, left, right]
    return np.stack(features, axis=1)


def fit_aggd(samples: Floats) -> tuple[Floats, Floats, Floats]:
    """Asymmetric generalised Gaussian of each row `[N, ...]`: its shape, left and right scale, `[N]` each.

    The density falls as exp(-(|x| / scale)^shape) on either side: the AGGD of the paper. Fitted by matching
    moments (Lasmar, Stitou and Berthoumieu 2009), with a shape from 0.2 to 10 in steps of 0.001. NaN where a
    row has no negative or no positive sample.
    """
    rows = samples.reshape(len(samples), -1)
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 is what tells a flat row
        left = _root_mean_square(rows, rows < 0)
        right = _root_mean_square(rows, rows > 0)
        spread = left / right
        ratio = np.mean(np.abs(rows), axis=1) ** 2 / np.mean(rows**2, axis=1)
        ratio *= (spread**3 + 1) * (spread + 1) / (spread**2 + 1) ** 2
    shape = _shape_of(ratio)
    to_scale = np.sqrt(_gamma(1 / shape) / _gamma(3 / shape))
    return shape, left * to_scale, right * to_scale


def _root_mean_square(rows: Floats, where: npt.NDArray[np.bool_]) -> Floats:
    squares = np.where(where, rows**2, 0.0).sum(axis=1)
    root: Floats = np.sqrt(squares / where.sum(axis=1))
    return root


def _shape_of(ratio: Floats) -> Floats:
    """Tabulated shape whose ratio of moments is nearest; NaN for a ratio that is NaN."""
    shapes, ratios = _ratio_table()  # (both ascend)
    above = np.searchsorted(ratios, ratio).clip(1, len(ratios) - 1)
    nearest = np.where(ratio - ratios[above - 1] <= ratios[above] - ratio, above - 1, above)
    return np.where(np.isfinite(ratio), shapes[nearest], np.nan)


@cache
def _ratio_table() -> tuple[Floats, Floats]:
    """Shapes, and (E|x|)^2 / E x^2 of the symmetric distribution of each shape."""
    shapes = np.arange(200, 10_001) / 1000
    return shapes, _gamma(2 / shapes) ** 2 / (_gamma(1 / shapes) * _gamma(3 / shapes))


def _gamma(values: Floats) -> Floats:
    return np.array([math.gamma(value) for value in values])
