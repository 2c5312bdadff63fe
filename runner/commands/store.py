"""Look after the store of finished levels."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runner.commands import exit_status
from runner.commands.options import store_option


@click.group()
def store() -> None:
    """Look after the store of finished levels."""


@store.command("verify")
@store_option
def store_verify(store: Path) -> None:
    """Read every file and compare it with its checksum. Changes nothing; exits with 1 if some are damaged."""
    from runner.store.maintenance import verify
    from runner.store.store import Store

    found = verify(Store(store))
    for error in found.damaged:
        click.echo(f"damaged: {error}")
    for folder in found.incomplete:
        click.echo(f"incomplete: {folder}")
    bad = len(found.damaged) + len(found.incomplete)
    click.echo(f"{found.whole} entries whole, {bad} not; what is not is trained again when a run needs it")
    if bad:
        sys.exit(exit_status.FAILED)


@store.command("du")
@store_option
def store_du(store: Path) -> None:
    """Show how much disk space each part of the store takes."""
    from runner.store.maintenance import disk_use
    from runner.store.store import Store

    parts = disk_use(Store(store))
    for name, size in {**parts, "total": sum(parts.values())}.items():
        click.echo(f"{size / 1e6:10.1f} MB  {name}")


@store.command("gc")
@store_option
@click.option("--unused", is_flag=True, help="Also remove finished work that no run needed when it last ran.")
@click.option("--dry-run", is_flag=True, help="Only print what would go.")
def store_gc(store: Path, unused: bool, dry_run: bool) -> None:
    """Remove what killed runs left behind and what was set aside as damaged."""
    from runner.store.maintenance import remove, rubbish, size_of
    from runner.store.store import Store

    paths = rubbish(Store(store), unused=unused)
    size = sum(size_of(path) for path in paths)
    for path in paths:
        click.echo(path)
    if not dry_run:
        remove(paths)
    click.echo(f"{len(paths)} paths, {size / 1e6:.1f} MB {'could go' if dry_run else 'removed'}")
