"""Derivatives of the two networks, written out, for several images at once.

Each image is normalised by itself, as in a batch of one: images stacked along the channel axis are one
BatchNorm of B * C channels. In what follows

    a = conv(h_below, W) + bias      x = (a - mean) / deviation      y = scale * x + shift      h = leaky(y)

are the parts of a block, `[B, C, H, W]`; `da` is the gradient of some scalar by `a`; `a_t` is the tangent of
`a`, its derivative along a direction in the input. A convolution's bias is taken away again by the
normalisation after it, so its gradient is exactly zero; automatic differentiation leaves rounding noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from singan.engines.convolutions import convolve
from singan.networks import LEAK, ConvBlock, Discriminator, Generator

_aten = torch.ops.aten

Gradients = dict[Tensor, Tensor]
"""Gradients by parameter."""


@dataclass(frozen=True)
class BlockTrace:
    """What a forward pass through a block leaves for those that follow."""

    below: Tensor
    """`h_below`."""
    convolved: Tensor
    """`a`."""
    mean: Tensor
    """Of `a`, `[B * C]`."""
    inverse_deviation: Tensor
    """Of `a`, `[B * C]`."""
    output: Tensor
    """`h`; has the sign of `y`."""


@dataclass(frozen=True)
class Trace:
    """What a forward pass through a network leaves."""

    blocks: tuple[BlockTrace, ...]
    top: Tensor
    """Output of the last convolution, `[B, 3 or 1, H, W]`; for a generator before tanh and skip."""


def forward(network: Generator | Discriminator, images: Tensor, padding: int = 0) -> Trace:
    """Train-mode forward of `[B, 3, H, W]`, zero-padded; running statistics are left alone."""
    traces = []
    h = images
    for block in network.blocks:
        below = h
        a = convolve(h, block.conv.weight, block.conv.bias, padding)
        batch = len(a)
        scale, shift = block.norm.weight.repeat(batch), block.norm.bias.repeat(batch)
        y, mean, inverse = torch.native_batch_norm(
            _stacked(a), scale, shift, None, None, True, 0.0, block.norm.eps
        )
        h = nn.functional.leaky_relu_(y.view_as(a), LEAK)
        traces.append(BlockTrace(below, a, mean, inverse, h))
        padding = 0
    return Trace(tuple(traces), convolve(h, network.last.weight, network.last.bias))


def update_statistics(network: Generator | Discriminator, trace: Trace, images: slice = slice(None)) -> None:
    """Move BatchNorm's running statistics by these images of a forward pass, one after the other."""
    for block, seen in zip(network.blocks, trace.blocks, strict=True):
        norm, pixels = block.norm, seen.convolved[0, 0].numel()
        shape = (len(seen.convolved), -1)
        mean = seen.mean.view(shape)[images]
        variance = seen.inverse_deviation.view(shape)[images].pow(-2) - norm.eps
        momentum = norm.momentum
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        assert momentum is not None
        for index in range(len(mean)):
            norm.running_mean.lerp_(mean[index], momentum)
            norm.running_var.lerp_(variance[index] * (pixels / (pixels - 1)), momentum)
        norm.num_batches_tracked += len(mean)


@dataclass(frozen=True)
class BlockGradients:
    """Gradients inside a block: by image, not yet summed."""

    normalised: Tensor
    """`dy`."""
    convolved: Tensor
    """`da`."""
    scale: Tensor
    """`[B, C]`."""
    shift: Tensor
    """`[B, C]`."""


def block_backward(block: ConvBlock, trace: BlockTrace, dh: Tensor) -> BlockGradients:
    """From the gradient of a block's output to that of its convolution's."""
    dy = _aten.leaky_relu_backward(dh, trace.output, LEAK, True)
    batch = len(dh)
    da, scale, shift = _aten.native_batch_norm_backward(
        _stacked(dy), _stacked(trace.convolved), block.norm.weight.repeat(batch), None, None,
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
    """Tangent of the deviation as a share of it, `[1, C, 1, 1]`."""
    output: Tensor
    """Tangent of `h`."""


def block_tangent(
    block: ConvBlock, trace: BlockTrace, x: Tensor, inverse: Tensor, below: Tensor
) -> BlockTangent:
    """Push a tangent through a block; `x` and the inverse deviation `[1, C, 1, 1]` are those of the image."""
    a_t = convolve(below, block.conv.weight)
    deviation = (x * a_t).mean(
        (2, 3), keepdim=True
    )  # of the deviation itself, as x has mean 0 and variance 1
    x_t = (a_t - a_t.mean((2, 3), keepdim=True)).addcmul_(x, deviation, value=-1).mul_(inverse)
    y_t = x_t * _column(block.norm.weight)
    h_t = _aten.leaky_relu_backward(y_t, trace.output, LEAK, True)
    return BlockTangent(below, x_t, deviation * inverse, h_t)


def block_backward_tangent(
    block: ConvBlock,
    trace: BlockTrace,
    x: Tensor,
    inverse: Tensor,
    gradients: BlockGradients,
    tangent: BlockTangent,
    dh_t: Tensor | None,
) -> BlockGradients:
    """Tangent of `block_backward`, for one image; `dh_t` is that of its `dh`, None where it is zero."""
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
    da_t = inner.mul_(factor).addcmul_(gradients.convolved, tangent.deviation, value=-1)
    return BlockGradients(inner, da_t, mean_dy_x_t[..., 0, 0] * pixels, shift)


def normalised(trace: BlockTrace, image: int) -> tuple[Tensor, Tensor]:
    """`x` `[1, C, H, W]` of one image, and the inverse deviation `[1, C, 1, 1]`."""
    a = trace.convolved[image : image + 1]
    shape = (len(trace.convolved), -1)
    mean, inverse = (
        part.view(shape)[image : image + 1, :, None, None] for part in (trace.mean, trace.inverse_deviation)
    )
    return (a - mean).mul_(inverse), inverse


def set_gradients(network: Generator | Discriminator, gradients: Gradients) -> None:
    """Hand gradients to an optimiser; those not given are exactly zero."""
    for parameter in network.parameters():
        given = gradients.get(parameter)
        if given is not None:
            parameter.grad = given
        elif parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)


def _stacked(images: Tensor) -> Tensor:
    """`[B, C, H, W]` as one image of B * C channels."""
    return images.reshape(1, -1, *images.shape[2:])


def _column(channels: Tensor) -> Tensor:
    return channels[None, :, None, None]
