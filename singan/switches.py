"""The switches that say what a level is fed, as plain values; `feeds` carries them out.

The study's eight switches are defined in algorithm.md 5, the values that came later in its section 8.

Kept free of torch, so that planning and publishing need not load it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

AdversarialMode = Literal["rand", "real_train", "mixed"]
ReconstructionMode = Literal["rec", "real_train_rec", "mixed_rec"]
UpsampleType = Literal["regular", "sr", "sr_noise", "learned"]


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
    real_steps: int = 1
    """For `mixed`: how many D steps of an epoch are fed as `real_train`; the later ones are fed as `rand`."""

    def effective_at(self, level: int) -> LevelFeed:
        """The feed with every switch that cannot matter at `level` set to its default.

        Level 0 is fed nothing. Level 1 rests on level 0 alone, which starts from zeros either way, so there
        `real_train` is `rand` and `real_train_rec` is `rec`, and so are their mixtures. The noise that
        `sr_noise` adds to a reconstruction input is zeros.
        """
        if level == 0:
            return LevelFeed()
        feed = self
        if level == 1:
            feed = replace(feed, adversarial="rand", reconstruction="rec")
        if feed.reconstruction_upsample == "sr_noise":
            feed = replace(feed, reconstruction_upsample="sr")
        if feed.adversarial != "mixed":
            feed = replace(feed, real_steps=LevelFeed.real_steps)
        return feed

    def at_step(self, step: int) -> LevelFeed:
        """The feed of one D step of an epoch, counted from 0: `mixed` becomes the mode of that step."""
        if self.adversarial != "mixed":
            return self
        return replace(self, adversarial="real_train" if step < self.real_steps else "rand")

    @property
    def learns_upsampling(self) -> bool:
        """Whether a network for upsampling into the level is trained before the level itself."""
        return "learned" in {self.adversarial_upsample, self.reconstruction_upsample}

    @property
    def reconstruction_modes(self) -> tuple[ReconstructionMode, ...]:
        """The modes that the G steps of an epoch take in turn: two with `mixed_rec`, otherwise one."""
        return ("rec", "real_train_rec") if self.reconstruction == "mixed_rec" else (self.reconstruction,)
