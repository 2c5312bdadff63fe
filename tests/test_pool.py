"""Several processes on one plan: the same result, whatever happens to one of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.tiny_study import TinyStudy
from runner.execution.assignment import Event, Saved
from runner.execution.execute import Execution, Outcome
from runner.execution.executors.pool import ProcessPool
from runner.execution.resources import Resources
from runner.execution.task import tasks_of
from runner.planning.plan import Plan, Run
from runner.progress import PlainProgress
from runner.record.results import Results
from runner.store.store import Store
from singan.level import InterruptedTrainingError


def execution(tiny: TinyStudy, folder: Path, jobs: int, plan: Plan | None = None) -> Execution:
    store = Store(folder / "store")
    store.prepare()
    return Execution(plan or tiny.plan(), tiny.images, store, Resources(jobs=jobs), PlainProgress())


def run(tiny: TinyStudy, folder: Path, jobs: int) -> tuple[Outcome, Results, Store]:
    results, made = Results(folder / "results", "tiny"), execution(tiny, folder, jobs)
    return made.run_all(results, command), results, made.store


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


class KillingPool(ProcessPool):
    """Kills a worker at the first sign of life, and remembers on which task."""

    killed = ""

    def listen(self, hear: Callable[[Event], None]) -> None:
        if not self.killed:
            worker = self._workers[0]
            assert worker.process.pid is not None
            assert worker.at_work is not None
            os.kill(worker.process.pid, signal.SIGKILL)
            self.killed = worker.at_work
        super().listen(hear)


@pytest.mark.slow
def test_a_killed_worker_takes_only_its_task_and_what_stands_on_it(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    made = execution(tiny_study, tmp_path, jobs=2)
    made.executor = pool = KillingPool(made.place)
    outcome = made.run_all(Results(tmp_path / "results", "tiny"), command)
    task = tasks_of(made.plan)[pool.killed]
    hit = {made.plan.label(one) for one in made.plan.runs if pool.killed in one.levels}
    assert outcome.failures.keys() == hit
    level = made.plan.levels[task.key].level
    assert set(outcome.failures.values()) == {f"level {level}: its process died (SIGKILL)"}
    assert outcome.done == len(made.plan.runs) - len(hit) > 0


class StoppingPool(ProcessPool):
    """The user wants to stop as soon as one worker has something worth keeping."""

    def __init__(self, place: Resources, stop: Callable[[], None]) -> None:
        super().__init__(place)
        self._want_stop = stop

    def listen(self, hear: Callable[[Event], None]) -> None:
        def hear_and_stop(event: Event) -> None:
            hear(event)
            if isinstance(event, Saved):
                self._want_stop()

        super().listen(hear_and_stop)


def test_a_pool_that_is_asked_to_stop_keeps_what_it_has(tiny_study: TinyStudy, tmp_path: Path) -> None:
    tiny_study.edit("epochs = 2", "epochs = 10")  # so that it is asked well before the level ends
    made = execution(tiny_study, tmp_path, jobs=2)
    made.executor = pool = StoppingPool(made.place, made.interrupt.set)
    with pytest.raises(InterruptedTrainingError):
        made.run_all(Results(tmp_path / "results", "tiny"), command)
    assert all(not worker.process.is_alive() for worker in pool._workers)
    kept = {path.name for path in (made.store.root / "partial").glob("*")}
    assert kept
    assert not kept & weights(made.store).keys()
    outcome, _, _ = run(tiny_study, tmp_path, jobs=1)
    assert (outcome.done, outcome.failures) == (len(made.plan.runs), {})
