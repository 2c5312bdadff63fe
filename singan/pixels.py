"""Conversions between 8-bit pixels and tensors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pixels = npt.NDArray[np.uint8]
"""An RGB picture `[H, W, 3]`."""


def to_tensor(pixels: Pixels, *, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """8-bit pixels `[H, W, 3]` as `[1, 3, H, W]` in [-1, 1]."""
    image = torch.tensor(pixels, dtype=dtype, device=device) / 127.5 - 1
    return image.permute(2, 0, 1)[None].contiguous()


def to_pixels(image: Tensor) -> Tensor:
    """`[1, 3, H, W]`, clamped to [-1, 1] and rounded, as uint8 `[H, W, 3]` on the CPU."""
    scaled = (image.detach()[0].clamp(-1, 1) + 1) * 127.5
    return scaled.round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu()
