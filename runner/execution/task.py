"""The tasks of a plan, each named by the key of its result, and how urgent each of them is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from runner.planning.plan import LevelTraining, Plan, SuperResolution
from runner.store.store import Kind, Store
from singan.geometry import PyramidGeometry, factor_text


@dataclass(frozen=True)
class Task:
    """Train a level, or super-resolve with one and measure the picture."""

    what: LevelTraining | SuperResolution
    image: str
    levels: tuple[str, ...]
    """Keys of the levels it stands on, coarsest first."""
    geometry: PyramidGeometry
    label: str

    @property
    def key(self) -> str:
        """Key of its result."""
        return self.what.key

    @property
    def kind(self) -> Kind:
        """Kind of its result in the store."""
        return "levels" if isinstance(self.what, LevelTraining) else "outputs"

    @property
    def below(self) -> str | None:
        """Key of the level directly below; None at level 0."""
        return self.levels[-1] if self.levels else None

    @property
    def cost(self) -> float:
        """Expected work, in the plan's unit."""
        return self.what.cost


def tasks_of(plan: Plan) -> dict[str, Task]:
    """All tasks of a plan by key, each once: run by run, and in each run from the lowest level up."""
    tasks: dict[str, Task] = {}
    for run in plan.runs:
        label = plan.label(run)
        geometry = plan.levels[run.levels[-1]].geometry
        for index, key in enumerate(run.levels):
            level = plan.levels[key]
            where = f"{label}, level {index} of {geometry.last} ({level.size})"
            tasks.setdefault(key, Task(level, run.image, run.levels[:index], geometry, where))
        for draw in run.draws:
            which = f", noise {draw.draw + 1} of {len(run.draws)}" if len(run.draws) > 1 else ""
            where = f"{label}, super-resolution x{factor_text(draw.factor)}{which}"
            tasks.setdefault(draw.key, Task(draw, run.image, run.levels, geometry, where))
    return tasks


def pending_tasks(plan: Plan, store: Store, *, force: bool = False) -> dict[str, Task]:
    """The tasks of a plan whose results the store lacks, by key; all its tasks with `force`."""
    return {key: task for key, task in tasks_of(plan).items() if force or store.find(task.kind, key) is None}


def critical_paths(tasks: Mapping[str, Task]) -> dict[str, float]:
    """Cost of the longest chain of tasks that starts with each task, by key.

    `tasks` has every task after the one below it, as `tasks_of` gives them.
    """
    longest: dict[str, float] = {}
    longest_above: dict[str, float] = {}
    for key in reversed(list(tasks)):  # what stands on a task is known before the task
        task = tasks[key]
        longest[key] = task.cost + longest_above.get(key, 0.0)
        if task.below is not None:
            longest_above[task.below] = max(longest_above.get(task.below, 0.0), longest[key])
    return longest


def urgency(tasks: Mapping[str, Task]) -> dict[str, float]:
    """How urgent each task is to several processes, by key.

    A picture comes first, as it takes seconds and ends a run; then the level with the longest chain of work
    above it, so that the last result comes early.
    """
    return {
        key: path if isinstance(tasks[key].what, LevelTraining) else math.inf
        for key, path in critical_paths(tasks).items()
    }
