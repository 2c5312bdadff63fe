"""The entry point of `singan`: its commands, and the one place that turns an error into a line.

Commands import what they need when they run, so that `singan --help` does not wait for torch.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from runner.commands import exit_status
from runner.commands.build_site import build_site
from runner.commands.cluster import scheduler, worker
from runner.commands.export_official import export_official
from runner.commands.import_official import import_official
from runner.commands.import_published import import_published
from runner.commands.list_ import list_
from runner.commands.measure_published import measure_published
from runner.commands.run import run
from runner.commands.serve import serve
from runner.commands.status import status
from runner.commands.store import store
from runner.commands.super_resolve import super_resolve
from runner.execution.interrupt import TimeLimitReachedError
from runner.streams import harmless, settle_streams, wants_colour
from singan import __version__
from singan.errors import UserError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="singan")
def cli() -> None:
    """Train variants of SinGAN super-resolution and compare them side by side."""


for _command in (
    run,
    status,
    list_,
    super_resolve,
    import_official,
    import_published,
    measure_published,
    export_official,
    build_site,
    store,
    serve,
    scheduler,
    worker,
):
    cli.add_command(_command)


def main() -> None:
    """Entry point of `singan`: the one place that turns a `UserError` into a line and an exit status."""
    settle_streams()
    try:
        cli(standalone_mode=False, color=wants_colour())
    except UserError as error:
        _end(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(exit_status.USAGE)
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "singan"
        _end(f"{error.format_message()} ({command} --help tells more)")
    except OSError as error:  # a name too long, a folder that may not be entered: whatever was not foreseen
        _end(f"{error.filename or 'system'}: {error.strerror or error}")
    except MemoryError:
        _end("out of memory")
    except TimeLimitReachedError:
        _end("the time is up; the same command goes on from what is kept", exit_status.TIME_LIMIT)
    except (click.Abort, KeyboardInterrupt) as error:
        _end_stopped(error)


def _end_stopped(error: BaseException) -> NoReturn:
    """Leave after Ctrl-C, or because a file ended too early, which click takes for Ctrl-C, too."""
    if isinstance(error.__cause__, EOFError):
        _end("a file ended too early")
    _end("stopped; the same command goes on from what is kept", exit_status.INTERRUPTED)


def _end(why: str, status: int = exit_status.USAGE) -> NoReturn:
    """Exit with one line on standard error, in which quoted names are made harmless."""
    click.echo(f"singan: {harmless(' '.join(why.split()))}", err=True)
    sys.exit(status)
