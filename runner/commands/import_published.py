"""Import the author's trained folders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.commands import exit_status
from runner.commands.options import PATH, device_option, results_option, store_option, study_option

if TYPE_CHECKING:
    from runner.execution.resources import DeviceName


@click.command("import-published")
@click.argument("folder", type=PATH)
@click.option(
    "--profile", "profile_name", default="paper", show_default=True, help="The profile they were trained in."
)
@device_option
@study_option
@store_option
@results_option
def import_published(
    folder: Path, profile_name: str, device: DeviceName, study: Path, store: Path, results: Path
) -> None:
    """Import every trained folder that the study names, from a clone of the author's repository in FOLDER.

    Prints a line for each. Folders that are missing are left out; exits with 1 if some were refused.
    """
    from runner.execution.resources import choose_device
    from runner.official.import_published import import_published as take_over
    from runner.progress import showing_progress
    from runner.store.store import Store

    chosen = choose_device(device)
    with showing_progress() as progress:
        found = take_over(folder, study, profile_name, results, Store(store), chosen, progress, progress.say)
    click.echo(f"{found.imported} folders imported, {found.missing} missing, {found.refused} refused")
    if found.refused:
        sys.exit(exit_status.FAILED)
