"""Which runs are done, failed or missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from runner.commands.options import run_choices, tell_stand_in


@click.command()
@run_choices
def status(store: Path, **choices: Any) -> None:
    """Show which runs are done here, only imported, failed or missing, and why."""
    from runner.execution.status import State, run_states
    from runner.planning.request import Request
    from runner.store.store import Store

    plan = Request(**choices, say=tell_stand_in).plan()
    states = list(run_states(plan, Store(store)))
    width = max(len(plan.label(state.run)) for state in states)
    for state in states:
        click.echo(f"{state.state:10}{plan.label(state.run):{width}}  {state.why}")
    counts = [f"{sum(s.state == kind for s in states)} {kind}" for kind in get_args(State)]
    click.echo(f"{plan.profile.id}: {', '.join(counts)} of {len(states)} runs")
