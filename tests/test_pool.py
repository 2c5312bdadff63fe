"""Several processes on one plan: the same result, whatever happens to one of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.tiny_study import TinyStudy
from runner.execution.executor import Execution, Outcome
from runner.execution.pool import WorkerPool, critical_paths
from runner.execution.resources import Resources
from runner.execution.task import tasks_of
from runner.planning.plan import Plan, Run
from runner.progress import PlainProgress
from runner.record.schema import Results
from runner.store.store import Store


def run(tiny: TinyStudy, folder: Path, jobs: int, plan: Plan | None = None) -> tuple[Outcome, Results, Store]:
    results, store = Results(folder / "results", "tiny"), Store(folder / "store")
    store.prepare()
    execution = Execution(plan or tiny.plan(), tiny.images, store, Resources(jobs=jobs), PlainProgress())
    return execution.run_all(results, command), results, store


def command(one: Run) -> str:
    return f"singan run {one}"


def weights(store: Store) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in store.root.rglob("level.safetensors")}


@pytest.mark.slow
def test_two_processes_train_each_level_once_and_to_the_same_bits(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    alone, _, store = run(tiny_study, tmp_path / "alone", jobs=1)
    together, results, shared = run(tiny_study, tmp_path / "together", jobs=2)
    assert (together.done, together.trained, together.failures) == (alone.done, alone.trained, {})
    assert weights(shared) == weights(store)
    runs = list(results.runs())
    assert len(runs) == alone.done
    assert all(one.output is not None and one.output.provenance.jobs == 2 for one in runs)


class Killer(PlainProgress):
    """Kills the first worker that is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.pool: WorkerPool | None = None
        self.killed = 0

    def wants_update(self) -> bool:
        busy = [worker for worker in self.pool._workers if worker.task] if self.pool else []
        if busy and not self.killed:
            pid = busy[0].process.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            self.killed = pid
        return False


@pytest.fixture
def pool(tiny_study: TinyStudy, tmp_path: Path) -> Iterator[WorkerPool]:
    store = Store(tmp_path / "store")
    store.prepare()
    plan, progress = tiny_study.plan(), Killer()
    made = WorkerPool(plan, tiny_study.images, store, Resources(jobs=2), progress, threading.Event())
    made.begin(tasks_of(plan))
    yield made
    made.kill()


@pytest.mark.slow
def test_a_killed_worker_takes_only_its_task_and_what_stands_on_it(pool: WorkerPool) -> None:
    assert isinstance(pool.progress, Killer)
    pool.progress.pool = pool
    for one in pool.plan.runs:
        pool.wait_for(one)
    assert pool.progress.killed
    assert set(pool.failures.values()) == {"its process died (SIGKILL)"}
    everything = set(tasks_of(pool.plan))
    assert pool.finished | pool.failures.keys() == everything
    assert pool.finished, "the others went on"


def test_a_pool_that_is_asked_to_stop_keeps_what_it_has(pool: WorkerPool) -> None:
    pool.interrupt.set()
    pool.wait_for(pool.plan.runs[0])
    pool.dismiss()
    assert not pool.finished
    assert all(not worker.process.is_alive() for worker in pool._workers)


def test_the_longest_chain_of_work_comes_first(tiny_study: TinyStudy) -> None:
    plan = tiny_study.plan()
    found = critical_paths(plan)
    assert found.keys() == tasks_of(plan).keys()
    for one in plan.runs:
        chain = [plan.levels[key].cost for key in one.levels] + [one.output.cost]
        assert found[one.levels[0]] >= sum(chain) * (1 - 1e-12)
        assert [found[key] for key in one.levels] == sorted((found[key] for key in one.levels), reverse=True)
    longest = max(sum(plan.levels[key].cost for key in one.levels) + one.output.cost for one in plan.runs)
    assert max(found.values()) == pytest.approx(longest)
