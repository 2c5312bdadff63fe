"""`dask scheduler` with our defaults: on loopback only, unless there are certificates; no dashboard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from distributed import Scheduler
from distributed.security import Security

from runner.execution.cluster.configuration import configure
from runner.execution.cluster.lifetime import until_told
from singan.errors import UserError


def run_scheduler(host: str, port: int, security: Security, say: Callable[[str], None]) -> None:
    """Run a scheduler until Ctrl-C or SIGTERM; raises `UserError` where it cannot listen."""
    configure()
    asyncio.run(_serve(host, port, security, say))


async def _serve(host: str, port: int, security: Security, say: Callable[[str], None]) -> None:
    protocol = "tls" if security.require_encryption else "tcp"
    try:
        scheduler = await Scheduler(
            host=host,
            port=port,
            protocol=protocol,
            security=security,
            dashboard=False,
            dashboard_address="127.0.0.1:0",
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"cannot listen: {_root(error)}", where=f"{protocol}://{host}:{port}") from None
    say(f"scheduler at {scheduler.address}")
    try:
        await until_told()
    finally:
        await scheduler.close()


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
