"""A task as it travels, with everything it needs by value, and what comes back.

Whoever carries it out, in this process or on another machine, needs no store, no study file and no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.execution.resources import Resources
from runner.execution.task import Task
from runner.images.load import LoadedImage
from runner.metrics.niqe import NiqeModel
from runner.store.artifacts import LevelFacts, PictureFacts
from runner.store.provenance import Provenance


@dataclass(frozen=True)
class Assignment:
    """A task, and all it needs."""

    task: Task
    image: LoadedImage
    resources: Resources
    weights: tuple[bytes, ...]
    """Of the levels below, coarsest first (`singan.checkpoint`); to super-resolve, of the last
    level, after those of lower ones where they are mixed."""
    kept: bytes | None = None
    """The training in progress, as `Kept` brought it back."""
    niqe_model: NiqeModel | None = None
    """To measure the picture with; None leaves NIQE out."""
    leg_s: float | None = None
    """When a training has to come back though it is not done; None: never."""

    @property
    def key(self) -> str:
        """Key of its result."""
        return self.task.key


@dataclass(frozen=True)
class LevelMade:
    """A level is trained: its weights, and losses and snapshots as safetensors."""

    weights: bytes
    history: bytes
    facts: LevelFacts
    provenance: Provenance


@dataclass(frozen=True)
class PictureMade:
    """A picture is super-resolved and measured: a lossless WebP file, and metrics by name."""

    file: bytes
    facts: PictureFacts
    metrics: Mapping[str, float | None]
    provenance: Provenance


@dataclass(frozen=True)
class Kept:
    """Not done: its leg is over, or somebody wants to stop. None: there is nothing worth keeping."""

    data: bytes | None


@dataclass(frozen=True)
class Refused:
    """It cannot be done."""

    reason: str


@dataclass(frozen=True)
class Unreadable:
    """Something that came along cannot be made sense of."""

    key: str
    """Of the level below, or of the task itself: then it is the training in progress."""
    reason: str


Result = LevelMade | PictureMade | Kept | Refused | Unreadable


@dataclass(frozen=True)
class Moved:
    """How far a task is, 0 to 1; `detail` in words."""

    key: str
    fraction: float
    detail: str


@dataclass(frozen=True)
class Saved:
    """A training as it is now, in case that its end is never heard of."""

    key: str
    data: bytes


@dataclass(frozen=True)
class Ended:
    """Nobody works on the task any more."""

    key: str
    result: Result


Event = Moved | Saved | Ended
