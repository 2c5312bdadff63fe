"""Measure the author's published pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runner.commands import exit_status
from runner.commands.options import results_option, store_option, study_option


@click.command("measure-published")
@study_option
@store_option
@results_option
def measure_published(study: Path, store: Path, results: Path) -> None:
    """Measure the super-resolved pictures that the author published, and record the figures.

    The pictures are downloaded once, or found in the folder that SINGAN_PUBLISHED names. Exits with 1 if some
    could not be measured.
    """
    from functools import partial

    from runner.execution.resources import Resources, provenance
    from runner.record.measure_published import measure_published as measure
    from runner.store.store import Store
    from runner.study.load import load_study

    found = measure(load_study(study), results, Store(store), partial(provenance, Resources()), click.echo)
    click.echo(f"{found.named - found.failed} of {found.named} pictures measured; recorded in {found.record}")
    if found.failed:
        sys.exit(exit_status.FAILED)
