"""What is how much faster than what, measured in one run: `python -m benchmarks [what ...]`.

Every line is a ratio of two ways that take turns in one process, each at its best of several rounds: machines
are noisy, and absolute seconds of one are of little use on another. Seconds and peak memory stand beside.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from benchmarks import jobs, scheduling, sharing, site, superres, training

BENCHMARKS: dict[str, Callable[[bool], None]] = {
    "training": training.run,
    "superres": superres.run,
    "sharing": sharing.run,
    "jobs": jobs.run,
    "scheduling": scheduling.run,
    "site": site.run,
}


@click.command(help=__doc__)
@click.argument("what", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Fewer levels and rounds.")
def main(what: tuple[str, ...], *, quick: bool) -> None:
    """Run the named benchmarks, or all."""
    for name in what or BENCHMARKS:
        click.secho(f"\n{name}", bold=True)
        BENCHMARKS[name](quick)


if __name__ == "__main__":
    main()
