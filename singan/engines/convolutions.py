"""3 x 3 convolutions and their gradients: by PyTorch, or by Winograd's method where that is faster.

Winograd's needs numba, float32 and a process that has one thread, as those that work side by side have. It
rounds differently, by about as much as two of PyTorch's own ways do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from singan.engines import winograd


def uses_winograd(device: torch.device) -> bool:
    """Whether this process takes Winograd's method for large enough pictures on this device."""
    return device.type == "cpu" and torch.get_num_threads() == 1 and winograd.is_available()


def convolve(images: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """`[B, K, H - 2, W - 2]` of `[B, C, H, W]`; `padding` zeros are put around first."""
    if _pays(images, weight, padding):
        return winograd.forward(images, weight, bias)
    return nn.functional.conv2d(images, weight, bias, padding=padding)


def input_gradient(images: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    """Gradient `[B, C, H, W]` by the images, from that of the output."""
    if _pays(images, weight, 0):
        return winograd.input_gradient(gradient, weight)
    return _backward(images, weight, gradient, 0, wants_input=True)[0]


def weight_gradient(images: Tensor, weight: Tensor, gradient: Tensor, padding: int = 0) -> Tensor:
    """Gradient `[K, C, 3, 3]` by the weight, summed over the images, from that of the output."""
    if _pays(images, weight, padding):
        return winograd.weight_gradient(images, gradient)
    return _backward(images, weight, gradient, padding, wants_input=False)[1]


def _pays(images: Tensor, weight: Tensor, padding: int) -> bool:
    inside = padding == 0 and images.dtype == torch.float32 and weight.shape[0] == weight.shape[1]
    return inside and uses_winograd(images.device) and winograd.pays(images.shape)


def _backward(
    images: Tensor, weight: Tensor, gradient: Tensor, padding: int, *, wants_input: bool
) -> tuple[Tensor, Tensor, Tensor]:
    mask = [wants_input, not wants_input, False]
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [1, 1], [padding, padding], [1, 1], False, [0, 0], 1, mask
    )
    return found
