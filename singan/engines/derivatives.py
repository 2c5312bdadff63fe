"""Derivatives of the two networks, written out, for several images at once.

Each image is normalised by itself, as in a batch of one: images stacked along the channel axis are one
BatchNorm of B * C channels. In what follows

    a = conv(h_below, W) + bias      x = (a - mean) / deviation      y = scale * x + shift      h = leaky(y)

are the parts of a block, `[B, C, H, W]`; `da` is the gradient of some scalar with respect to `a`; `a_t` is
the tangent of `a`, its derivative along a direction in the input. Biases without effect (see `networks`) get
no gradient.

Where compiled loops are used (`jit.serves`), `kernels.batch_norm` computes what lies between convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from singan.kernels import batch_norm, jit
from singan.kernels.convolutions import convolve
from singan.networks import LEAK, ConvBlock, Discriminator, Generator

_aten = torch.ops.aten

Gradients = dict[Tensor, Tensor]
"""Gradients by parameter."""


@dataclass(frozen=True)
class BlockTrace:
    """What a forward pass through a block keeps for the backward passes."""

    below: Tensor
    """`h_below`."""
    convolved: Tensor
    """`a`."""
    mean: Tensor
    """Mean of `a`, `[B * C]`."""
    inverse_deviation: Tensor
    """1 / deviation of `a`, `[B * C]`."""
    output: Tensor
    """`h`; has the sign of `y`."""


@dataclass(frozen=True)
class Trace:
    """What a forward pass through a network keeps for the backward passes."""

    blocks: tuple[BlockTrace, ...]
    top: Tensor
    """Output of the last convolution, `[B, 3 or 1, H, W]`; for a generator before tanh and skip."""


def forward(network: Generator | Discriminator, images: Tensor, padding: int = 0) -> Trace:
    """Train-mode forward of `[B, 3, H, W]`, zero-padded; running statistics are left alone."""
    traces = []
    h = images
    for block in network.blocks:
        a = convolve(h, block.conv.weight, block.conv.bias, padding)
        traces.append(_activated(block, h, a))
        h = traces[-1].output
        padding = 0  # only the input is padded
    return Trace(tuple(traces), convolve(h, network.last.weight, network.last.bias))


def _activated(block: ConvBlock, below: Tensor, a: Tensor) -> BlockTrace:
    """BatchNorm and LeakyReLU of `a`, the output of a block's convolution."""
    if _is_fused(a):
        h, mean, inverse = batch_norm.forward(a, block.norm)
        return BlockTrace(below, a, mean, inverse, h)
    batch = len(a)
    scale, shift = _repeated(block.norm.weight, batch), _repeated(block.norm.bias, batch)
    y, mean, inverse = torch.native_batch_norm(
        _stacked(a), scale, shift, None, None, True, 0.0, block.norm.eps
    )
    return BlockTrace(below, a, mean, inverse, nn.functional.leaky_relu_(y.view_as(a), LEAK))


def update_statistics(network: Generator | Discriminator, trace: Trace, images: slice = slice(None)) -> None:
    """Move BatchNorm's running statistics by these images of a forward pass, one after the other."""
    for block, seen in zip(network.blocks, trace.blocks, strict=True):
        norm, pixels = block.norm, seen.convolved[0, 0].numel()
        shape = (len(seen.convolved), -1)
        mean, inverse = seen.mean.view(shape)[images], seen.inverse_deviation.view(shape)[images]
        momentum = norm.momentum
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        assert momentum is not None
        norm.num_batches_tracked.add_(len(mean))  # `+=` would register it anew
        if _is_fused(seen.convolved):
            batch_norm.update_statistics(norm, mean, inverse, pixels)
            continue
        # The unbiased variance, as in PyTorch.
        variance = (inverse.pow(-2) - norm.eps) * (pixels / (pixels - 1))
        for image_mean, image_variance in zip(mean, variance, strict=True):
            norm.running_mean.lerp_(image_mean, momentum)
            norm.running_var.lerp_(image_variance, momentum)


@dataclass(frozen=True)
class BlockGradients:
    """Gradients inside a block, each image's by itself: not yet summed over the images."""

    normalised: Tensor
    """`dy`."""
    convolved: Tensor
    """`da`."""
    scale: Tensor
    """Gradient of BatchNorm's scale, `[B, C]`."""
    shift: Tensor
    """Gradient of BatchNorm's shift, `[B, C]`."""


def block_backward(block: ConvBlock, trace: BlockTrace, dh: Tensor) -> BlockGradients:
    """The gradients inside a block, from `dh`, that of its output."""
    if _is_fused(trace.convolved):
        known = (trace.output, trace.convolved, trace.mean, trace.inverse_deviation, block.norm.weight)
        return BlockGradients(*batch_norm.backward(dh, *known))
    dy = _aten.leaky_relu_backward(dh, trace.output, LEAK, True)
    batch = len(dh)
    da, scale, shift = _aten.native_batch_norm_backward(
        _stacked(dy), _stacked(trace.convolved), _repeated(block.norm.weight, batch), None, None,
        trace.mean, trace.inverse_deviation, True, block.norm.eps, [True, True, True],
    )  # fmt: skip
    return BlockGradients(dy, da.view_as(dy), scale.view(batch, -1), shift.view(batch, -1))


