"""How well a plan beyond one lab keeps a cluster busy: the real loop and store, workers that only sleep."""

from __future__ import annotations

import heapq
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.training import STUDY, study_images
from runner.execution.assignment import Assignment, Ended, Event, LevelMade, PictureMade, Result
from runner.execution.execute import Execution
from runner.execution.executors.interface import PATIENCE_s
from runner.execution.resources import Resources, provenance
from runner.planning.plan import Plan, make_plan
from runner.progress import PlainProgress
from runner.store.artifacts import LevelFacts, PictureFacts
from runner.store.store import Store
from runner.study.load import load_study
from singan.geometry import Size, sr_output_size

_SLEEP_s = 25.0
"""Of a pretended task. A real leg is 60 s."""

_WEIGHTS_bytes = 200_000
_HISTORY_bytes = 50_000


class Sleepers:
    """An executor (`executors.interface`) whose workers do nothing for a while, and say they have trained."""

    def __init__(self, workers: int, seconds: float) -> None:
        self.slots = workers
        self.busy_s = 0.0
        """Of all workers together."""
        self._seconds = seconds
        self._at_work: list[tuple[float, str, Assignment]] = []
        self._provenance = provenance(Resources())

    def free(self) -> int:
        return self.slots - len(self._at_work)

    def submit(self, assignment: Assignment) -> None:
        heapq.heappush(self._at_work, (time.monotonic() + self._seconds, assignment.key, assignment))
        self.busy_s += self._seconds

    def listen(self, hear: Callable[[Event], None]) -> None:
        wait = min(max(self._at_work[0][0] - time.monotonic(), 0), PATIENCE_s)
        time.sleep(wait)
        while self._at_work and self._at_work[0][0] <= time.monotonic():
            _, key, assignment = heapq.heappop(self._at_work)
            hear(Ended(key, self._result(assignment)))

    def _result(self, assignment: Assignment) -> Result:
        if assignment.task.kind == "levels":
            facts = LevelFacts(seconds=self._seconds, stopped_early=False, noise_amplitude=0.1)
            return LevelMade(bytes(_WEIGHTS_bytes), bytes(_HISTORY_bytes), facts, self._provenance)
        size: Size = sr_output_size(assignment.image.size, 2.0)
        picture = PictureFacts(seconds=1.0, width=size.width, height=size.height)
        return PictureMade(b"", picture, {}, self._provenance)

    def ask_to_stop(self) -> None: ...

    def close(self, *, at_once: bool) -> None: ...


def run(quick: bool) -> None:
    """10,000 levels on 500 workers; a twentieth of both with `--quick`."""
    plan, workers, sleep_s = (_plan(500), 25, 2.0) if quick else (_plan(10_000), 500, _SLEEP_s)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        store.prepare()
        sleepers = Sleepers(workers, sleep_s)
        execution = Execution(plan, study_images(), store, Resources(), _Silent(), executor=sleepers)
        started, processor = time.monotonic(), time.process_time()
        execution.carry_out()
        wall, processor = time.monotonic() - started, time.process_time() - processor
    tasks = len(plan.levels) + len(plan.runs)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    click.echo(
        f"{len(plan.levels)} levels, {len(plan.runs)} pictures, {workers} workers, {sleep_s:.0f} s each: "
        f"{wall:.0f} s; slots busy {sleepers.busy_s / wall / workers:.1%} of it; client {processor:.0f} s of "
        f"processor time ({processor / tasks * 1000:.1f} ms a task), {memory:.0f} MB"
    )


class _Silent(PlainProgress):
    def say(self, line: str) -> None:
        """Nothing."""


def _plan(levels: int) -> Plan:
    """The study's original on all images, with as many seeds as it takes for so many levels."""
    study, images = load_study(STUDY), study_images()
    pairs = [(study.experiment["original"], image) for image in images.values()]
    profile = study.profile["smoke"]
    each = len(make_plan(profile, pairs, factors=[2.0], seeds=[0]).levels)
    return make_plan(profile, pairs, factors=[2.0], seeds=range(levels // each))
