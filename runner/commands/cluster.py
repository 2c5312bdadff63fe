"""A cluster's two kinds of processes, the scheduler and the workers; `run --cluster` is the third."""

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
    """How to speak with a scheduler; raises `UserError` for a bad one, and without the extra `cluster`."""
    if find_spec("distributed") is None:
        raise UserError("needs Dask", where=where, right="pip install 'singan-lab[cluster]'")
    from runner.execution.cluster.address import security_for

    return security_for(address, role, where)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(1, 65535), default=8786, show_default=True)
@click.option("--tls", is_flag=True, help="With certificates, on loopback too; elsewhere always.")
def scheduler(host: str, port: int, *, tls: bool) -> None:
    """Be a cluster's scheduler: hand tasks to workers (docs/cluster.md).

    A `dask scheduler` with this program's defaults. Stops at Ctrl-C.
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
@click.option("--gpu", default=None, metavar="NUMBER", help="The one GPU it uses, of several.")
@click.option("--name", default=None, help="What it is called in the record.  [default: its address]")
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
    """Be a worker of the scheduler at ADDRESS, for one task at a time (docs/cluster.md).

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
