"""Options and parameter types that several commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from runner.shipped import default_study
from runner.streams import harmless

Command = TypeVar("Command", bound=Callable[..., Any])


class NamedPath(click.Path):
    """A path that is not empty: an empty one, as of a variable that is not set, would mean this folder."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path; raises `click.BadParameter` for an empty one."""
        if not os.fspath(value):
            self.fail("is empty; name a file or a folder, as . for this one", param, ctx)
        return super().convert(value, param, ctx)


class OutputPath(NamedPath):
    """A path to write to, which is none of a store's own folders: what it does not know, it may tidy away."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path; raises `click.BadParameter` for one in a store's own folders."""
        from runner.store.store import store_around  # (commands that write nothing need no store)

        path = super().convert(value, param, ctx)
        store = store_around(Path(os.fsdecode(path)))
        if store is not None:
            self.fail(f"lies among what the store {store} keeps; name a place outside", param, ctx)
        return path


PATH = NamedPath(path_type=Path)
OUTPUT_PATH = OutputPath(path_type=Path)


def path_option(
    *flags: str, default: str, what: str, env: str | None = None, kind: NamedPath = PATH
) -> Callable[[Command], Command]:
    return click.option(
        *flags,
        type=kind,
        default=default,
        envvar=env,
        show_default=True,
        help=what,
    )


study_option = click.option(
    "--study",
    type=PATH,
    default=default_study,
    show_default="experiments.toml here, or else the one that comes with singan",
    help="The study file.",
)
store_option = path_option(
    "--store", default="store", what="Where finished levels are kept (private).", env="SINGAN_STORE"
)
results_option = path_option(
    "--results", default="results", what="Where the public record is kept.", kind=OUTPUT_PATH
)
profile_option = click.option(
    "--profile",
    "profile_name",
    default="preview",
    show_default=True,
    help="How faithful to the paper: a profile of the study.",
)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True
)


class NumberList(click.ParamType[tuple[Any, ...]]):
    """Numbers separated by commas, none of them twice: `0,1,2`."""

    name = "numbers"

    def __init__(self, item: click.ParamType[Any]) -> None:
        self._item = item

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[Any, ...]:
        """Convert each number; raises `click.BadParameter`."""
        if isinstance(value, tuple):
            return value
        items = tuple(self._item.convert(part.strip(), param, ctx) for part in value.split(","))
        if len(set(items)) < len(items):
            self.fail(f"{value} names one twice", param, ctx)
        return items


class Jobs(click.ParamType[int | None]):
    """A number of processes, or `auto`."""

    name = "number or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """The number, or None for `auto`; raises `click.BadParameter`."""
        return None if value == "auto" else click.IntRange(1, 256).convert(value, param, ctx)


class Duration(click.ParamType[float]):
    """A length of time, written `90s`, `150m`, `2h` or `1h30m`, in seconds."""

    name = "duration"
    _FORM = re.compile(r"(?=.)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert to seconds; raises `click.BadParameter`."""
        if isinstance(value, float):
            return value
        parts = self._FORM.fullmatch(str(value))
        if parts is None:
            self.fail(f"{value!a} is no time; write it as 90s, 150m, 2h or 1h30m", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in parts.groups())
        return float(hours * 3600 + minutes * 60 + seconds)


DURATION = Duration()
JOBS = Jobs()
SEED = click.IntRange(0, 2**32 - 1)
images_from_option = click.option(
    "--images-from",
    type=PATH,
    default=None,
    help="A folder of your own pictures, instead of the study's.",
)
stand_ins_option = click.option(
    "--stand-ins",
    type=click.Choice(["never", "offline", "always"]),
    default="never",
    show_default=True,
    help="When photographs of scikit-image stand in for the study's pictures.",
)
one_factor_option = click.option(
    "--factor", type=float, default=None, help="Super-resolution factor. Default: the study's first."
)
_RUN_CHOICES: tuple[Callable[[Any], Any], ...] = (
    study_option,
    profile_option,
    click.option("--experiment", "experiments", multiple=True, help="Only this experiment; repeatable."),
    click.option("--image", "images", multiple=True, help="Only this image; repeatable."),
    click.option("--all-images", is_flag=True, help="Every experiment on every image."),
    images_from_option,
    stand_ins_option,
    click.option(
        "--factors",
        "--factor",
        type=NumberList(click.FLOAT),
        default=(),
        help="Super-resolution factors, as 8,4. Default: the study's.",
    ),
    click.option(
        "--seeds",
        "--seed",
        type=NumberList(SEED),
        default=(),
        help="Seeds of training, as 0,1,2: each run is repeated with every one. Default: the study's.",
    ),
    click.option(
        "--draws",
        type=click.IntRange(1, 100),
        default=None,
        help="How many pictures to super-resolve in each run, with fresh noise. Default: the study's.",
    ),
    store_option,
)


def run_choices(command: Command) -> Command:
    """Options that choose runs, shared by `run` and `status`."""
    for option in reversed(_RUN_CHOICES):
        command = option(command)
    return command


def tell_stand_in(line: str) -> None:
    """Say on standard error that a stand-in is used for a picture."""
    click.secho(f"STAND-IN: {harmless(line)}", fg="yellow", err=True)