@dataclass(frozen=True)
class BlockTangent:
    """Derivatives of a block's parts along a direction in the network's input, for one image."""

    below: Tensor
    """Tangent of `h_below`."""
    normalised: Tensor
    """Tangent of `x`, `[1, C, H, W]`."""
    deviation: Tensor
    """Tangent of the deviation, divided by the deviation, `[C]`."""
    output: Tensor
    """Tangent of `h`."""


@dataclass(frozen=True)
class BlockGradientTangents:
    """Tangents of the gradients inside a block, for one image."""

    convolved: Tensor
    """Tangent of `da`."""
    scale: Tensor
    """Tangent of the gradient of BatchNorm's scale, `[1, C]`."""
    shift: Tensor
    """Tangent of the gradient of BatchNorm's shift, `[1, C]`."""


def block_tangent(block: ConvBlock, trace: BlockTrace, below: Tensor) -> BlockTangent:
    """Push the tangent `below` of a block's input through the block, for one image."""
    a_t = convolve(below, block.conv.weight)
    if _is_fused(a_t):
        known = (trace.convolved, trace.output, trace.mean, trace.inverse_deviation, block.norm.weight)
        x_t, h_t, deviation = batch_norm.tangent(a_t, *known)
        return BlockTangent(below, x_t, deviation, h_t)
    x, inverse = _normalised(trace)
    # This is the tangent of the deviation itself, as x has mean 0 and variance 1.
    deviation = (x * a_t).mean((2, 3), keepdim=True)
    x_t = (a_t - a_t.mean((2, 3), keepdim=True)).addcmul_(x, deviation, value=-1).mul_(inverse)
    y_t = x_t * _column(block.norm.weight)
    h_t = _aten.leaky_relu_backward(y_t, trace.output, LEAK, True)
    return BlockTangent(below, x_t, (deviation * inverse).flatten(), h_t)


def block_backward_tangent(
    block: ConvBlock, trace: BlockTrace, gradients: BlockGradients, tangent: BlockTangent, dh_t: Tensor | None
) -> BlockGradientTangents:
    """Tangent of `block_backward`, for one image; `dh_t` is the tangent of `dh`, None where that is zero."""
    if _is_fused(trace.convolved):
        known = (trace.output, trace.convolved, trace.mean, trace.inverse_deviation, block.norm.weight)
        first = (gradients.normalised, gradients.convolved, gradients.scale)
        return BlockGradientTangents(
            *batch_norm.backward_tangent(dh_t, *known, tangent.normalised, tangent.deviation, *first)
        )
    # The product rule on da = scale / deviation * (dy - mean(dy) - x * mean(dy * x)).
    x, inverse = _normalised(trace)
    pixels = x[0, 0].numel()
    mean_dy_x = (gradients.scale / pixels)[..., None, None]
    mean_dy_x_t = (gradients.normalised * tangent.normalised).mean((2, 3), keepdim=True)
    x_part = tangent.normalised * mean_dy_x
    if dh_t is None:
        inner = x_part.addcmul_(x, mean_dy_x_t).neg_()
        shift = torch.zeros_like(gradients.shift)
    else:
        dy_t = _aten.leaky_relu_backward(dh_t, trace.output, LEAK, True)
        mean_dy_t = dy_t.mean((2, 3), keepdim=True)
        mean_dy_x_t = mean_dy_x_t + (dy_t * x).mean((2, 3), keepdim=True)
        inner = (dy_t - mean_dy_t).sub_(x_part).addcmul_(x, mean_dy_x_t, value=-1)
        shift = mean_dy_t[..., 0, 0] * pixels
    factor = _column(block.norm.weight) * inverse
    da_t = inner.mul_(factor).addcmul_(gradients.convolved, _column(tangent.deviation), value=-1)
    return BlockGradientTangents(da_t, mean_dy_x_t[..., 0, 0] * pixels, shift)


def _normalised(trace: BlockTrace) -> tuple[Tensor, Tensor]:
    """`x` of one image, and the inverse deviation `[1, C, 1, 1]`."""
    inverse = _column(trace.inverse_deviation)
    return (trace.convolved - _column(trace.mean)).mul_(inverse), inverse


def _is_fused(images: Tensor) -> bool:
    """Whether the compiled `kernels.batch_norm` takes these images."""
    return images.dtype == torch.float32 and jit.serves(images.device)


def set_gradients(network: Generator | Discriminator, gradients: Gradients) -> None:
    """Hand gradients to an optimiser; those not given are exactly zero.

    They are copied: each one kept would hold a place amid memory that a step has freed, and fragment it.
    """
    for parameter in network.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        given = gradients.get(parameter)
        if given is not None:
            parameter.grad.copy_(given)


def _stacked(images: Tensor) -> Tensor:
    """`[B, C, H, W]` as one image of B * C channels."""
    return images.reshape(1, -1, *images.shape[2:])


def _repeated(channels: Tensor, times: int) -> Tensor:
    """Repeat `[C]` to `[times * C]`; faster than `Tensor.repeat`, which takes 60 us."""
    return channels.expand(times, -1).reshape(-1)


def _column(channels: Tensor) -> Tensor:
    return channels[None, :, None, None]
