"""3 x 3 convolutions between many channels and very few, as matrix products.

The last convolution of a network has 3 outputs or 1, its first has 3 inputs. oneDNN computes 8 or 16 channels
side by side and wastes most of them here; a matrix product with the 9 taps beside the few channels does not.
Shapes are those of `convolutions`; any floating type, any number of threads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEW = 3
"""Most channels that count as few."""


def to_few(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolution `[B, K, H - 2, W - 2]` of `[B, C, H, W]` for few `K`.

    One product has the results of all nine taps; they are then shifted and summed.
    """
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
    """Gradient `[B, C, H, W]` with respect to the images, from `[B, K, H - 2, W - 2]`, for few `K`."""
    few, many = weight.shape[:2]
    batch, _, height, width = gradient.shape
    flipped = weight.flip(2, 3).transpose(0, 1).reshape(many, 9 * few)
    return (flipped @ _windows(gradient)).view(batch, many, height + 2, width + 2)


def input_gradient_to_few(weight: Tensor, gradient: Tensor) -> Tensor:
    """Gradient `[B, C, H, W]` with respect to the images, from `[B, K, H - 2, W - 2]`, for few `C`."""
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
    """Gradient `[K, C, 3, 3]` with respect to the weight, for few `K`; summed over the images."""
    few = gradient.shape[1]
    batch, many, height, width = images.shape
    pixels = images.reshape(batch, many, height * width).transpose(1, 2)
    taps = torch.bmm(_windows(gradient), pixels).sum(0)
    return taps.view(few, 3, 3, many).flip(1, 2).permute(0, 3, 1, 2).contiguous()


def _windows(gradient: Tensor) -> Tensor:
    """All 3 x 3 windows that touch `[B, K, h, w]`, zero outside it: `[B, K * 9, (h + 2) * (w + 2)]`."""
    batch, few, height, width = gradient.shape
    height, width = height + 2, width + 2
    padded = nn.functional.pad(gradient, (2, 2, 2, 2))
    strides = padded.stride()
    # A view: moving within a window and moving the window have the same strides.
    shape = (batch, few, 3, 3, height, width)
    return padded.as_strided(shape, (*strides, *strides[2:])).reshape(batch, few * 9, height * width)
