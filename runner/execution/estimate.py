"""How long a plan will take on this machine: every distinct shape is tried for a moment.

An epoch's time is that of its steps, which depends on size and width alone, plus that of its adversarial
inputs, which depends on the feed and on all levels below. Both are measured, in as many processes at once as
will work side by side later; then the pool's work on the plan is simulated, task by task.
"""

from __future__ import annotations

import heapq
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import torch

from runner.execution.resources import Resources
from runner.execution.task import Task, tasks_of, urgency
from runner.planning.plan import LevelTraining, Plan, SuperResolution
from singan.feeds import adversarial_inputs
from singan.geometry import PyramidGeometry, sr_step_sizes
from singan.inference import fold
from singan.level import LevelTask, learned_upsampler, prepare_inputs, prepare_state
from singan.pyramid import Pyramid, TrainedLevel, build_pyramid
from singan.stopping import StopRule
from singan.switches import LevelFeed

_LONG_ENOUGH_s = 1.0
"""Nothing is measured again once its measurements have taken this long."""

_MOST_TIMES = 3
"""Nothing is measured more often, however short it is."""

Chain = tuple[LevelTraining, ...]
"""Levels of one run, coarsest first."""


@dataclass(frozen=True)
class Estimate:
    """Estimated seconds: of each task, by key, and in total."""

    tasks: Mapping[str, float]
    total: float
    longest_chain: float
    """Seconds of the longest chain of tasks, which no number of processes can shorten."""


def estimate(plan: Plan, pending: Mapping[str, Task], place: Resources) -> Estimate:
    """Estimate how long the rest of a plan takes, by training a few epochs of each distinct level."""
    chains = _chains(plan, pending)
    with ProcessPoolExecutor(place.jobs, multiprocessing.get_context("spawn")) as pool:
        workers = [pool.submit(time_levels, chains, place.of_worker(index)) for index in range(place.jobs)]
        found = [worker.result() for worker in workers]
    seconds = {key: statistics.fmean(times[key] for times in found) for key in found[0]}
    tasks = {key: _duration(task, plan, seconds) for key, task in pending.items()}
    return Estimate(
        tasks, makespan(pending, tasks, urgency(tasks_of(plan)), place.jobs), _longest(pending, tasks)
    )


def _chains(plan: Plan, pending: Mapping[str, Task]) -> list[Chain]:
    """The levels of as many runs as it takes to have every pending task in one of them."""
    chains = []
    missing = set(pending)
    for run in plan.runs:
        keys = set(run.keys)
        if keys & missing:
            chains.append(tuple(plan.levels[key] for key in run.levels))
            missing -= keys
    return chains


def time_levels(chains: Sequence[Chain], place: Resources) -> dict[str, float]:
    """Measured seconds of levels: of an epoch by `<key>`, of training the upsampler by `upsampler <key>`.

    Of a last level also, by `sr <key>`, those that enlarging takes per pixel.
    """
    place.settle()
    steps: dict[tuple[object, ...], float] = {}
    seconds: dict[str, float] = {}
    for chain in chains:
        pyramid = build_pyramid(_noise(chain[0].geometry, place.device), chain[0].geometry)
        for level in chain:
            shape = (level.size, level.settings.width_at(level.level))
            if shape not in steps:
                steps[shape] = _time_steps(level, pyramid, place)
            feed = (*shape, level.feed, len(pyramid.reals))
            if feed not in steps:
                steps[feed] = _time_feed(level, pyramid)
            seconds[level.key] = steps[shape] + steps[feed]
            seconds[f"upsampler {level.key}"] = _time_upsampler(level, pyramid)
            pyramid = pyramid.with_level(_untrained(level, pyramid))
        top = pyramid.levels[-1]
        enlarging = ("sr", chain[-1].size, top.generator.width)
        if enlarging not in steps:
            steps[enlarging] = _time_enlarging(top, pyramid)
        seconds[f"sr {chain[-1].key}"] = steps[enlarging]
    return seconds


def _noise(geometry: PyramidGeometry, device: torch.device) -> torch.Tensor:
    return torch.rand(1, 3, *geometry.sizes[-1], device=device) * 2 - 1


