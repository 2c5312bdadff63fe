"""Building the site: nothing there yet, and all pictures encoded already."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from benchmarks.training import STUDY
from runner.publish.site import build_site
from runner.results import profiles_in
from runner.study import load_study


def run(quick: bool) -> None:  # noqa: ARG001  (what there is takes what it takes)
    """From the record in `results/`, or else that of `make demo`."""
    root = next((root for root in (Path("results"), Path("demo/results")) if profiles_in(root)), None)
    if root is None:
        click.echo("  no record: run `make demo` first")
        return
    with tempfile.TemporaryDirectory() as folder:
        study, out = load_study(STUDY), Path(folder) / "site"
        taken = []
        for _ in range(2):
            started = time.perf_counter()
            report = build_site(study, root, out)
            taken.append(time.perf_counter() - started)
    cold, warm = taken
    click.echo(
        f"  {report.done} runs, {report.pages} pages from {root}: cold {cold:.1f} s, warm {warm:.1f} s"
    )
