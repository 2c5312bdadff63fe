"""Render the record as pages."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runner.commands import exit_status
from runner.commands.options import OUTPUT_PATH, path_option, results_option, study_option


@click.command("build-site")
@study_option
@results_option
@path_option("--out", default="site", what="Where the pages go.", kind=OUTPUT_PATH)
@click.option(
    "--profile",
    "profile_name",
    default=None,
    help="The profile that the first page shows. Default: the most faithful one.",
)
@click.option("--address", default=None, help="The site's future address, for preview cards of shared links.")
@click.option(
    "--check",
    is_flag=True,
    help="Also look for dead links, invalid or heavy pages, missing pictures; exits with 1 if there are any.",
)
def build_site(
    study: Path, results: Path, out: Path, profile_name: str | None, address: str | None, check: bool
) -> None:
    """Render the record as a web site."""
    from runner.publish.audit.audit import audit
    from runner.publish.site import build_site as build
    from runner.study.load import load_study

    report = build(load_study(study), results, out, profile_name, address)
    for note in report.notes:
        click.echo(f"note: {note}")
    click.echo(f"{report.pages} pages in {out}; open {out / 'index.html'}")
    if not check:
        return
    found = audit(out)
    for problem in found.problems:
        click.echo(problem)
    if report.faulty_pictures:
        click.echo(f"pictures of the record missing or not as recorded, as noted: {report.faulty_pictures}")
    if found.problems or report.faulty_pictures:
        sys.exit(exit_status.FAILED)
    heaviest, scripts = found.heaviest_page / 1000, found.scripts / 1000
    click.echo(f"checked: {found.pages} pages, the heaviest {heaviest:.0f} KB, scripts {scripts:.1f} KB")
