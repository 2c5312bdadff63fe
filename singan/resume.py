"""A training in progress as bytes: all that decides its future, so that it can go on as if never stopped.

These are the networks, the upsampler, optimisers, random streams, anchor noise, the history, and the numbers
that decide the learning rate: epochs done, and those done when a plateau came.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from singan.checkpoint import UPSAMPLER, load_exactly, under, upsampler_in
from singan.errors import UserError
from singan.level import LevelHistory, LevelState, Snapshot

Tensors = dict[str, Tensor]

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_STREAMS = ("init", "noise", "feed")


def dump_training(state: LevelState, history: LevelHistory) -> bytes:
    """Serialise a training between two epochs."""
    tensors: Tensors = {
        "anchor_noise": state.anchor_noise,
        "epochs_done": torch.tensor(state.epochs_done),
        "seconds": torch.tensor(history.seconds, dtype=torch.float64),
        "processor_seconds": torch.tensor(history.processor_seconds, dtype=torch.float64),
        "losses": torch.tensor(history.losses, dtype=torch.float64),
        "snapshot_epochs": torch.tensor([shot.epoch for shot in history.snapshots]),
        "reconstruction": torch.stack([shot.reconstruction for shot in history.snapshots]),
        "fake": torch.stack([shot.fake for shot in history.snapshots]),
    }
    if state.annealing_since is not None:
        tensors["annealing_since"] = torch.tensor(state.annealing_since)
    for name in _STREAMS:
        tensors[f"stream.{name}"] = getattr(state.streams, name).get_state()
    for name, network in (("generator", state.generator), ("discriminator", state.discriminator)):
        tensors.update((f"{name}.{key}", value) for key, value in network.state_dict().items())
    if state.upsampler is not None:
        tensors.update((f"{UPSAMPLER}.{key}", value) for key, value in state.upsampler.state_dict().items())
    for name, adam in _adams(state):
        for index, moments in adam.state_dict()["state"].items():
            tensors.update((f"{name}.{index}.{key}", value) for key, value in moments.items())
    return safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})


def restore_training(data: bytes, state: LevelState, history: LevelHistory) -> None:
    """Bring a freshly prepared training to where it was dumped.

    Raises `UserError` if `data` is no dump of such a training; `state` and `history` must not be used then.
    """
    try:
        _restore(safetensors.torch.load(data), state, history)
    except (SafetensorError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"not a training in progress ({error})") from None


def _restore(tensors: Tensors, state: LevelState, history: LevelHistory) -> None:
    load_exactly(state.generator, under("generator", tensors))
    load_exactly(state.discriminator, under("discriminator", tensors))
    state.upsampler = upsampler_in(tensors, state.anchor_noise.device)
    for name, adam in _adams(state):
        saved = under(name, tensors)
        if not saved:  # no step was taken yet
            continue
        moments = {
            index: {moment: saved[f"{index}.{moment}"] for moment in _MOMENTS}
            for index in range(len(adam.param_groups[0]["params"]))
        }
        adam.load_state_dict({**adam.state_dict(), "state": moments})
    for name in _STREAMS:
        getattr(state.streams, name).set_state(tensors[f"stream.{name}"])
    if tensors["anchor_noise"].shape != state.anchor_noise.shape:
        raise ValueError("its anchor noise has another size")
    state.anchor_noise = tensors["anchor_noise"].to(state.anchor_noise.device)
    state.epochs_done = int(tensors["epochs_done"])
    since = tensors.get("annealing_since")
    state.annealing_since = None if since is None else int(since)
    history.seconds = float(tensors["seconds"])
    # An earlier version did not keep this; its trainings can go on all the same.
    history.processor_seconds = float(tensors.get("processor_seconds", math.nan))
    history.losses = tensors["losses"].tolist()
    shots = zip(tensors["snapshot_epochs"].tolist(), tensors["reconstruction"], tensors["fake"], strict=True)
    history.snapshots = [Snapshot(*shot) for shot in shots]


def _adams(state: LevelState) -> Iterator[tuple[str, torch.optim.Adam]]:
    yield "generator_adam", state.generator_adam
    yield "discriminator_adam", state.discriminator_adam
