"""A task as it is sent to whoever carries it out, with everything it needs, and what comes back.

It can be carried out in any process and on any machine: no store, no study file and no network are needed.
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
    """A task, and everything it needs."""

    task: Task
    image: LoadedImage
    resources: Resources
    weights: tuple[bytes, ...]
    """Weights (`singan.checkpoint`), coarsest level first: to train, of all levels below; to super-resolve,
    of the lower levels that are mixed in, if any, and of the last level."""
    kept: bytes | None = None
    """The training in progress, as `Kept` brought it back."""
    niqe_model: NiqeModel | None = None
    """The model to measure NIQE with; None leaves NIQE out."""
    leg_s: float | None = None
    """Seconds after which an unfinished training has to come back; None: never."""

    @property
    def key(self) -> str:
        """Key of its result."""
        return self.task.key


@dataclass(frozen=True)
class LevelMade:
    """A trained level: its weights, and its losses and snapshots as safetensors."""

    weights: bytes
    history: bytes
    facts: LevelFacts
    provenance: Provenance


@dataclass(frozen=True)
class PictureMade:
    """A super-resolved picture: a lossless WebP file, and what was measured on it, by name."""

    file: bytes
    facts: PictureFacts
    metrics: Mapping[str, float | None]
    provenance: Provenance


@dataclass(frozen=True)
class Kept:
    """The task is not done, because its leg is over or somebody wants to stop."""

    data: bytes | None
    """The training in progress; None where there is nothing worth keeping."""


@dataclass(frozen=True)
class Refused:
    """The task cannot be done."""

    reason: str


@dataclass(frozen=True)
class Unreadable:
    """Weights or a kept training that came with the assignment cannot be read."""

    key: str
    """Key of the level whose weights they are, or of the task itself for a kept training."""
    reason: str


Result = LevelMade | PictureMade | Kept | Refused | Unreadable


@dataclass(frozen=True)
class Moved:
    """How far a task is: `fraction` from 0 to 1, `detail` in words."""

    key: str
    fraction: float
    detail: str


@dataclass(frozen=True)
class Saved:
    """A training in progress, to be kept in case it is cut off before its end."""

    key: str
    data: bytes


@dataclass(frozen=True)
class Ended:
    """Work on a task has ended."""

    key: str
    result: Result


Event = Moved | Saved | Ended
