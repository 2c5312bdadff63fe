"""BatchNorm and LeakyReLU of a block and their derivatives, compiled: in two passes over memory each.

What they compute, and what it is called, is told in `derivatives`, which does the same with PyTorch. Images
are `[B, C, H, W]`, a plane is one channel of one image; everything is float32 and contiguous. Addresses count
bytes, four a float.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from singan.kernels.jit import Address, address, compiled, floats
from singan.networks import LEAK

_LEAK = np.float32(LEAK)


@compiled
def _forward(
    a_at: Address, weight_at: Address, bias_at: Address, h_at: Address, mean_at: Address,
    inverse_at: Address, planes: int, channels: int, pixels: int, eps: float,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    weight, bias = floats(weight_at, channels), floats(bias_at, channels)
    mean, inverse = floats(mean_at, planes), floats(inverse_at, planes)
    for plane in range(planes):
        a, h = floats(a_at + 4 * plane * pixels, pixels), floats(h_at + 4 * plane * pixels, pixels)
        total = np.float32(0)
        for p in range(pixels):
            total += a[p]
        centre = np.float32(total / pixels)
        squares = np.float32(0)
        for p in range(pixels):
            squares += (a[p] - centre) * (a[p] - centre)
        one = np.float32(1 / np.sqrt(squares / pixels + eps))
        mean[plane], inverse[plane] = centre, one
        scale = one * weight[plane % channels]
        shift = bias[plane % channels] - centre * scale
        for p in range(pixels):
            y = a[p] * scale + shift
            h[p] = y if y > 0 else y * _LEAK


@compiled
def _backward(
    dh_at: Address, h_at: Address, a_at: Address, mean_at: Address, inverse_at: Address, weight_at: Address,
    dy_at: Address, da_at: Address, scale_at: Address, shift_at: Address,
    planes: int, channels: int, pixels: int,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    weight, mean, inverse = floats(weight_at, channels), floats(mean_at, planes), floats(inverse_at, planes)
    scale, shift = floats(scale_at, planes), floats(shift_at, planes)
    for plane in range(planes):
        skip = 4 * plane * pixels
        dh, h, a = floats(dh_at + skip, pixels), floats(h_at + skip, pixels), floats(a_at + skip, pixels)
        dy, da = floats(dy_at + skip, pixels), floats(da_at + skip, pixels)
        centre, one = mean[plane], inverse[plane]
        total, along = np.float32(0), np.float32(0)
        for p in range(pixels):
            value = dh[p] if h[p] > 0 else dh[p] * _LEAK
            dy[p] = value
            total += value
            along += value * (a[p] - centre)
        along *= one
        scale[plane], shift[plane] = along, total
        factor = weight[plane % channels] * one
        mean_dy, slope = np.float32(total / pixels), np.float32(along / pixels) * one
        for p in range(pixels):
            da[p] = factor * (dy[p] - mean_dy - (a[p] - centre) * slope)


@compiled
def _tangent(
    a_t_at: Address, a_at: Address, h_at: Address, mean_at: Address, inverse_at: Address, weight_at: Address,
    x_t_at: Address, h_t_at: Address, deviation_at: Address, channels: int, pixels: int,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    weight, mean, inverse = (
        floats(weight_at, channels),
        floats(mean_at, channels),
        floats(inverse_at, channels),
    )
    deviation = floats(deviation_at, channels)
    for c in range(channels):
        skip = 4 * c * pixels
        a_t, a, h = floats(a_t_at + skip, pixels), floats(a_at + skip, pixels), floats(h_at + skip, pixels)
        x_t, h_t = floats(x_t_at + skip, pixels), floats(h_t_at + skip, pixels)
        centre, one = mean[c], inverse[c]
        total, along = np.float32(0), np.float32(0)
        for p in range(pixels):
            total += a_t[p]
            along += (a[p] - centre) * a_t[p]
        mean_a_t, share = np.float32(total / pixels), np.float32(along / pixels) * one
        deviation[c] = share * one
        slope = share * one
        for p in range(pixels):
            value = (a_t[p] - mean_a_t - (a[p] - centre) * slope) * one
            x_t[p] = value
            y_t = value * weight[c]
            h_t[p] = y_t if h[p] > 0 else y_t * _LEAK


@compiled
def _backward_tangent(
    dh_t_at: Address, h_at: Address, a_at: Address, x_t_at: Address, dy_at: Address, da_at: Address,
    mean_at: Address, inverse_at: Address, weight_at: Address, deviation_at: Address, scale_at: Address,
    da_t_at: Address, scale_t_at: Address, shift_t_at: Address, channels: int, pixels: int,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    """`dh_t_at` is 0 where `dh_t` is zero."""
    weight, mean, inverse = (
        floats(weight_at, channels),
        floats(mean_at, channels),
        floats(inverse_at, channels),
    )
    deviation, scale = floats(deviation_at, channels), floats(scale_at, channels)
    scale_t, shift_t = floats(scale_t_at, channels), floats(shift_t_at, channels)
    for c in range(channels):
        skip = 4 * c * pixels
        a, x_t, dy = floats(a_at + skip, pixels), floats(x_t_at + skip, pixels), floats(dy_at + skip, pixels)
        da, da_t = floats(da_at + skip, pixels), floats(da_t_at + skip, pixels)
        centre, one = mean[c], inverse[c]
        total, along, crossed = np.float32(0), np.float32(0), np.float32(0)
        if dh_t_at:
            dh_t, h = floats(dh_t_at + skip, pixels), floats(h_at + skip, pixels)
            for p in range(pixels):
                dy_t = dh_t[p] if h[p] > 0 else dh_t[p] * _LEAK
                da_t[p] = dy_t
                total += dy_t
                along += dy_t * (a[p] - centre)
                crossed += dy[p] * x_t[p]
        else:
            for p in range(pixels):
                da_t[p] = np.float32(0)
                crossed += dy[p] * x_t[p]
        scale_t[c], shift_t[c] = along * one + crossed, total
        mean_dy_t, slope = np.float32(total / pixels), np.float32(scale_t[c] / pixels) * one
        mean_dy_x = np.float32(scale[c] / pixels)
        factor, stretch = weight[c] * one, deviation[c]
        for p in range(pixels):
            inner = da_t[p] - mean_dy_t - x_t[p] * mean_dy_x - (a[p] - centre) * slope
            da_t[p] = inner * factor - da[p] * stretch


@compiled
def _update_statistics(
    mean_at: Address, inverse_at: Address, running_mean_at: Address, running_variance_at: Address,
    images: int, channels: int, pixels: int, eps: float, momentum: float,
) -> None:  # fmt: skip  # pragma: no cover  # compiled
    running_mean, running_variance = floats(running_mean_at, channels), floats(running_variance_at, channels)
    for image in range(images):
        skip = 4 * image * channels
        mean, inverse = floats(mean_at + skip, channels), floats(inverse_at + skip, channels)
        for c in range(channels):
            variance = (1 / (np.float64(inverse[c]) * inverse[c]) - eps) * pixels / (pixels - 1)
            running_mean[c] += momentum * (mean[c] - running_mean[c])
            running_variance[c] += momentum * (variance - running_variance[c])


def forward(a: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor, Tensor]:
    """Return `h`, and the mean and inverse deviation of `a`, `[B * C]`."""
    batch, channels, height, width = a.shape
    h = torch.empty_like(a)
    mean, inverse = torch.empty(batch * channels), torch.empty(batch * channels)
    _forward(
        address(a), address(norm.weight), address(norm.bias), address(h), address(mean),
        address(inverse), batch * channels, channels, height * width, norm.eps,
    )  # fmt: skip
    return h, mean, inverse


def backward(
    dh: Tensor, h: Tensor, a: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return `dy`, `da`, and the gradients of scale and shift, `[B, C]`."""
    batch, channels, height, width = a.shape
    dh = dh.contiguous()
    dy, da = torch.empty_like(a), torch.empty_like(a)
    scale, shift = torch.empty(batch, channels), torch.empty(batch, channels)
    _backward(
        address(dh), address(h), address(a), address(mean), address(inverse), address(weight),
        address(dy), address(da), address(scale), address(shift),
        batch * channels, channels, height * width,
    )  # fmt: skip
    return dy, da, scale, shift


