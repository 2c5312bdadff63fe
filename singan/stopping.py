"""When a lower level stops training early (algorithm.md 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StopName = Literal["none", "small_rec_loss", "dont_train"]

DONT_TRAIN_EPOCHS = 2
"""`dont_train` trains each lower level for this many epochs, whatever the profile."""


@dataclass(frozen=True)
class StopRule:
    """Asked after every epoch of a lower level; the last level always runs in full.

    `after` and `below` belong to `small_rec_loss`: it stops once more than `after` epochs are done and the
    reconstruction loss (100 * MSE) is under `below`.
    """

    name: StopName = "none"
    after: int = 0
    below: float = 0.0

    @property
    def needs_loss(self) -> bool:
        """Whether `stops` looks at the loss; where not, it may stay on the device."""
        return self.name == "small_rec_loss"

    def stops(self, epochs_done: int, reconstruction_loss: float) -> bool:
        """Whether training ends after `epochs_done` epochs (counted from 1) with this loss."""
        if self.name == "dont_train":
            return epochs_done >= DONT_TRAIN_EPOCHS
        if self.name == "small_rec_loss":
            return epochs_done > self.after and reconstruction_loss < self.below
        return False
