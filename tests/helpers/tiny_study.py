"""A study small enough to train in a test: pictures of three and two levels, narrow networks, two epochs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from runner.images.download import CACHE_VARIABLE
from runner.images.load import LoadedImage, load_images
from runner.planning.plan import Plan, make_plan
from runner.planning.selection import select
from runner.study.load import load_study
from runner.study.schema import Study

_TINY_STUDY = """
[study]
title = "Tiny"
author = "Nobody"
question = "Does it run?"
published = "https://example.org/"
repository = "https://example.org/repository"
factors = [2]
seeds = [0]

[profile.tiny]
title = "Tiny"
note = "For tests."
epochs = 2
base_width = 4

[group.all]
title = "All"
idea = "None."

[experiment.original]
group = "all"
title = "Original"

[experiment.stopped]
group = "all"
title = "Untrained"
stop = {{ rule = "dont_train" }}

[experiment.real]
group = "all"
title = "Real at the last level"
adversarial = {{ last = "real_train" }}
reconstruction = {{ last = "real_train_rec" }}
images = ["dots"]

[experiment.sr]
group = "all"
title = "SR at the last level"
upsample = {{ adversarial = {{ last = "sr" }}, reconstruction = {{ last = "sr" }} }}
images = ["dots"]
"""

_IMAGE = """
[image.{id}]
title = "{id}"
file = "{id}.png"
url = "https://example.org/{id}.png"
sha256 = "{sha256}"
size = {{ width = {width}, height = {height} }}
"""


@dataclass(frozen=True)
class TinyStudy:
    """A study file on disk and its pictures in a cache folder."""

    path: Path

    @property
    def study(self) -> Study:
        return load_study(self.path)

    @property
    def images(self) -> dict[str, LoadedImage]:
        return load_images(self.study.image.values())

    def plan(
        self,
        *experiments: str,
        on: Sequence[str] = (),
        seeds: Sequence[int] = (0,),
        factors: Sequence[float] = (2,),
        draws: int = 1,
    ) -> Plan:
        """Plan of these experiments on these images (none: all)."""
        study, images = self.study, self.images
        selection = select(study, experiments, on)
        pairs = [(experiment, images[image]) for experiment, image in selection.pairs]
        return make_plan(study.profile["tiny"], pairs, factors=factors, seeds=seeds, draws=draws)

    def edit(self, old: str, new: str) -> None:
        """Change the study file."""
        text = self.path.read_text(encoding="utf-8")
        assert old in text
        self.path.write_text(text.replace(old, new), encoding="utf-8")


def write_tiny_study(folder: Path, monkeypatch: pytest.MonkeyPatch) -> TinyStudy:
    """Write the study into a folder, with its pictures in a cache folder there."""
    cache = folder / "cache"
    cache.mkdir()
    monkeypatch.setenv(CACHE_VARIABLE, str(cache))
    random = np.random.default_rng(0)
    images = ""
    for name, height, width in (("dots", 26, 30), ("stripes", 18, 20)):
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        picture = cache / f"{name}.png"
        PIL.Image.fromarray(pixels).save(picture)
        sha256 = hashlib.sha256(picture.read_bytes()).hexdigest()
        images += _IMAGE.format(id=name, sha256=sha256, width=width, height=height)
    path = folder / "study.toml"
    path.write_text(_TINY_STUDY.format() + images, encoding="utf-8")
    return TinyStudy(path)
