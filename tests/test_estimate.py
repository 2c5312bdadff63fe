"""How long a plan takes, foretold."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from helpers.tiny_study import TinyStudy
from runner.execution.estimate import estimate, makespan
from runner.execution.resources import Resources
from runner.execution.task import Task, critical_paths, pending_tasks, tasks_of
from runner.planning.plan import Plan
from runner.store.store import Store


@pytest.fixture
def plan(tiny_study: TinyStudy) -> Plan:
    return tiny_study.plan()


def chains(tasks: dict[str, Task], seconds: dict[str, float]) -> float:
    ends: dict[str | None, float] = {None: 0.0}
    for key, task in tasks.items():
        ends[key] = ends[task.below] + seconds[key]
    return max(ends.values())


def test_everything_pending_is_estimated(plan: Plan, tmp_path: Path) -> None:
    pending = pending_tasks(plan, Store(tmp_path / "none"))
    found = estimate(plan, pending, Resources())
    assert found.tasks.keys() == pending.keys()
    assert all(seconds > 0 for seconds in found.tasks.values())
    assert found.total == pytest.approx(sum(found.tasks.values()))
    assert 0 < found.longest_chain < found.total


@pytest.mark.parametrize("seed", range(30))
def test_processes_finish_within_the_bounds_of_list_scheduling(seed: int, plan: Plan) -> None:
    """Graham 1969: at least the longest chain and a fair share of the work, at most both together."""
    tasks, chance = tasks_of(plan), random.Random(seed)
    seconds = {key: chance.uniform(0.1, 100) for key in tasks}
    jobs = chance.randint(1, 6)
    work, longest = sum(seconds.values()), chains(tasks, seconds)
    total = makespan(tasks, seconds, critical_paths(tasks_of(plan)), jobs)
    assert max(longest, work / jobs) <= total * (1 + 1e-9)
    assert total <= (work / jobs + longest) * (1 + 1e-9)


def test_nothing_takes_no_time(plan: Plan) -> None:
    assert makespan({}, {}, critical_paths(tasks_of(plan)), 2) == 0
