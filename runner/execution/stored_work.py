"""Make assignments from what the store has, and store the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.execution.assignment import Assignment, LevelMade, PictureMade, Unreadable
from runner.execution.resources import Resources
from runner.execution.task import Task
from runner.images.load import LoadedImage
from runner.planning.plan import LevelTraining
from runner.record.measure import Measuring
from runner.store.artifacts import add_level, add_picture
from runner.store.store import WEIGHTS, DamagedError, Store


@dataclass(frozen=True)
class StoredWork:
    """What the store has of some tasks: results, and trainings in progress."""

    store: Store
    images: Mapping[str, LoadedImage]
    measuring: Measuring

    def has(self, task: Task) -> bool:
        """Whether the task is done."""
        return self.store.find(task.kind, task.key) is not None

    def assignment(self, task: Task, place: Resources, leg_s: float | None) -> Assignment:
        """A task with everything it needs; raises `DamagedError` when the store has some of it damaged."""
        image = self.images[task.image]
        if isinstance(task.what, LevelTraining):
            weights = tuple(self._weights(key) for key in task.levels)
            return Assignment(task, image, place, weights, self.store.read_partial(task.key), None, leg_s)
        weights = tuple(self._weights(key) for key in (*task.what.lower_keys, task.what.last_level_key))
        return Assignment(task, image, place, weights, niqe_model=self.measuring.niqe_model)

    def _weights(self, key: str) -> bytes:
        entry = self.store.find("levels", key)
        if entry is None:
            raise DamagedError(self.store.root / "levels" / key, "is no longer whole")
        return entry.read(WEIGHTS)

    def add(self, task: Task, made: LevelMade | PictureMade) -> None:
        """Store the result of a task; of a picture, its metrics, too."""
        if isinstance(made, LevelMade):
            assert isinstance(task.what, LevelTraining)
            add_level(self.store, task.what, made.weights, made.history, made.facts, made.provenance)
            self.store.drop_partial(task.key)
        else:
            assert not isinstance(task.what, LevelTraining)
            add_picture(self.store, task.what, made.file, made.facts, made.provenance)
            self.measuring.keep(task.what, self.images[task.image], made.metrics, made.provenance)

    def damage(self, task: Task, found: Unreadable) -> DamagedError:
        """The error about what in the store could not be read."""
        if found.key == task.key:
            return self.store.partial_is_damaged(task.key, found.reason)
        return DamagedError(self.store.root / "levels" / found.key, found.reason, WEIGHTS)
