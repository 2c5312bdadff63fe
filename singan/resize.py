"""MATLAB's bicubic `imresize` as two small matrices (algorithm.md 2).

The resize is separable and linear, so each axis is one matrix, built once per (side, scale) and applied on
the device the image is on.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from singan.geometry import Size, scaled

_FLOAT32_GUARD = 1e-3
"""Lets exact 8-bit values survive truncation although float32 holds them an ulp too small."""

Floats = npt.NDArray[np.float64]


def cubic(x: Floats) -> Floats:
    """Cubic convolution kernel with a = -0.5 (Keys 1981), zero outside [-2, 2]."""
    x1 = np.abs(x)
    x2, x3 = x1**2, x1**3
    inner = 1.5 * x3 - 2.5 * x2 + 1
    outer = -0.5 * x3 + 2.5 * x2 - 4 * x1 + 2
    return np.where(x1 <= 1, inner, np.where(x1 <= 2, outer, 0.0))


def resize_weights(side: int, scale: float) -> Floats:
    """Matrix `[ceil(side * scale), side]` that resizes one axis; every row sums to 1.

    Centres come from `scale` itself, not from the ratio of the rounded sides; the kernel is stretched by
    1/scale when shrinking; indices outside are mirrored at the edge.
    """
    out_side = scaled(Size(side, side), scale).height
    stretch = min(scale, 1.0)
    width = 4 / stretch
    centres = (np.arange(out_side) + 0.5) / scale - 0.5
    # The input pixels under the kernel of each output pixel, and a few beside it, whose weight is 0.
    first = np.floor(centres - width / 2).astype(int)
    taps = first[:, None] + np.arange(math.ceil(width) + 2)
    weights = stretch * cubic(stretch * (centres[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    # Mirroring at both edges repeats the axis, forwards and backwards, every 2 * side pixels.
    mirrored = np.concatenate([np.arange(side), np.arange(side)[::-1]])[taps % (2 * side)]
    matrix = np.zeros((out_side, side))
    np.add.at(matrix, (np.arange(out_side)[:, None], mirrored), weights)
    return matrix


@lru_cache(maxsize=256)
def _weights_on(side: int, scale: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    # A tensor made in inference mode may not be used in training, and this one is kept for both.
    with torch.inference_mode(False):
        # Converted before it moves, because Apple's GPUs have no float64.
        return torch.from_numpy(resize_weights(side, scale)).to(dtype).to(device)


def truncate_to_8_bit(image: Tensor) -> Tensor:
    """Clamp to [-1, 1] and truncate to the 256 grey levels, as floats in 0..255.

    Quirk: the published resize goes through 8 bits and truncates, losing half a grey level each time. Trained
    generators learn to offset it, so rounding instead would change colours.
    """
    return torch.floor(255 * (image.clamp(-1, 1) + 1) / 2 + _FLOAT32_GUARD)


def resize(image: Tensor, scale: float) -> Tensor:
    """Resize `[B, C, H, W]` in [-1, 1] by `scale`; each side becomes `ceil(side * scale)`.

    The input is truncated to 8 bits first (see `truncate_to_8_bit`); the output is clamped, not rounded.
    """
    height, width = image.shape[-2:]
    rows = _weights_on(height, scale, image.dtype, image.device)
    columns = _weights_on(width, scale, image.dtype, image.device)
    resized = rows @ truncate_to_8_bit(image) @ columns.T
    return (resized / 127.5 - 1).clamp(-1, 1)


def crop(image: Tensor, size: Size) -> Tensor:
    """Top-left part of `[B, C, H, W]`; raises `ValueError` if the image is smaller than `size`."""
    if image.shape[-2] < size.height or image.shape[-1] < size.width:
        raise ValueError(f"cannot crop {tuple(image.shape[-2:])} to {tuple(size)}")
    return image[..., : size.height, : size.width]


def size_of(image: Tensor) -> Size:
    """Height and width of `[..., H, W]`."""
    return Size(int(image.shape[-2]), int(image.shape[-1]))
