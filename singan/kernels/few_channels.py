"""3 x 3 convolutions between many channels and very few, as matrix products.

The last convolution of a network has 3 outputs or 1, its first has 3 inputs. oneDNN computes 8 or 16 channels
side by side and wastes most of them here; a matrix product with the 9 taps beside the few channels does not.
Shapes are those of `convolutions`; any floating type, any number of threads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEW = 3
"""Channels, at most."""


def to_few(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolution `[B, K, H - 2, W - 2]` of `[B, C, H, W]` for `K` few: products first, then nine shifts."""
    few, many = weight.shape[:2]
    batch, _, height, width = images.shape
    taps = weight.permute(2, 3, 0, 1).reshape(9 * few, many) @ images.reshape(batch, many, height * width)
    parts = taps.view(batch, 3, 3, few, height, width)
    total = torch.zeros(1, few, 1, 1, dtype=images.dtype) if bias is None else bias.view(1, few, 1, 1)
    for i in range(3):
        for j in range(3):
            part = parts[:, i, j, :, i : i + height - 2, j : j + width - 2]
            total = total.add_(part) if i or j else total + part
    return total


def input_gradient_from_few(weight: Tensor, gradient: Tensor) -> Tensor:
    """Gradient `[B, C, H, W]` by the images, from that of few outputs `[B, K, H - 2, W - 2]`."""
    few, many = weight.shape[:2]
    batch, _, height, width = gradient.shape
    flipped = weight.flip(2, 3).transpose(0, 1).reshape(many, 9 * few)
    return (flipped @ _windows(gradient)).view(batch, many, height + 2, width + 2)


def input_gradient_to_few(weight: Tensor, gradient: Tensor) -> Tensor:
    """Gradient `[B, C, H, W]` by few inputs, from `[B, K, H - 2, W - 2]`."""
    few = weight.shape[1]
    batch, many, height, width = gradient.shape
    taps = weight.permute(2, 3, 1, 0).reshape(9 * few, many) @ gradient.reshape(batch, many, height * width)
    parts = taps.view(batch, 3, 3, few, height, width)
    total = gradient.new_zeros(batch, few, height + 2, width + 2)
    for i in range(3):
        for j in range(3):
            total[:, :, i : i + height, j : j + width] += parts[:, i, j]
    return total


def weight_gradient_of_few(images: Tensor, gradient: Tensor) -> Tensor:
    """Gradient `[K, C, 3, 3]` by the weight, from that of few outputs; summed over the images."""
    few = gradient.shape[1]
    batch, many, height, width = images.shape
    pixels = images.reshape(batch, many, height * width).transpose(1, 2)
    taps = torch.bmm(_windows(gradient), pixels).sum(0)
    return taps.view(few, 3, 3, many).flip(1, 2).permute(0, 3, 1, 2).contiguous()


def _windows(gradient: Tensor) -> Tensor:
    """`[B, K * 9, (h + 2) * (w + 2)]`: of `[B, K, h, w]` the 3 x 3 windows that touch it, zero outside."""
    batch, few, height, width = gradient.shape
    height, width = height + 2, width + 2
    padded = nn.functional.pad(gradient, (2, 2, 2, 2))
    strides = padded.stride()
    shape = (batch, few, 3, 3, height, width)
    return padded.as_strided(shape, (*strides, *strides[2:])).reshape(batch, few * 9, height * width)
