"""List what the study defines."""

from __future__ import annotations

from pathlib import Path

import click

from runner.commands.options import study_option
from runner.streams import harmless


@click.command("list")
@study_option
def list_(study: Path) -> None:
    """List the study's experiments, images and profiles."""
    from runner.study.load import load_study

    loaded = load_study(study)
    click.echo("Experiments")
    for experiment in loaded.experiment.values():
        images = ", ".join(image.id for image in loaded.images_of(experiment))
        click.echo(f"  {experiment.id:15}{harmless(experiment.title)}  [{images}]")
        original = loaded.original.in_words
        words = [f"{k}: {v}" for k, v in experiment.in_words.items() if v != original.get(k)]
        click.echo(f"  {'':15}{'; '.join(words) or 'the defaults'}")
    click.echo("Images")
    for image in loaded.image.values():
        click.echo(f"  {image.id:12}{harmless(image.title)}, {image.cropped_size} pixels")
    click.echo("Profiles")
    for profile in loaded.profile.values():
        click.echo(f"  {profile.id:12}{profile.epochs} epochs. {harmless(profile.note)}")
