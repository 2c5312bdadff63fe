"""The device, engine, processes and threads that work is done with, and what the record says of them."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

import torch

import singan
from runner.execution.machine import available_memory, cores, processor
from runner.store.provenance import Provenance
from singan.engines.batched import BatchedEngine
from singan.engines.graph import GraphEngine
from singan.engines.plain import PlainEngine
from singan.errors import UserError
from singan.kernels import jit
from singan.level import Engine

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
EngineName = Literal["graph", "batched", "plain"]
EngineChoice = Literal["auto", "graph", "batched", "plain"]
ENGINES: dict[EngineName, Callable[[], Engine]] = {
    "graph": GraphEngine,
    "batched": BatchedEngine,
    "plain": PlainEngine,
}

JOBS_PER_GPU = 4
"""Processes that share a GPU, because small levels leave most of it idle."""

THREADS_COMPILED_BEATS = 2
"""Compiled loops, which use one thread, train faster than PyTorch with this many (`benchmarks training`)."""

MEMORY_PER_JOB_bytes = 2 * 2**30
"""Memory allowed for each process: more than the largest level of the study and its super-resolution take."""


@dataclass(frozen=True)
class Resources:
    """The device, engine, processes and threads that work is done with."""

    device: torch.device = torch.device("cpu")  # noqa: RUF009  (immutable)
    engine: EngineName = "batched"
    jobs: int = 1
    """Processes that work side by side; each has its share of the threads."""
    threads: int | None = None
    """Threads of each process (they change the last bits of results); None: its share of the machine's."""

    def make_engine(self) -> Engine:
        """A fresh engine."""
        return ENGINES[self.engine]()

    def settle(self) -> None:
        """Prepare this process: set its threads and full float32 precision, and have freed memory kept."""
        torch.set_num_threads(self.threads or self._share_of(_threads_of_the_machine()))
        torch.backends.cudnn.allow_tf32 = False  # on by default for convolutions
        keep_freed_memory()

    def _share_of(self, threads: int) -> int:
        """Threads of each process: an equal share of `threads`, or one where compiled loops are faster."""
        share = max(1, threads // self.jobs)
        has_compiled = self.engine != "plain" and self.device.type == "cpu" and jit.is_available()
        return 1 if has_compiled and share <= THREADS_COMPILED_BEATS else share

    def of_worker(self, index: int) -> Resources:
        """The resources of process `index`: where there are several GPUs, processes take them in turn."""
        if self.device.type != "cuda":
            return self
        return replace(self, device=torch.device("cuda", index % torch.cuda.device_count()))


@cache
def _threads_of_the_machine() -> int:
    """Threads that torch uses by default, as they were at the first call, before `settle` changes them."""
    return torch.get_num_threads()


def choose_device(name: DeviceName) -> torch.device:
    """The device asked for; `auto` takes the best there is. Raises `UserError` for one that is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if available[device])
    if not available[name]:
        usable = ", ".join(device for device, there in available.items() if there)
        raise UserError(f'no device "{name}" on this machine', where="--device", right=f"usable: {usable}")
    return torch.device(name)


def choose_engine(name: EngineChoice, device: torch.device) -> EngineName:
    """The engine asked for; `auto` takes the fastest. Raises `UserError` for one the device cannot have."""
    if name == "auto":
        return "graph" if device.type == "cuda" else "batched"
    if name == "graph" and device.type != "cuda":
        raise UserError(
            f"the graph engine needs CUDA, not {device}", where="--engine", right='use "batched" or "auto"'
        )
    return name


def choose_jobs(asked: int | None, device: torch.device) -> int:
    """Number of processes: as asked, or for None one a core as far as memory allows, or several a GPU."""
    if asked is not None:
        return asked
    if device.type == "cuda":
        return JOBS_PER_GPU * torch.cuda.device_count()
    if device.type != "cpu":
        return 1
    return max(1, min(cores(), available_memory() // MEMORY_PER_JOB_bytes))


def _engine_words(place: Resources) -> str:
    """The engine, and whether it convolves by Winograd's method."""
    is_winograd = place.engine != "plain" and jit.serves(place.device)
    return f"{place.engine}, Winograd" if is_winograd else place.engine


def keep_freed_memory() -> None:
    """Let glibc keep freed memory; does nothing under other C libraries.

    Every step frees and allocates the same tens of megabytes, and a page fault for each 4 kB of them costs
    more than the arithmetic on it.
    """
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_bytes)
        libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST_KEPT_bytes)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt`, as numbered in <malloc.h>."""

_LARGEST_KEPT_bytes = 2**30


def provenance(place: Resources) -> Provenance:
    """Where and with what work is done right now."""
    device = place.device
    return Provenance(
        finished=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        device=device.type,
        engine=_engine_words(place),
        jobs=place.jobs,
        threads=torch.get_num_threads(),
        singan=singan.__version__,
        commit=_commit(),
        torch=torch.__version__,
        python=f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
    )


@cache
def _commit() -> str | None:
    """Commit of the checkout this program runs from, with `+` when it was changed; None outside one."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        commit, changed = (
            subprocess.run(  # noqa: S603
                ["git", "-C", str(folder), *command],  # noqa: S607
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for command in (
                ("rev-parse", "--short=12", "HEAD"),
                ("status", "--porcelain", "-uno", "singan", "runner"),
            )
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+" if changed else commit
