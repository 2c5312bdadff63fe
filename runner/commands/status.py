"""Show which runs are done, failed or missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from runner.commands.options import results_option, run_choices, tell_stand_in


@click.command()
@run_choices
@results_option
def status(store: Path, results: Path, **choices: Any) -> None:
    """Show which runs are done, only imported, failed or missing, and why.

    A run is done if the store or the record has it; if only the record has it, `run` would train it again.
    """
    from runner.execution.status import State, run_states
    from runner.planning.request import Request
    from runner.record.results import Results
    from runner.store.store import Store

    plan = Request(**choices, say=tell_stand_in).plan()
    records = list(Results(results, plan.profile.id).runs())
    states = list(run_states(plan, Store(store), records))
    width = max(len(plan.label(state.run)) for state in states)
    for state in states:
        click.echo(f"{state.state:10}{plan.label(state.run):{width}}  {state.why}")
    counts = [f"{sum(s.state == kind for s in states)} {kind}" for kind in get_args(State)]
    click.echo(f"{plan.profile.id}: {', '.join(counts)} of {len(states)} runs")
