"""The commands that start a cluster's scheduler and its workers; its client is `run --cluster`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import click

from runner.commands.options import DURATION
from singan.errors import UserError

if TYPE_CHECKING:
    from distributed.security import Security

    from runner.execution.cluster.address import Role


def check_address(address: str, role: Role, where: str) -> Security:
    """Encryption to use with an address; raises `UserError` for a bad one and without the extra `cluster`."""
    if find_spec("distributed") is None:
        raise UserError("needs Dask", where=where, right="pip install 'singan-lab[cluster]'")
    from runner.execution.cluster.address import security_for

    return security_for(address, role, where)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(1, 65535), default=8786, show_default=True)
@click.option("--tls", is_flag=True, help="Use TLS on loopback, too; elsewhere it is always used.")
def scheduler(host: str, port: int, *, tls: bool) -> None:
    """Run a cluster's scheduler, which hands tasks to workers (docs/cluster.md).

    It is a `dask scheduler` with this program's defaults. Stops at Ctrl-C.
    """
    bracketed = f"[{host}]" if ":" in host else host
    protocol = "tls" if tls or _is_remote(host) else "tcp"
    security = check_address(f"{protocol}://{bracketed}:{port}", "scheduler", "--host")
    from runner.execution.cluster.scheduler import run_scheduler

    run_scheduler(host, port, security, click.echo)


def _is_remote(host: str) -> bool:
    from runner.execution.cluster.address import is_loopback

    return not is_loopback(host)


@click.command()
@click.argument("address")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--gpu", default=None, metavar="NUMBER", help="Use only this one of several GPUs.")
@click.option("--name", default=None, help="The worker's name in the record.  [default: its address]")
@click.option(
    "--patience",
    "patience_s",
    type=DURATION,
    default="5m",
    show_default=True,
    help="How long to wait for a scheduler that is not there.",
)
def worker(
    address: str, device: Literal["auto", "cpu", "cuda"], gpu: str | None, name: str | None, patience_s: float
) -> None:
    """Run a worker for the scheduler at ADDRESS, which does one task at a time (docs/cluster.md).

    It needs nothing but this program: pictures and weights come with the tasks. Stops at Ctrl-C.
    """
    security = check_address(address, "worker", "ADDRESS")
    try:
        from runner.execution.resources import choose_device
    except ImportError as error:
        raise UserError(f"cannot train here: {error}", right="install torch, as singan-lab does") from None
    from runner.execution.cluster.worker import WorkerRequest, run_worker

    chosen = choose_device(device).type
    device_name = "cpu" if chosen == "mps" else chosen
    run_worker(WorkerRequest(address, security, device_name, gpu, name, patience_s), click.echo)
