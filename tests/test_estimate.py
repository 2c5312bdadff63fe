"""How long a plan takes, foretold."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from helpers.tiny_study import TinyStudy
from runner.execution.estimate import estimate, makespan, timed
from runner.execution.resources import Resources
from runner.execution.task import Task, pending_tasks, tasks_of, urgency
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


def test_a_first_time_that_compiles_is_not_taken_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now, takes = [0.0], iter([12.0, *[0.1] * 9])
    monkeypatch.setattr("runner.execution.estimate.time.perf_counter", lambda: now[0])

    def work() -> None:
        now[0] += next(takes)

    assert timed(work) == pytest.approx(0.1)


def test_what_takes_long_is_tried_only_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    monkeypatch.setattr("runner.execution.estimate.time.perf_counter", lambda: sum(times))
    assert timed(lambda: times.append(5.0)) == 5
    assert len(times) == 2


def test_levels_that_are_not_trained_are_expected_to_cost_next_to_nothing(tiny_study: TinyStudy) -> None:
    tiny_study.edit("epochs = 2", "epochs = 200")
    plan = tiny_study.plan("original", "stopped")
    costs = {run.experiment.id: [plan.levels[key].cost for key in run.levels] for run in plan.runs}
    *lower, last = (mine / full for mine, full in zip(costs["stopped"], costs["original"], strict=True))
    assert lower == pytest.approx([0.01] * len(lower))
    assert last == 1


@pytest.mark.parametrize("seed", range(30))
def test_processes_finish_within_the_bounds_of_list_scheduling(seed: int, plan: Plan) -> None:
    """Graham 1969: at least the longest chain and a fair share of the work, at most both together."""
    tasks, chance = tasks_of(plan), random.Random(seed)
    seconds = {key: chance.uniform(0.1, 100) for key in tasks}
    jobs = chance.randint(1, 6)
    work, longest = sum(seconds.values()), chains(tasks, seconds)
    total = makespan(tasks, seconds, urgency(tasks_of(plan)), jobs)
    assert max(longest, work / jobs) <= total * (1 + 1e-9)
    assert total <= (work / jobs + longest) * (1 + 1e-9)


def test_nothing_takes_no_time(plan: Plan) -> None:
    assert makespan({}, {}, urgency(tasks_of(plan)), 2) == 0
