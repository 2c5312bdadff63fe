"""Write a run as a trained folder of the public code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.commands.options import (
    OUTPUT_PATH,
    SEED,
    images_from_option,
    one_factor_option,
    profile_option,
    stand_ins_option,
    store_option,
    study_option,
    tell_stand_in,
)


@click.command("export-official")
@click.option("--experiment", required=True, help="The experiment to export.")
@click.option("--image", required=True, help="The image it was trained on.")
@click.option("--out", type=OUTPUT_PATH, required=True, help="An empty or a new folder to write to.")
@profile_option
@images_from_option
@stand_ins_option
@one_factor_option
@click.option("--seed", type=SEED, default=None, help="Seed of the training. Default: the study's first.")
@study_option
@store_option
def export_official(
    experiment: str,
    image: str,
    out: Path,
    factor: float | None,
    seed: int | None,
    store: Path,
    **choices: Any,
) -> None:
    """Write the levels of a finished run as a trained folder of the public SinGAN."""
    from runner.official.export_run import export_official as write
    from runner.planning.request import Request
    from runner.store.store import Store

    request = Request(
        **choices,
        experiments=(experiment,),
        images=(image,),
        all_images=True,
        factors=() if factor is None else (factor,),
        seeds=() if seed is None else (seed,),
        say=tell_stand_in,
    )
    exported = write(request, Store(store), out)
    click.echo(f"{out}: {exported.levels} levels of {exported.run}, profile {request.profile_name}")
