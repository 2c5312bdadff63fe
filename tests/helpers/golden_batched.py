"""What the batched engine makes of a few feeds, in float64.

`python -m helpers.golden_batched` in `tests/` rewrites it. Rewrite it only for a change that is meant to
change results, and say so in its commit. Besides the losses it holds a little of every tensor of the last
level's networks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from helpers.golden_losses import Losses, train_pyramid
from singan.engines.batched import BatchedEngine
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

GOLDEN = Path(__file__).parent / "golden" / "batched.json"
NARROW = TrainingSettings(epochs=3, base_width=4)
WIDE = TrainingSettings(epochs=2, base_width=32)
"""Wide enough for Winograd's method, which in float32 serves where there is numba."""

CASES = {
    "original": (LevelFeed(), NARROW),
    "real_train": (LevelFeed("real_train", "real_train_rec"), NARROW),
    "sr": (LevelFeed("rand", "rec", "sr", "sr"), NARROW),
    "all changed": (LevelFeed("real_train", "real_train_rec", "sr", "sr"), NARROW),
    "wide": (LevelFeed("rand", "rec", "sr", "regular"), WIDE),
    "mixed": (LevelFeed("mixed"), NARROW),
    "mixed_rec": (LevelFeed("rand", "mixed_rec"), NARROW),
    "sr_noise": (LevelFeed("rand", "rec", "sr_noise", "regular"), NARROW),
    "learned": (LevelFeed("rand", "rec", "learned", "learned"), NARROW),
}

Traces = dict[str, list[float]]
"""By network and tensor: the first number and the Euclidean norm."""


class Outcome(NamedTuple):
    """Of a case: losses by level and epoch, and traces of the last level's networks."""

    losses: Losses
    traces: Traces


def outcome(name: str, precision: torch.dtype = torch.float64) -> Outcome:
    """Train a case; in float64, nothing that numba compiles takes part."""
    feed, settings = CASES[name]
    pyramid, losses = train_pyramid(feed, StopRule(), BatchedEngine(), settings, precision)
    level = pyramid.levels[-1]
    networks = (("generator", level.generator), ("discriminator", level.discriminator))
    traces = {
        f"{network} {name}": [float(tensor.flatten()[0]), float(tensor.norm())]
        for network, module in networks
        for name, tensor in module.state_dict().items()
        if tensor.is_floating_point()
    }
    return Outcome(losses, traces)


def read() -> dict[str, Outcome]:
    """The outcomes as they were."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return {name: Outcome(**kept) for name, kept in golden.items()}


def _lines() -> Iterator[str]:
    for name in CASES:
        made = outcome(name)._asdict()
        rounded = json.loads(json.dumps(made), parse_float=lambda text: float(f"{float(text):.12g}"))
        parts = ",\n".join(f" {json.dumps(part)}: {json.dumps(value)}" for part, value in rounded.items())
        yield f"{json.dumps(name)}: {{\n{parts}\n}}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    GOLDEN.write_text("{\n" + ",\n".join(_lines()) + "\n}\n", encoding="utf-8")
