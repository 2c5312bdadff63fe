"""Show a built site in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from runner.commands.options import PATH


@click.command()
@click.argument("folder", type=PATH, default="site")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(folder: Path, port: int) -> None:
    """Serve a built site on this machine, to look at it in a browser."""
    from runner.publish.serve import serve_folder

    serve_folder(folder, port, click.echo)
