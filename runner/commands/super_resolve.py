"""Enlarge one's own picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.commands.options import (
    OUTPUT_PATH,
    PATH,
    SEED,
    device_option,
    one_factor_option,
    profile_option,
    store_option,
    study_option,
)
from singan.errors import UserError

if TYPE_CHECKING:
    from runner.execution.resources import DeviceName


@click.command("super-resolve")
@click.argument("picture", type=PATH, required=False)
@click.option("--experiment", default="original", show_default=True, help="The experiment to train as.")
@click.option(
    "--trained",
    type=PATH,
    default=None,
    help="Train nothing: use this trained folder of the public SinGAN, and the picture it was trained on.",
)
@one_factor_option
@click.option("-o", "--output", type=OUTPUT_PATH, required=True, help="The enlarged picture.")
@study_option
@profile_option
@click.option("--seed", type=SEED, default=None, help="Seed of all randomness. Default: the study's first.")
@device_option
@store_option
@click.pass_context
def super_resolve(
    context: click.Context,
    picture: Path | None,
    experiment: str,
    trained: Path | None,
    factor: float | None,
    output: Path,
    study: Path,
    profile_name: str,
    seed: int | None,
    device: DeviceName,
    store: Path,
) -> None:
    """Train on PICTURE and enlarge it. With --trained, PICTURE may be left out: the folder has it."""
    from runner.execution.own_picture import check_output, enlarge
    from runner.images.own import load_own
    from runner.planning.plan import make_plan
    from runner.planning.request import checked_factor
    from runner.planning.selection import choose, choose_profile
    from runner.store.store import Store
    from runner.study.load import load_study

    loaded = load_study(study)
    factor = checked_factor(loaded.study.factor if factor is None else factor)
    seed = loaded.study.seed if seed is None else seed
    if trained is not None:
        _refuse_given(context, ("experiment", "profile_name", "store"), "with --trained nothing is trained")
        check_output(output, picture)
        from runner.official.enlarge import enlarge_trained

        size = enlarge_trained(trained, picture, factor, seed, device, output)
        click.echo(f"{output}: {size}, by the levels in {trained}")
        return
    if picture is None:
        raise click.UsageError("PICTURE is missing; only with --trained can it be left out", context)
    way, profile = choose(loaded.experiment, experiment, "--experiment"), choose_profile(loaded, profile_name)
    image = load_own(picture)
    plan = make_plan(profile, [(way, image)], factors=[factor], seeds=[seed])
    check_output(output, picture)
    opened = Store(store)
    opened.prepare()
    size = enlarge(plan, image, opened, device, output)
    click.echo(f"{output}: {size}, {profile.id} profile ({profile.epochs} epochs), {way.id}")


def _refuse_given(context: click.Context, names: tuple[str, ...], why: str) -> None:
    """Refuse options that were given but cannot apply."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        if parameter.name in names and given:
            raise UserError(f"{parameter.opts[0]} cannot apply", right=f"leave it out: {why}")
