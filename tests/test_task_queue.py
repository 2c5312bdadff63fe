"""Which task comes next: never before the one below it, the most important first, nothing twice or lost."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tiny_study import TinyStudy
from runner.execution.task import critical_paths, tasks_of
from runner.execution.task_queue import TaskQueue


@dataclass(frozen=True)
class Stub:
    """All that a queue wants to know of a task."""

    key: str
    below: str | None
    cost: float = 1.0


@st.composite
def forests(draw: st.DrawFn) -> dict[str, Stub]:
    """Tasks of which each stands on an earlier one or on none."""
    count = draw(st.integers(1, 25))
    tasks: dict[str, Stub] = {}
    for number in range(count):
        below = draw(st.none() | st.integers(0, number - 1)) if number else None
        tasks[str(number)] = Stub(str(number), None if below is None else str(below))
    return tasks


def queue_of(tasks: dict[str, Stub], pending: set[str] | None = None) -> TaskQueue:
    order = {key: float(number) for number, key in enumerate(tasks)}
    return TaskQueue(tasks, tasks.keys() if pending is None else pending, order)  # type: ignore[arg-type]


@given(forests(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_every_task_comes_once_and_after_what_it_stands_on(
    tasks: dict[str, Stub], slots: int, chance: random.Random
) -> None:
    queue = queue_of(tasks)
    at_work: list[str] = []
    finished: list[str] = []
    while queue.is_open(tasks):
        while len(at_work) < slots and (task := queue.take()) is not None:
            assert task.below is None or task.below in finished
            at_work.append(task.key)
        done = at_work.pop(chance.randrange(len(at_work)))
        finished.append(done)
        queue.finish(done)
    assert sorted(finished) == sorted(tasks)
    assert queue.take() is None
    assert queue.failures == {}
    assert queue.cost == 0


@given(forests(), st.randoms(use_true_random=False))
def test_a_failure_takes_exactly_what_stands_on_it(tasks: dict[str, Stub], chance: random.Random) -> None:
    victim = chance.choice(list(tasks))
    hit = {victim}
    for task in tasks.values():  # each after what it stands on
        if task.below in hit:
            hit.add(task.key)
    queue, finished = queue_of(tasks), set()
    while (task_ := queue.take()) is not None:
        if task_.key == victim:
            queue.fail(victim, "dead")
        else:
            finished.add(task_.key)
            queue.finish(task_.key)
    assert not queue.is_open(tasks)
    assert queue.failures == dict.fromkeys(hit, "dead")
    assert finished == tasks.keys() - hit


@given(forests(), st.randoms(use_true_random=False))
def test_what_has_to_be_done_again_comes_before_what_stands_on_it(
    tasks: dict[str, Stub], chance: random.Random
) -> None:
    """As when a damaged level is found just when the next one was to begin on it."""
    queue, finished, again = queue_of(tasks), set(), chance.randrange(4)
    while (task := queue.take()) is not None:
        if task.below is not None and again and task.below in finished:
            again -= 1
            finished.discard(task.below)
            queue.put_back(task.below)
            queue.put_back(task.key)
            continue
        assert task.below is None or task.below in finished
        finished.add(task.key)
        queue.finish(task.key)
    assert finished == tasks.keys()


def test_the_lowest_order_comes_first_of_what_is_ready() -> None:
    tasks = {key: Stub(key, below) for key, below in {"a": None, "b": "a", "c": None, "d": "c"}.items()}
    queue = TaskQueue(tasks, tasks, {"a": 3, "b": 0, "c": 2, "d": 1})  # type: ignore[arg-type]
    came = []
    while (task := queue.take()) is not None:
        came.append(task.key)
        queue.finish(task.key)
    assert came == ["c", "d", "a", "b"]


def test_the_longest_chain_of_work_is_the_critical_one(tiny_study: TinyStudy) -> None:
    plan = tiny_study.plan()
    found = critical_paths(tasks_of(plan))
    assert found.keys() == tasks_of(plan).keys()
    for one in plan.runs:
        chain = [plan.levels[key].cost for key in one.levels] + [one.output.cost]
        assert found[one.levels[0]] >= sum(chain) * (1 - 1e-12)
        assert [found[key] for key in one.levels] == sorted((found[key] for key in one.levels), reverse=True)
    longest = max(sum(plan.levels[key].cost for key in one.levels) + one.output.cost for one in plan.runs)
    assert max(found.values()) == pytest.approx(longest)
