"""A run is recorded as soon as it has ended, whatever comes before it in the plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pytest

from helpers.lab import Lab
from runner.execution.assignment import Assignment, Ended, Event, Refused
from runner.execution.carry_out import carry_out
from runner.execution.executors.interface import Teller
from runner.execution.task import tasks_of, urgency
from runner.execution.task_queue import TaskQueue
from runner.planning.plan import Plan


class Delaying:
    """Takes as many assignments as there are, and leaves those of some keys to the end."""

    slots = 100

    def __init__(
        self, late: Collection[str], now_late: Callable[[], None], refused: Mapping[str, str] | None = None
    ) -> None:
        """Calls `now_late` before each of the `late` ones; refuses others for a reason, by key."""
        self._late, self._now_late, self._refused = late, now_late, refused or {}
        self._waiting: list[Assignment] = []

    def free(self) -> int:
        return self.slots - len(self._waiting)

    def submit(self, assignment: Assignment) -> None:
        self._waiting.append(assignment)
        self._waiting.sort(key=lambda one: one.key in self._late)

    def listen(self, hear: Callable[[Event], None]) -> None:
        assignment = self._waiting.pop(0)
        if assignment.key in self._late:
            self._now_late()
        if assignment.key in self._refused:
            hear(Ended(assignment.key, Refused(self._refused[assignment.key])))
        else:
            observer = Teller(assignment.key, hear, lambda: False)
            hear(Ended(assignment.key, carry_out(assignment, observer)))

    def ask_to_stop(self) -> None: ...
    def close(self, *, at_once: bool) -> None: ...


def names(plan: Plan) -> set[tuple[str, str]]:
    return {(run.experiment.id, run.image) for run in plan.runs}


def recorded(lab: Lab) -> set[tuple[str, str]]:
    return {(run.experiment, run.image) for run in lab.results.runs()}


def own_levels(plan: Plan) -> list[str]:
    """Keys of the levels that only the first run of a plan needs."""
    first, *others = plan.runs
    return [key for key in first.levels if not any(key in run.levels for run in others)]


def test_a_run_does_not_wait_for_one_before_it_that_takes_longer(lab: Lab) -> None:
    plan = lab.tiny.plan()
    first = (plan.runs[0].experiment.id, plan.runs[0].image)
    found: list[set[tuple[str, str]]] = []
    outcome = lab.run(plan, executor=Delaying(own_levels(plan), lambda: found.append(recorded(lab))))
    assert found
    assert set(map(frozenset, found)) == {frozenset(names(plan) - {first})}
    assert (outcome.done, outcome.trained, outcome.failures) == (len(plan.runs), len(plan.levels), {})
    assert recorded(lab) == names(plan)


def test_what_has_ended_stays_recorded_when_a_run_before_it_is_cut_off(lab: Lab) -> None:
    def cut_off() -> None:
        raise KeyboardInterrupt

    plan = lab.tiny.plan()
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, executor=Delaying(own_levels(plan), cut_off))
    assert recorded(lab) == names(plan) - {(plan.runs[0].experiment.id, plan.runs[0].image)}
    outcome = lab.run(plan)
    assert (outcome.done, outcome.failures) == (len(plan.runs), {})
    assert outcome.trained == len(own_levels(plan))


def test_a_run_that_fails_is_recorded_while_one_before_it_is_at_work(lab: Lab) -> None:
    plan = lab.tiny.plan()
    failing = plan.runs[1]
    found: list[set[tuple[str, str]]] = []

    def look() -> None:
        found.append({(run.experiment, run.image) for run in lab.results.runs() if run.status == "failed"})

    executor = Delaying(own_levels(plan), look, {failing.levels[-1]: "it fell apart"})
    outcome = lab.run(plan, executor=executor)
    assert found
    assert (failing.experiment.id, failing.image) in found[0]
    assert set(outcome.failures.values()) == {f"level {len(failing.levels) - 1}: it fell apart"}
    assert outcome.done == len(plan.runs) - len(outcome.failures)


def test_a_picture_comes_before_every_level(lab: Lab) -> None:
    tasks = tasks_of(lab.tiny.plan())
    queue = TaskQueue(tasks, tasks, {key: -urgent for key, urgent in urgency(tasks).items()})
    begun: list[str] = []
    while (task := queue.take()) is not None:
        waiting = [
            key
            for key, one in tasks.items()
            if one.kind == "outputs" and key not in begun and one.below in begun
        ]
        assert task.key in waiting or not waiting
        begun.append(task.key)
        queue.finish(task.key)
    assert sorted(begun) == sorted(tasks)
