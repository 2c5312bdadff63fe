"""An epoch of a level: the published loop's costs, the plain engine, the fast ones; at the study's shapes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import torch

from benchmarks.as_published import AsPublished
from benchmarks.measuring import alone, best_of, show
from runner.execution.resources import ENGINES, EngineName, Resources, choose_device
from runner.images.load import LoadedImage, load_images
from runner.study.load import load_study
from singan.engines.batched import BatchedEngine
from singan.engines.graph import WARM_UP_EPOCHS, GraphEngine
from singan.engines.plain import PlainEngine
from singan.geometry import pyramid_geometry
from singan.level import Engine, LevelInputs, LevelState, LevelTask, prepare_inputs, prepare_state
from singan.pixels import to_tensor
from singan.pyramid import Pyramid, TrainedLevel, build_pyramid
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

STUDY = Path(__file__).parents[1] / "experiments.toml"
SETTINGS = TrainingSettings()
TASK = LevelTask(LevelFeed(), StopRule(), SETTINGS, seed=0, image_digest="benchmark")


def study_images() -> dict[str, LoadedImage]:
    """The study's images, or what stands in for them."""
    return load_images(load_study(STUDY).image.values(), "offline", lambda line: click.echo(f"  {line}"))


def pyramid_below(image: LoadedImage, level: int, device: torch.device) -> Pyramid:
    """A pyramid up to a level, with networks as they start."""
    pyramid = build_pyramid(to_tensor(image.pixels, device=device), pyramid_geometry(image.size, 8))
    for _ in range(level):
        state = prepare_state(pyramid, TASK)
        pyramid = pyramid.with_level(
            TrainedLevel(state.generator, state.discriminator, 0.1, state.anchor_noise)
        )
    return pyramid


def run(quick: bool) -> None:
    """Every level of every image, then whole runs, then peak memory.

    On a CPU with one thread, as each process of `--jobs auto` has; then the last levels with all threads.
    """
    device = choose_device("auto")
    Resources(device, engine="plain").settle()
    images, rounds = study_images(), 1 if quick else 4
    if quick:
        images = {"colosseum": images["colosseum"]}
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
        click.echo("  one thread:")
    for name, image in images.items():
        total: dict[str, float] = {}
        for level in range(pyramid_geometry(image.size, 8).last + 1):
            seconds = _show_level(name, image, level, device, rounds)
            total = {way: total.get(way, 0.0) + taken for way, taken in seconds.items()}
        show(f"{name}, all levels", total)
    if device.type == "cpu":
        torch.set_num_threads(threads)
        click.echo(f"  {threads} threads:")
        for name, image in images.items():
            _show_level(name, image, pyramid_geometry(image.size, 8).last, device, rounds)
        _show_memory("colosseum" if quick else "stone-face")


def _show_level(
    name: str, image: LoadedImage, level: int, device: torch.device, rounds: int
) -> dict[str, float]:
    seconds = time_level(image, level, device, rounds)
    show(f"{name} level {level} ({pyramid_geometry(image.size, 8).sizes[level]})", seconds)
    return seconds


def time_level(image: LoadedImage, level: int, device: torch.device, rounds: int) -> dict[str, float]:
    """Seconds of an epoch in each way."""
    pyramid = pyramid_below(image, level, device)
    engines: dict[str, Engine] = {
        "published": AsPublished(),
        "plain": PlainEngine(),
        "batched": BatchedEngine(),
    }
    if device.type == "cuda":
        engines["graph"] = GraphEngine()
    ready = {name: (prepare_inputs(pyramid, TASK), prepare_state(pyramid, TASK)) for name in engines}

    def epoch(name: str) -> None:
        inputs, state = ready[name]
        engines[name].train_epoch(state, inputs, SETTINGS).losses.sum().item()  # wait for the device

    for _ in range(WARM_UP_EPOCHS if "graph" in engines else 0):
        epoch("graph")
    return best_of({name: partial(epoch, name) for name in engines}, rounds)


def _show_memory(name: str) -> None:
    """Peak memory of training an image's last level, each way in a process of its own."""
    for threads in sorted({1, torch.get_num_threads()}):
        (_, plain), (_, batched) = (alone(_train_last, name, way, threads) for way in ("plain", "batched"))
        click.echo(
            f"  peak memory, last level of {name}, threads: {threads}   "
            f"plain {plain:.0f} MB   batched {batched:.0f} MB ({batched / plain:.2f}x)"
        )


def _train_last(name: str, engine: EngineName, threads: int) -> None:
    image = study_images()[name]
    Resources(engine="plain").settle()
    torch.set_num_threads(threads)
    pyramid = pyramid_below(image, pyramid_geometry(image.size, 8).last, torch.device("cpu"))
    inputs: LevelInputs = prepare_inputs(pyramid, TASK)
    state: LevelState = prepare_state(pyramid, TASK)
    trainer = ENGINES[engine]()
    for _ in range(3):
        trainer.train_epoch(state, inputs, SETTINGS)
