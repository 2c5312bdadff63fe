"""3 x 3 convolutions and their gradients, each by the method that was measured to be fastest for its shape.

To or from very few channels they are matrix products (`few_channels`), otherwise PyTorch's own or Winograd's.

Winograd's needs numba, float32 and a process that has one thread, as the workers of a pool have. It rounds
differently, by about as much as PyTorch's own methods differ from each other.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from singan.kernels import few_channels, jit, winograd

_LARGE_px = 1000
"""From this many pixels on, the gradient with respect to few input channels is faster as a matrix product."""


def convolve(images: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """Convolution of `[B, C, H, W]` with `weight [K, C, 3, 3]`: `[B, K, H - 2, W - 2]`, or larger if padded.

    `padding` is the number of zeros put around the images on each side.
    """
    if _pays(images, weight, padding):
        return winograd.forward(images, weight, bias)
    if padding == 0 and _is_narrow(images, weight.shape[0]):
        return few_channels.to_few(images, weight, bias)
    return nn.functional.conv2d(images, weight, bias, padding=padding)


def input_gradient(images: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    """Gradient `[B, C, H, W]` with respect to the images, from that of the output, `[B, K, H - 2, W - 2]`."""
    if _pays(images, weight, 0):
        return winograd.input_gradient(gradient, weight)
    if _is_narrow(gradient, weight.shape[0]):
        return few_channels.input_gradient_from_few(weight, gradient)
    if _is_narrow(gradient, weight.shape[1]) and gradient[0, 0].numel() >= _LARGE_px:
        return few_channels.input_gradient_to_few(weight, gradient)
    return _backward(images, weight, gradient, 0, wants_input=True)[0]


def weight_gradient(weight: Tensor, *pairs: tuple[Tensor, Tensor], padding: int = 0) -> Tensor:
    """Gradient `[K, C, 3, 3]` with respect to the weight, from pairs of images and gradient of their output.

    It is summed over all pairs, which have equal sizes, and over their images.
    """
    images = pairs[0][0]
    if _pays(images, weight, padding):
        return winograd.weight_gradient(*pairs)
    if padding == 0 and _is_narrow(images, weight.shape[0]):
        found = [few_channels.weight_gradient_of_few(*pair) for pair in pairs]
    else:
        found = [_backward(seen, weight, dy, padding, wants_input=False)[1] for seen, dy in pairs]
    return functools.reduce(Tensor.add_, found)


def _is_narrow(images: Tensor, channels: int) -> bool:
    return channels <= few_channels.FEW and images.device.type == "cpu" and images.is_contiguous()


def _pays(images: Tensor, weight: Tensor, padding: int) -> bool:
    """Whether Winograd's method can be used here, and is faster."""
    inside = padding == 0 and images.dtype == torch.float32 and weight.shape[0] == weight.shape[1]
    return inside and jit.serves(images.device) and winograd.pays(images.shape)


def _backward(
    images: Tensor, weight: Tensor, gradient: Tensor, padding: int, *, wants_input: bool
) -> tuple[Tensor, Tensor, Tensor]:
    mask = [wants_input, not wants_input, False]
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [1, 1], [padding, padding], [1, 1], False, [0, 0], 1, mask
    )
    return found
