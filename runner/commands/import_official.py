"""Record what a trained folder of the public code makes of its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.commands.options import (
    PATH,
    SEED,
    device_option,
    one_factor_option,
    results_option,
    stand_ins_option,
    store_option,
    study_option,
)

if TYPE_CHECKING:
    from runner.execution.resources import DeviceName
    from runner.images.load import StandIns


@click.command("import-official")
@click.argument("folder", type=PATH)
@click.option("--experiment", default="original", show_default=True, help="The experiment it was trained as.")
@click.option(
    "--profile", "profile_name", default="paper", show_default=True, help="The profile it was trained in."
)
@click.option("--image", default=None, help="Refuse it unless it was trained on this image of the study.")
@click.option("--name", default=None, help="The id of the picture if it is no image of the study.")
@stand_ins_option
@one_factor_option
@click.option("--seed", type=SEED, default=None, help="Seed of super-resolution. Default: the study's first.")
@device_option
@study_option
@store_option
@results_option
def import_official(
    folder: Path,
    experiment: str,
    profile_name: str,
    image: str | None,
    name: str | None,
    stand_ins: StandIns,
    factor: float | None,
    seed: int | None,
    device: DeviceName,
    study: Path,
    store: Path,
    results: Path,
) -> None:
    """Record what the trained FOLDER of the public SinGAN makes of its picture.

    Experiment and profile are taken on your word, and the pages say so. Nothing in the folder is executed.
    """
    from runner.execution.resources import choose_device
    from runner.official.import_run import ImportRequest
    from runner.official.import_run import import_official as take_over
    from runner.official.match_image import Wanted
    from runner.progress import showing_progress
    from runner.store.store import Store

    wanted = Wanted(image, name, stand_ins)
    request = ImportRequest(folder, study, profile_name, experiment, wanted, factor, seed)
    with showing_progress() as progress:
        imported = take_over(request, results, Store(store), choose_device(device), progress, progress.say)
    click.echo(
        f"{imported.trained.name}: {len(imported.run.levels)} levels imported as {imported.run}, "
        f"profile {profile_name}; recorded in {imported.record}"
    )
