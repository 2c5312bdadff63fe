"""Train experiments and record their results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from runner.commands import exit_status
from runner.commands.cluster import check_address
from runner.commands.options import DURATION, JOBS, device_option, results_option, run_choices, tell_stand_in

if TYPE_CHECKING:
    from runner.execution.executors.interface import Executor
    from runner.execution.resources import DeviceName, EngineChoice, Resources
    from runner.planning.plan import Plan
    from runner.store.store import Store


@click.command()
@run_choices
@device_option
@click.option(
    "--engine",
    type=click.Choice(["auto", "graph", "batched", "plain"]),
    default="auto",
    show_default=True,
    help="How training is carried out; plain: step by step, as the algorithm is written.",
)
@click.option(
    "--jobs",
    type=JOBS,
    default="auto",
    envvar="SINGAN_JOBS",
    show_default=True,
    help="Processes that train side by side; auto: one a core, several a GPU.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    default=None,
    help="Have the workers of this Dask scheduler train, as tls://HOST:8786 (docs/cluster.md).",
)
@click.option(
    "--leg",
    "leg_s",
    type=DURATION,
    default="60s",
    show_default=True,
    help="How long a worker of a cluster trains before it hands back what it has.",
)
@click.option(
    "--patience",
    "patience_s",
    type=DURATION,
    default="60s",
    show_default=True,
    help="How long the scheduler of a cluster may be away before this gives up; nothing is lost.",
)
@results_option
@click.option("--dry-run", is_flag=True, help="Only print what would be trained, and why.")
@click.option(
    "--estimate", is_flag=True, help="Train nothing; try each level for a moment and estimate the whole."
)
@click.option("--force", is_flag=True, help="Do finished work again.")
@click.option(
    "--time-limit",
    "time_limit_s",
    type=DURATION,
    default=None,
    help="Stop at the next epoch after this time, as 150m, and keep what is in progress; exits with 3.",
)
def run(
    device: DeviceName,
    engine: EngineChoice,
    jobs: int | None,
    cluster: str | None,
    leg_s: float,
    patience_s: float,
    store: Path,
    results: Path,
    dry_run: bool,
    estimate: bool,
    force: bool,
    time_limit_s: float | None,
    **choices: Any,
) -> None:
    """Train the study's experiments and record their results.

    Finished levels are never trained twice: levels are shared between experiments and kept in the store.
    """
    from runner.files import check_writable
    from runner.planning.request import Request
    from runner.store.store import Store

    _check_cluster(cluster, estimate=estimate)
    request = Request(**choices, say=tell_stand_in)
    plan = request.plan()
    opened = Store(store)
    _print_plan(plan, opened, force=force, detailed=dry_run)
    if dry_run:
        return
    if estimate:
        _print_estimate(plan, opened, device, engine, jobs, force=force)
        return
    check_writable(results)
    opened.prepare()

    from runner.execution.execute import Execution
    from runner.execution.interrupt import interruptible
    from runner.progress import showing_progress
    from runner.record.results import Results

    with showing_progress() as progress, interruptible(progress.say, time_limit_s) as interrupt:
        executor: Executor | None = None
        if cluster is None:
            place = _resources(device, engine, jobs)
        else:
            from runner.execution.cluster.connect import connect

            executor, place = connect(cluster, device, engine, patience_s, interrupt, progress.say)
        execution = Execution(
            plan,
            request.pictures,
            opened,
            place,
            progress,
            force,
            interrupt,
            executor,
            leg_s if cluster else None,
        )
        outcome = execution.run_all(Results(results, plan.profile.id), request.command)
    failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
    click.echo(f"{outcome.done} of {len(plan.runs)} runs done{failed}; {outcome.trained} levels trained now")
    if outcome.failures:
        for name, reason in outcome.failures.items():
            click.echo(f"  {name}: {reason}", err=True)
        sys.exit(exit_status.FAILED)


def _resources(device: DeviceName, engine: EngineChoice, jobs: int | None) -> Resources:
    """The device, engine and processes to work with on this machine."""
    from runner.execution.resources import Resources, choose_device, choose_engine, choose_jobs

    chosen = choose_device(device)
    return Resources(chosen, choose_engine(engine, chosen), choose_jobs(jobs, chosen))


def _check_cluster(address: str | None, *, estimate: bool) -> None:
    """Refuse what makes no sense with a cluster, before anything is loaded; raises `click.UsageError`."""
    if address is None:
        return
    source = click.get_current_context().get_parameter_source("jobs")
    if source is ParameterSource.COMMANDLINE:  # (SINGAN_JOBS may well be set, for work without a cluster)
        raise click.UsageError("--jobs is for this machine, --cluster for others: leave out one of them")
    if estimate:
        raise click.UsageError("--estimate tries this machine, and tells nothing of a cluster")
    check_address(address, "client", "--cluster")


def _print_plan(plan: Plan, store: Store, *, force: bool, detailed: bool) -> None:
    from runner.execution.status import pending_levels

    pending = pending_levels(plan, store, force=force)
    click.echo(
        f"{plan.profile.id}: {len(plan.runs)} runs, {len(plan.levels)} level trainings "
        f"({plan.trainings_without_sharing} without sharing); {len(plan.levels) - len(pending)} done, "
        f"{len(pending)} to train"
    )
    if detailed:
        for item in pending:
            task = item.task
            who = ", ".join(run.experiment.id for run in item.runs)
            click.echo(f"  {task.image} level {task.level} ({task.size})  {item.reason}  for {who}")


def _print_estimate(
    plan: Plan,
    store: Store,
    device: DeviceName,
    engine: EngineChoice,
    jobs: int | None,
    *,
    force: bool,
) -> None:
    from runner.execution.estimate import estimate
    from runner.execution.task import pending_tasks
    from runner.progress import duration

    place = _resources(device, engine, jobs)
    found = estimate(plan, pending_tasks(plan, store, force=force), place)
    click.echo(
        f"about {duration(found.total)} with {place.jobs} at a time on {place.device}: "
        f"{duration(sum(found.tasks.values()))} of work, its longest chain {duration(found.longest_chain)}"
    )
