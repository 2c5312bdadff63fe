"""Two ways side by side: who takes turns, how long each takes at best, and how much memory a way needs."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import click

Result = TypeVar("Result")


def best_of(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each way at its best, taking turns; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - started)
    return {name: min(times[1:]) for name, times in taken.items()}


def show(what: str, seconds: Mapping[str, float], note: str = "") -> None:
    """A line: seconds of each way, and how many times as fast as the first the others are."""
    first, *others = seconds
    parts = [f"{first} {seconds[first]:8.3f} s"]
    parts += [f"{name} {seconds[name]:8.3f} s ({seconds[first] / seconds[name]:.2f}x)" for name in others]
    click.echo(f"  {what:34} {'   '.join(parts)}{note}")


def alone(work: Callable[..., Result], *arguments: object) -> tuple[Result, float]:
    """The result of `work` in a fresh process, and that process's peak memory in MB."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_with_peak, work, *arguments).result()


def _with_peak(work: Callable[..., Result], *arguments: object) -> tuple[Result, float]:
    return work(*arguments), _peak_memory_bytes() / 1e6


def _peak_memory_bytes() -> float:
    """Of this process. What `getrusage` says may be its parent's: Linux hands that down."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
