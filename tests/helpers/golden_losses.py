"""Losses of small trainings, one for every feed and stop rule.

`python -m helpers.golden_losses` in `tests/` rewrites them. Rewrite them only for a change that is meant to
change results, and say so in its commit. Their noise is portable (`portable_noise`), so that they hold on
every processor.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from helpers.portable_noise import portable_noise
from singan.engines.plain import PlainEngine
from singan.geometry import Size, pyramid_geometry
from singan.level import Engine, LevelTask, train_level
from singan.pixels import to_tensor
from singan.pyramid import Pyramid, build_pyramid
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import AdversarialMode, LevelFeed, ReconstructionMode, UpsampleType

GOLDEN = Path(__file__).parent / "golden" / "losses.json"
SETTINGS = TrainingSettings(epochs=4, base_width=4)
STOPS = {
    "none": StopRule(),
    # Near what these few epochs reach, so that some levels stop and others do not.
    "small_rec_loss": StopRule("small_rec_loss", after=1, below=33.4),
    "dont_train": StopRule("dont_train"),
}
IDEAS = {
    "mixed": (LevelFeed("mixed"), StopRule()),
    "mixed, two real steps": (LevelFeed("mixed", adversarial_upsample="sr", real_steps=2), StopRule()),
    "mixed_rec": (LevelFeed(reconstruction="mixed_rec"), StopRule()),
    "sr_noise": (LevelFeed(adversarial_upsample="sr_noise"), StopRule()),
    "sr_noise, real image": (LevelFeed("real_train", "rec", "sr_noise", "sr_noise"), StopRule()),
    "plateau": (LevelFeed(), StopRule("plateau", after=1, window=1, gain=0.02)),
    "plateau_anneal": (LevelFeed(), StopRule("plateau_anneal", after=1, window=1, gain=0.9, anneal=1)),
    "learned": (LevelFeed("rand", "rec", "learned", "learned"), StopRule()),
    "learned, mixed": (LevelFeed("mixed", "mixed_rec", "learned", "sr"), StopRule()),
}
"""What the study left open, each by itself or with one of the study's own switches."""

Losses = list[list[list[float]]]
"""By level, epoch and name of the loss."""


def cases() -> Iterator[tuple[str, LevelFeed, StopRule]]:
    """Every feed of the study with every stop rule of it, and each idea it left open; named."""
    adversarial: tuple[AdversarialMode, ...] = ("rand", "real_train")
    reconstruction: tuple[ReconstructionMode, ...] = ("rec", "real_train_rec")
    upsample: tuple[UpsampleType, ...] = ("regular", "sr")
    feeds = itertools.product(adversarial, reconstruction, upsample, upsample)
    for feed, stop in itertools.product(feeds, STOPS):
        yield " ".join((*feed, stop)), LevelFeed(*feed), STOPS[stop]
    for name, (fed, rule) in IDEAS.items():
        yield name, fed, rule


def train(feed: LevelFeed, stop: StopRule, engine: Engine) -> Losses:
    """Losses of a picture of three levels, all fed alike, in float64."""
    return train_pyramid(feed, stop, engine)[1]


def train_pyramid(
    feed: LevelFeed,
    stop: StopRule,
    engine: Engine,
    settings: TrainingSettings = SETTINGS,
    precision: torch.dtype = torch.float64,
) -> tuple[Pyramid, Losses]:
    """Train a picture of three levels (18x21, 22x25 and 26x30 pixels), all fed alike."""
    height, width = np.mgrid[0:26, 0:30]
    pixels = np.stack([height * 9, width * 8, (height * width) % 256], axis=2).astype(np.uint8)
    image = to_tensor(pixels, device=torch.device("cpu"), dtype=precision)
    pyramid = build_pyramid(image, pyramid_geometry(Size(26, 30), 8))
    losses = []
    with portable_noise():
        for _ in pyramid.reals:
            task = LevelTask(feed, stop, settings, 0, "gradient")
            level, history = train_level(pyramid, task, engine)
            pyramid = pyramid.with_level(level)
            losses.append(history.losses)
    return pyramid, losses


if __name__ == "__main__":
    torch.set_num_threads(1)
    golden = {
        name: [[[float(f"{x:.12g}") for x in e] for e in level] for level in train(feed, stop, PlainEngine())]
        for name, feed, stop in cases()
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(losses)}" for name, losses in golden.items())
    GOLDEN.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
