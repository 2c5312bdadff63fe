"""Connect to a cluster: from the scheduler's address to an executor, and to the resources of its workers."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch

from runner.execution.cluster.address import security_for
from runner.execution.cluster.client import Cluster
from runner.execution.resources import DeviceName, EngineChoice, Resources, choose_engine
from singan.errors import UserError
from singan.level import InterruptedTrainingError

_THREADS = 1
"""Threads of each worker, fixed because their number changes the last bits; compiled loops use no more."""


def connect(
    address: str,
    device: DeviceName,
    engine: EngineChoice,
    patience_s: float,
    interrupt: threading.Event,
    say: Callable[[str], None],
) -> tuple[Cluster, Resources]:
    """Connect, and wait for a worker that will do; `auto` takes GPUs where there are any.

    `patience_s` is how long the scheduler may be away later. Raises `UserError` when there is no scheduler,
    or only workers of other versions.
    """
    if device == "mps":
        raise UserError("workers have no such device", where="--device", right='use "cpu", "cuda" or "auto"')
    devices = ("cuda", "cpu") if device == "auto" else (device,)
    cluster = Cluster(address, security_for(address, "client", "--cluster"), patience_s)
    try:
        found = cluster.wait_for_worker(devices, lambda: not interrupt.is_set(), say)
        if interrupt.is_set():
            raise InterruptedTrainingError
        chosen = torch.device(found)
        return cluster, Resources(chosen, choose_engine(engine, chosen), threads=_THREADS)
    except BaseException:
        cluster.close(at_once=True)
        raise
