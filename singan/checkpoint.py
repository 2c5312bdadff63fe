"""Trained levels as safetensors: plain numbers, nothing executed when read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from singan.errors import UserError
from singan.networks import Discriminator, Generator
from singan.pyramid import TrainedLevel
from singan.upsampling import Upsampler

Network = TypeVar("Network", Generator, Discriminator)

UPSAMPLER = "upsampler"
"""Prefix of the names of a learned upsampler's tensors."""

_ANCHOR = "anchor_noise"
_AMPLITUDE = "noise_amplitude"


def dump_level(level: TrainedLevel) -> bytes:
    """Serialise a trained level."""
    tensors = {
        f"{prefix}.{name}": tensor.cpu().contiguous()
        for prefix, network in (
            ("generator", level.generator),
            ("discriminator", level.discriminator),
            (UPSAMPLER, level.upsampler),
        )
        if network is not None
        for name, tensor in network.state_dict().items()
    }
    tensors[_ANCHOR] = level.anchor_noise.cpu().contiguous()
    tensors[_AMPLITUDE] = torch.tensor(level.noise_amplitude, dtype=torch.float64)
    return safetensors.torch.save(tensors)


def load_level(data: bytes, device: torch.device) -> TrainedLevel:
    """Read what `dump_level` wrote; raises `UserError` for anything else."""
    try:
        tensors = safetensors.torch.load(data)
        generator = _network(Generator, "generator", tensors).to(device)
        discriminator = _network(Discriminator, "discriminator", tensors).to(device)
        upsampler = upsampler_in(tensors, device)
        anchor = tensors[_ANCHOR].to(device)
        amplitude = tensors[_AMPLITUDE].item()
    except (SafetensorError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"not a trained level ({error})") from None
    if anchor.dtype != tensors["generator.head.conv.weight"].dtype or anchor.ndim != 4:
        raise UserError("not a trained level (its anchor noise is no image)")
    return TrainedLevel(generator, discriminator, amplitude, anchor, upsampler)


def upsampler_in(tensors: Mapping[str, Tensor], device: torch.device) -> Upsampler | None:
    """The upsampler among these tensors; None where they have none."""
    state = under(UPSAMPLER, tensors)
    if not state:
        return None
    upsampler = Upsampler().to(next(iter(state.values())).dtype)
    load_exactly(upsampler, state)
    return upsampler.to(device).requires_grad_(False)


def _network(kind: type[Network], prefix: str, tensors: Mapping[str, Tensor]) -> Network:
    state = under(prefix, tensors)
    weight = state["head.conv.weight"]
    network = kind(weight.shape[0]).to(weight.dtype)
    load_exactly(network, state)
    return network


def load_exactly(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state dict; raises `ValueError` if an entry is missing or unexpected.

    PyTorch by itself would fill in BatchNorm's count of batches where that is missing.
    """
    expected = network.state_dict().keys()
    if state.keys() != expected:
        odd = sorted(state.keys() ^ expected)
        raise ValueError(f"{odd[0]} is missing or unexpected")
    network.load_state_dict(dict(state))


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose name starts with `prefix.`, by the rest of their name."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
