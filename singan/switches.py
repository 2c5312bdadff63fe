"""The study's eight switches as plain values (algorithm.md 5); `feeds` carries them out.

Kept free of torch, so that planning and publishing need not load it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

AdversarialMode = Literal["rand", "real_train"]
ReconstructionMode = Literal["rec", "real_train_rec"]
UpsampleType = Literal["regular", "sr"]


@dataclass(frozen=True)
class LevelFeed:
    """How one level is fed; the defaults are the original training.

    Each level n > 0 has two inputs, the adversarial one and the reconstruction one; each has a mode (what
    enters) and an upsample type (how it gets to level n's size).
    """

    adversarial: AdversarialMode = "rand"
    reconstruction: ReconstructionMode = "rec"
    adversarial_upsample: UpsampleType = "regular"
    reconstruction_upsample: UpsampleType = "regular"

    def effective_at(self, level: int) -> LevelFeed:
        """The feed with every switch that cannot matter at `level` set to its default.

        Level 0 is fed nothing. Level 1 rests on level 0 alone, which starts from zeros either way, so there
        `real_train` is `rand` and `real_train_rec` is `rec`.
        """
        if level == 0:
            return LevelFeed()
        if level == 1:
            return replace(self, adversarial="rand", reconstruction="rec")
        return self
