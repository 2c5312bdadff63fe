"""How a level is trained: the constants of algorithm.md 4, scaled to the number of epochs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from singan.stopping import StopRule

PUBLISHED_EPOCHS = 2000
"""The epochs every published constant was written for."""

UPSAMPLER_STEPS = 300


@dataclass(frozen=True)
class Regional:
    """Super-resolution that mixes several levels' generators, pixel by pixel."""

    levels: int = 3
    """How many levels take part, counted down from the last; all where there are fewer."""
    temperature: float = 0.001
    """Temperature of the softmax over errors: where the mean squared error (of values in [-1, 1]) is larger
    by this much, the weight is e times smaller."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings shared by all levels of a run; the defaults are the published ones."""

    epochs: int = PUBLISHED_EPOCHS
    learning_rate: float = 5e-4
    adam_betas: tuple[float, float] = (0.5, 0.999)
    learning_rate_drop: float = 0.1
    discriminator_steps: int = 3
    generator_steps: int = 3
    noise_weight: float = 0.1
    anchor_noise: Literal["redrawn", "fixed"] = "redrawn"
    """Level 0's z*: the published code redraws it every epoch; the paper says it is fixed."""
    base_width: int = 32
    """Channels of the first levels; a narrower network is for checking the wiring only."""
    precision: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "base_width", "discriminator_steps", "generator_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    def width_at(self, level: int) -> int:
        """Channels C of both networks: `base_width`, doubled every four levels, at most four times it."""
        return int(min(self.base_width * 2 ** (level // 4), 4 * self.base_width))

    @property
    def learning_rate_drop_epoch(self) -> int:
        """Epochs trained at the full rate: 80 %, 1600 of 2000; rounded up."""
        return -(-self.epochs * 4 // 5)

    @property
    def upsampler_steps(self) -> int:
        """Steps that a learned upsampler is trained for: 300, or 3 an epoch of its level if that is fewer, so
        that a profile of few epochs stays quick.
        """
        return min(UPSAMPLER_STEPS, 3 * self.epochs)

    @property
    def snapshot_interval(self) -> int:
        """Epochs between snapshots: 10 %, 200 of 2000."""
        return max(1, self.epochs // 10)

    def learning_rate_at(self, epoch: int) -> float:
        """Learning rate of epoch `epoch`, counted from 0."""
        return self.dropped_learning_rate if epoch >= self.learning_rate_drop_epoch else self.learning_rate

    @property
    def dropped_learning_rate(self) -> float:
        """Learning rate of the last epochs."""
        return self.learning_rate * self.learning_rate_drop

    def is_snapshot_epoch(self, epoch: int) -> bool:
        """Whether epoch `epoch` (from 0) is recorded: every tenth of the training, and the last."""
        return epoch % self.snapshot_interval == 0 or epoch == self.epochs - 1

    def scaled_stop(self, rule: StopRule) -> StopRule:
        """The rule with its numbers of epochs, which are written for 2000, scaled to `epochs`.

        `window` and `anneal` stay at least 1, unless they are 0.
        """
        return replace(
            rule,
            after=self._scaled(rule.after),
            window=max(self._scaled(rule.window), min(rule.window, 1)),
            anneal=max(self._scaled(rule.anneal), min(rule.anneal, 1)),
        )

    def _scaled(self, epochs: int) -> int:
        return epochs * self.epochs // PUBLISHED_EPOCHS
