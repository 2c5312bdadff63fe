"""When a level stops training early (algorithm.md 5; for the rules that look for a plateau, 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

StopName = Literal["none", "small_rec_loss", "dont_train", "plateau", "plateau_anneal"]

DONT_TRAIN_EPOCHS = 2
"""`dont_train` trains each lower level for this many epochs, whatever the profile."""


@dataclass(frozen=True)
class StopRule:
    """Tells after every epoch whether a lower level stops.

    The last level runs in full, except with `plateau_anneal`.

    Reconstruction losses are 100 * MSE. `small_rec_loss` stops once more than `after` epochs are done and the
    loss is under `below`. `plateau` stops at a plateau. `plateau_anneal` drops the learning rate there, and
    stops `anneal` epochs later.
    """

    name: StopName = "none"
    after: int = 0
    below: float = 0.0
    window: int = 0
    """Number of epochs whose median loss is compared with that of as many epochs before them."""
    gain: float = 0.0
    """It is a plateau where the median loss has fallen by less than this share."""
    anneal: int = 0

    @property
    def needs_losses(self) -> bool:
        """Whether losses are looked at after every epoch; where not, they may stay on the device."""
        return self.name not in {"none", "dont_train"}

    @property
    def anneals(self) -> bool:
        """Whether a plateau drops the learning rate before it ends the level."""
        return self.name == "plateau_anneal"

    @property
    def at_last_level(self) -> StopRule:
        """The rule that holds for the last level."""
        return self if self.anneals else StopRule()

    def stops(self, epochs_done: int, losses: Sequence[float], annealing_since: int | None = None) -> bool:
        """Whether training ends after `epochs_done` epochs (counted from 1).

        `losses` are the reconstruction losses of all of them, if `needs_losses`; `annealing_since` is how
        many were done when the learning rate was dropped at a plateau.
        """
        if self.name == "dont_train":
            return epochs_done >= DONT_TRAIN_EPOCHS
        if self.name == "small_rec_loss":
            return epochs_done > self.after and losses[-1] < self.below
        if self.name == "plateau":
            return self.is_plateau(losses)
        if self.name == "plateau_anneal":
            return annealing_since is not None and epochs_done >= annealing_since + self.anneal
        return False

    def is_plateau(self, losses: Sequence[float]) -> bool:
        """Whether the median of the last `window` losses is less than the share `gain` below that of the
        `window` losses before them.

        False until more than `after` epochs are done and both windows are full.
        """
        if len(losses) <= self.after or len(losses) < 2 * self.window:
            return False
        now, before = median(losses[-self.window :]), median(losses[-2 * self.window : -self.window])
        return now > (1 - self.gain) * before
