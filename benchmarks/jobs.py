"""A part of the study from nothing: each run for itself as published, levels shared, several at a time."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from benchmarks.as_published import AsPublished
from benchmarks.measuring import show
from benchmarks.training import STUDY, study_images
from runner.execution.execute import Execution
from runner.execution.resources import Resources, choose_device, choose_jobs
from runner.planning.plan import Plan, make_plan
from runner.progress import PlainProgress
from runner.record.results import Results
from runner.store.store import Store
from runner.study.load import load_study


class _Silent(PlainProgress):
    def say(self, line: str) -> None:
        """Nothing."""


class _AsPublished(Resources):
    def make_engine(self) -> AsPublished:
        """The published loop's costs."""
        return AsPublished()


def run(quick: bool) -> None:
    """All experiments on the colosseum, three epochs a level at full width."""
    device = choose_device("auto")
    study, images = load_study(STUDY), study_images()
    profile = study.profile["smoke"].model_copy(update={"epochs": 3, "base_width": 32})
    pairs = [
        (experiment, images["colosseum"])
        for experiment in study.experiment.values()
        if "colosseum" in (image.id for image in study.images_of(experiment))
    ][: 3 if quick else None]
    plan = make_plan(profile, pairs, factors=[2.0], seeds=[0])
    each = [make_plan(profile, [pair], factors=[2.0], seeds=[0]) for pair in pairs]
    seconds = {"as published": sum(_time(one, _AsPublished(device, engine="plain")) for one in each)}
    threads = torch.get_num_threads()
    for jobs in dict.fromkeys((1, choose_jobs(None, device))):
        seconds[f"{jobs} at a time"] = _time(plan, Resources(device, jobs=jobs))
        torch.set_num_threads(threads)
    show(f"{len(plan.runs)} runs, {len(plan.levels)} levels", seconds)


def _time(plan: Plan, place: Resources) -> float:
    images = study_images()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        store.prepare()
        execution = Execution(plan, images, store, place, _Silent())
        started = time.perf_counter()
        execution.run_all(Results(Path(folder) / "results", plan.profile.id), str)
        return time.perf_counter() - started
