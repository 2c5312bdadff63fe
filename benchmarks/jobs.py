"""A part of the study trained by one process and by several, from nothing."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from benchmarks.measuring import show
from benchmarks.training import STUDY, study_images
from runner.execute import Execution
from runner.plan import Plan, make_plan
from runner.progress import PlainProgress
from runner.results import Results
from runner.store import Store
from runner.study import load_study
from runner.workplace import Workplace, choose_device, choose_jobs


class _Silent(PlainProgress):
    def say(self, line: str) -> None:
        """Nothing."""


def run(quick: bool) -> None:
    """The colosseum's runs in the smoke profile at full width: one epoch a level."""
    device = choose_device("auto")
    study, images = load_study(STUDY), study_images()
    names = ["original", "real-b"] if quick else ["original", "real-b", "real-c", "real-g", "up-i"]
    profile = study.profile["smoke"].model_copy(update={"epochs": 3, "base_width": 32})
    pairs = [(study.experiment[name], images["colosseum"]) for name in names]
    plan = make_plan(profile, pairs, factors=[2.0], seeds=[0])
    several = choose_jobs(None, device)
    threads = torch.get_num_threads()
    seconds = {}
    for jobs in dict.fromkeys((1, several)):
        torch.set_num_threads(threads)
        seconds[f"{jobs} at a time"] = _time(plan, Workplace(device, jobs=jobs))
    show(f"{len(plan.levels)} levels, {len(plan.runs)} pictures", seconds)


def _time(plan: Plan, place: Workplace) -> float:
    images = study_images()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        store.prepare()
        execution = Execution(plan, images, store, place, _Silent())
        started = time.perf_counter()
        execution.run_all(Results(Path(folder) / "results", plan.profile.id), str)
        return time.perf_counter() - started
