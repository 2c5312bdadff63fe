"""Several runs on one store share the work and never tear it."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import torch

from helpers.tiny_study import TinyStudy
from runner.execution.execute import Execution
from runner.execution.resources import Resources
from runner.progress import PlainProgress
from runner.record.results import Results
from runner.store.maintenance import verify
from runner.store.store import Store


def _work(study: Path, folder: Path, name: str) -> None:
    torch.set_num_threads(1)
    store = Store(folder / "store")
    store.prepare()
    tiny = TinyStudy(study)
    execution = Execution(tiny.plan(), tiny.images, store, Resources(), PlainProgress())
    outcome = execution.run_all(Results(folder / "results", "tiny"), str)
    (folder / f"{name}.trained").write_text(f"{outcome.done} {outcome.trained}", encoding="utf-8")


def test_two_runs_at_once_train_each_level_once(tiny_study: TinyStudy, tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["runner.execution.execute"])
    workers = [processes.Process(target=_work, args=(tiny_study.path, tmp_path, name)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    reports = [(tmp_path / f"{name}.trained").read_text(encoding="utf-8").split() for name in "ab"]
    assert [int(done) for done, _ in reports] == [6, 6]
    assert sum(int(trained) for _, trained in reports) == len(tiny_study.plan().levels) == 12
    found = verify(Store(tmp_path / "store"))
    levels, pictures, baselines = 12, 6, 2 * 3
    assert found.whole == levels + pictures + (pictures + baselines)
    assert (found.damaged, found.incomplete) == ((), ())
