"""Trained levels as safetensors: plain numbers, nothing executed when read."""

from __future__ import annotations

from collections.abc import Mapping

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from singan.errors import UserError
from singan.networks import Discriminator, Generator
from singan.pyramid import TrainedLevel

_ANCHOR = "anchor_noise"
_AMPLITUDE = "noise_amplitude"


def dump_level(level: TrainedLevel) -> bytes:
    """Serialise a trained level."""
    tensors = {
        f"{prefix}.{name}": tensor.cpu().contiguous()
        for prefix, network in (("generator", level.generator), ("discriminator", level.discriminator))
        for name, tensor in network.state_dict().items()
    }
    tensors[_ANCHOR] = level.anchor_noise.cpu().contiguous()
    tensors[_AMPLITUDE] = torch.tensor(level.noise_amplitude, dtype=torch.float64)
    return safetensors.torch.save(tensors)


def load_level(data: bytes, device: torch.device) -> TrainedLevel:
    """Read what `dump_level` wrote; raises `UserError` if it is no such thing."""
    try:
        tensors = safetensors.torch.load(data)
        anchor = tensors[_ANCHOR]
        networks = [
            _network(kind, prefix, tensors, anchor.dtype)
            for kind, prefix in ((Generator, "generator"), (Discriminator, "discriminator"))
        ]
        amplitude = float(tensors[_AMPLITUDE])
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise UserError(f"not a trained level ({error})") from None
    generator, discriminator = (network.to(device) for network in networks)
    assert isinstance(generator, Generator)
    assert isinstance(discriminator, Discriminator)
    return TrainedLevel(generator, discriminator, amplitude, anchor.to(device))


def _network(
    kind: type[Generator] | type[Discriminator],
    prefix: str,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype,
) -> Generator | Discriminator:
    state = {
        name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")
    }
    network = kind(state["head.conv.weight"].shape[0]).to(dtype)
    network.load_state_dict(state)
    return network
