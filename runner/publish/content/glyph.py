"""The switches of an experiment as eight dots: what differs from the original training, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runner.study.schema import Experiment

SWITCHES = {
    "adversarial": "rand",
    "reconstruction": "rec",
    "adversarial_upsample": "regular",
    "reconstruction_upsample": "regular",
}
"""The four switches, in the order of the columns, with the original's values."""


@dataclass(frozen=True)
class Glyph:
    """Two rows of four dots, the last level above the lower ones; a dot is full where a switch is changed."""

    last: tuple[bool, ...]
    lower: tuple[bool, ...]
    stop: Literal["none", "early", "untrained"]
    """What ends the training of the lower levels."""


def glyph(experiment: Experiment) -> Glyph:
    """The dots of an experiment; lower levels that stay untrained have none, as nothing of them matters."""
    last, lower = (vars(experiment.feed(last=is_last)) for is_last in (True, False))
    is_untrained = experiment.stop.rule == "dont_train"
    return Glyph(
        tuple(last[name] != value for name, value in SWITCHES.items()),
        tuple(not is_untrained and lower[name] != value for name, value in SWITCHES.items()),
        "untrained" if is_untrained else "none" if experiment.stop.rule == "none" else "early",
    )