def tangent(
    a_t: Tensor, a: Tensor, h: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `x_t`, `h_t`, and the deviation's tangent divided by the deviation, `[C]`; for one image."""
    _, channels, height, width = a.shape
    a_t = a_t.contiguous()
    x_t, h_t, deviation = torch.empty_like(a), torch.empty_like(a), torch.empty(channels)
    _tangent(
        address(a_t), address(a), address(h), address(mean), address(inverse), address(weight),
        address(x_t), address(h_t), address(deviation), channels, height * width,
    )  # fmt: skip
    return x_t, h_t, deviation


def backward_tangent(
    dh_t: Tensor | None, h: Tensor, a: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor,
    x_t: Tensor, deviation: Tensor, dy: Tensor, da: Tensor, scale: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return `da_t`, and the tangents of the gradients of scale and shift, `[1, C]`; for one image."""
    _, channels, height, width = a.shape
    dh_t = None if dh_t is None else dh_t.contiguous()
    da_t, scale_t, shift_t = torch.empty_like(a), torch.empty(1, channels), torch.empty(1, channels)
    _backward_tangent(
        address(dh_t), address(h), address(a), address(x_t), address(dy),
        address(da), address(mean), address(inverse), address(weight), address(deviation),
        address(scale), address(da_t), address(scale_t), address(shift_t), channels, height * width,
    )  # fmt: skip
    return da_t, scale_t, shift_t


def update_statistics(norm: nn.BatchNorm2d, mean: Tensor, inverse: Tensor, pixels: int) -> None:
    """Update running statistics by one image after the other; mean and inverse deviation are `[B, C]`."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    _update_statistics(
        address(mean), address(inverse), address(norm.running_mean), address(norm.running_var),
        len(mean), mean.shape[1], pixels, norm.eps, norm.momentum,
    )  # fmt: skip