def _task(level: LevelTraining, feed: LevelFeed) -> LevelTask:
    return LevelTask(feed, StopRule(), level.settings, 0, "estimate")


def _untrained(level: LevelTraining, pyramid: Pyramid) -> TrainedLevel:
    state = prepare_state(pyramid, _task(level, LevelFeed()))
    return TrainedLevel(state.generator, state.discriminator, 0.1, state.anchor_noise)


def _time_steps(level: LevelTraining, pyramid: Pyramid, place: Resources) -> float:
    """Seconds of an epoch without its adversarial inputs: cheap ones are fed, and their time subtracted."""
    task = _task(level, LevelFeed(adversarial="real_train"))
    inputs, state, engine = prepare_inputs(pyramid, task), prepare_state(pyramid, task), place.make_engine()

    def epoch() -> None:
        losses = engine.train_epoch(state, inputs, level.settings).losses
        losses.sum().item()  # wait for the device

    taken = timed(epoch)
    with torch.no_grad():
        return max(0.0, taken - timed(lambda: _draw(task.feed, pyramid, level)))


def _time_feed(level: LevelTraining, pyramid: Pyramid) -> float:
    with torch.no_grad():
        return timed(lambda: _draw(level.feed, pyramid, level))


def _time_upsampler(level: LevelTraining, pyramid: Pyramid) -> float:
    """Seconds that training a level's upsampler takes; 0 if it has none."""
    if not level.feed.learns_upsampling:
        return 0.0
    task = _task(level, level.feed)
    return level.settings.upsampler_steps * timed(lambda: learned_upsampler(pyramid, task, steps=1))


def _draw(feed: LevelFeed, pyramid: Pyramid, level: LevelTraining) -> None:
    stream = torch.Generator(pyramid.reals[0].device)
    adversarial_inputs(feed, pyramid, stream, level.settings.discriminator_steps).sum().item()


def _time_enlarging(top: TrainedLevel, pyramid: Pyramid) -> float:
    """Seconds per pixel that the last level's generator takes."""
    image = pyramid.reals[-1]
    folded = fold(top)
    return timed(lambda: folded.generate(image, image).sum().item()) / image[0, 0].numel()


def timed(work: Callable[[], object]) -> float:
    """Median seconds of `work`, which is repeated if it is short.

    A first time is left out: compiling and filling caches, it may take a hundred times as long as any other.
    """
    work()
    taken: list[float] = []
    while len(taken) < _MOST_TIMES and sum(taken) < _LONG_ENOUGH_s:
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _duration(task: Task, plan: Plan, seconds: Mapping[str, float]) -> float:
    what = task.what
    if isinstance(what, SuperResolution):
        pixels = sum(
            size.height * size.width
            for size in sr_step_sizes(plan.levels[what.last_level_key].size, what.factor)
        )
        return seconds[f"sr {what.last_level_key}"] * pixels * (len(what.lower_keys) + 1)
    return seconds[f"upsampler {what.key}"] + seconds[what.key] * what.expected_epochs


def makespan(
    tasks: Mapping[str, Task], seconds: Mapping[str, float], urgent: Mapping[str, float], jobs: int
) -> float:
    """Seconds until all is done, if each process takes the most urgent task that is ready."""
    waiting = dict(tasks)
    running: list[tuple[float, str]] = []  # a heap of ends and keys
    now, unfinished = 0.0, set(tasks)
    while waiting or running:
        ready = [key for key, task in waiting.items() if task.below not in unfinished]
        for key in sorted(ready, key=lambda key: -urgent[key])[: jobs - len(running)]:
            heapq.heappush(running, (now + seconds[key], key))
            del waiting[key]
        now, done = heapq.heappop(running)
        unfinished.discard(done)
    return now


def _longest(tasks: Mapping[str, Task], seconds: Mapping[str, float]) -> float:
    """Seconds of the longest chain of tasks that stand on one another."""
    ends: dict[str, float] = {}
    for key, task in tasks.items():  # a level comes after the one below it
        ends[key] = seconds[key] + (ends.get(task.below, 0.0) if task.below else 0.0)
    return max(ends.values(), default=0.0)
