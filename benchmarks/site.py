"""Building the site: nothing there yet, and all pictures encoded already; for more and more runs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from benchmarks.training import STUDY
from helpers.records import Synthetic, write_results
from runner.publish.site import build_site
from runner.study.load import load_study


def run(quick: bool) -> None:
    """Synthetic records: every experiment on every image, with pictures of full size; then many seeds."""
    _show("81 runs, pictures of full size", Synthetic(profile="preview", everywhere=True, full_size=True))
    for seeds in () if quick else (5, 10, 19):
        what = Synthetic(profile="preview", everywhere=True, seeds=tuple(range(seeds)))
        _show(f"{81 * seeds} runs, small pictures", what)


def _show(name: str, what: Synthetic) -> None:
    study = load_study(STUDY)
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "results", Path(folder) / "site"
        write_results(root, study, what)
        taken = []
        for _ in range(2):
            started = time.perf_counter()
            build_site(study, root, out)
            taken.append(time.perf_counter() - started)
    cold, warm = taken
    click.echo(f"  {name:34} cold {cold:6.1f} s   warm {warm:6.1f} s ({cold / warm:.1f}x)")
