"""A worker: a nanny, and the process it looks after, which carries out one task at a time.

When its scheduler goes away, it waits as long as its patience lasts, and starts again when there is one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import dask
from distributed import Nanny
from distributed.security import Security

from runner.execution.cluster.address import is_loopback
from runner.execution.cluster.configuration import configure
from runner.execution.cluster.lifetime import until_told
from runner.execution.cluster.offer import offer
from singan.errors import UserError

_PAUSE_s = 2.0
"""Time between two attempts to reach the scheduler."""


@dataclass(frozen=True)
class WorkerRequest:
    """The options of a worker."""

    address: str
    security: Security
    device: str
    gpu: str | None
    """Number of the only GPU it sees, as CUDA counts them; None: as the environment says."""
    name: str | None
    patience_s: float
    """How long to wait for a scheduler that is not there."""


def run_worker(request: WorkerRequest, say: Callable[[str], None]) -> None:
    """Run a worker until told to stop; raises `UserError` when the scheduler stays away too long."""
    configure()
    asyncio.run(_live(request, say))


async def _live(request: WorkerRequest, say: Callable[[str], None]) -> None:
    told = asyncio.ensure_future(until_told())
    seen = time.monotonic()
    is_missing = False
    while not told.done():
        nanny = _nanny(request)
        starting = asyncio.ensure_future(_start(nanny))
        await asyncio.wait({told, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and starting.result():
            say(f"worker of {request.address}, offering {offer(request.device)}")
            is_missing = False
            finished = asyncio.ensure_future(nanny.finished())
            await asyncio.wait({told, finished}, return_when=asyncio.FIRST_COMPLETED)
            finished.cancel()
            seen = time.monotonic()
        starting.cancel()
        with suppress(Exception):  # whatever is left of it
            await nanny.close(timeout=2)
        if told.done():
            return
        if time.monotonic() - seen > request.patience_s:
            raise UserError("no scheduler answers", where=request.address)
        if not is_missing:
            say(f"no scheduler at {request.address}; trying again")
            is_missing = True
        await asyncio.wait({told}, timeout=_PAUSE_s)


async def _start(nanny: Nanny) -> bool:
    """Start the worker; returns whether it runs, which it does not where no scheduler answers."""
    try:
        await nanny
    except (OSError, RuntimeError, ValueError):
        return False
    return True


def _configured_preloads() -> list[str]:
    """Modules that the user has configured every worker to load: one, or a list of them."""
    found = dask.config.get("distributed.worker.preload")
    return [found] if isinstance(found, str) else list(found)


def _nanny(request: WorkerRequest) -> Nanny:
    host = request.address.split("://")[1].rsplit(":", 1)[0]
    return Nanny(
        request.address,
        nthreads=1,
        memory_limit=0,
        name=request.name,
        resources={offer(request.device): 1},
        preload=["runner.execution.cluster.preload", *_configured_preloads()],
        host="127.0.0.1" if is_loopback(host) else None,
        security=request.security,
        env={} if request.gpu is None else {"CUDA_VISIBLE_DEVICES": request.gpu},
        dashboard=False,
        dashboard_address="127.0.0.1:0",
    )
