"""What sharing levels saves: the expected work of the published runs, with and without."""

from __future__ import annotations

import click

from benchmarks.training import STUDY, study_images
from runner.planning.plan import make_plan
from runner.study.load import load_study


def run(quick: bool) -> None:  # noqa: ARG001  (planning is quick anyhow)
    """By number of trainings, and by arithmetic."""
    study, images = load_study(STUDY), study_images()
    pairs = [
        (experiment, images[image.id])
        for experiment in study.experiment.values()
        for image in study.images_of(experiment)
    ]
    plan = make_plan(study.profile["paper"], pairs, factors=study.study.factors, seeds=study.study.seeds)
    naive = sum(plan.levels[key].cost for one in plan.runs for key in one.levels)
    shared = sum(level.cost for level in plan.levels.values())
    fewer = plan.trainings_without_sharing / len(plan.levels)
    click.echo(
        f"  {len(plan.runs)} runs: {plan.trainings_without_sharing} trainings without sharing, "
        f"{len(plan.levels)} with ({fewer:.2f}x); arithmetic {naive / shared:.2f}x less"
    )
