"""The command line: translates options, prints, nothing else.

Commands import what they need when they run, so that `singan --help` does not wait for torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from singan import __version__
from singan.errors import UserError

if TYPE_CHECKING:
    from runner.images import LoadedImage
    from runner.plan import Plan, Run
    from runner.study import Study

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_FAILED_RUNS = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def _path(*flags: str, default: str, what: str, env: str | None = None) -> Callable[[Command], Command]:
    return click.option(
        *flags,
        type=click.Path(path_type=Path),
        default=default,
        envvar=env,
        show_default=True,
        help=what,
    )


study_option = _path("--study", default="experiments.toml", what="The study file.")
store_option = _path(
    "--store", default="store", what="Where finished levels are kept (private).", env="SINGAN_STORE"
)
results_option = _path("--results", default="results", what="Where the public record is kept.")
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
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=None, help="Default: the study's."
)
factor_option = click.option(
    "--factor", type=float, default=None, help="Super-resolution factor. Default: the study's."
)
_RUN_CHOICES: tuple[Callable[[Any], Any], ...] = (
    click.option("--experiment", "experiments", multiple=True, help="Only this experiment; repeatable."),
    click.option("--image", "images", multiple=True, help="Only this image; repeatable."),
    click.option("--all-images", is_flag=True, help="Every experiment on every image."),
    click.option(
        "--images-from",
        type=click.Path(path_type=Path),
        default=None,
        help="A folder of your own pictures, instead of the study's.",
    ),
    click.option(
        "--stand-ins",
        type=click.Choice(["never", "offline", "always"]),
        default="never",
        show_default=True,
        help="When photographs of scikit-image stand in for the study's pictures.",
    ),
)


def run_choices(command: Command) -> Command:
    """Options that choose runs, shared by `run` and `status`."""
    for option in reversed(_RUN_CHOICES):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="singan")
def cli() -> None:
    """Train variants of SinGAN super-resolution and compare them side by side."""


@cli.command()
@study_option
@profile_option
@run_choices
@factor_option
@seed_option
@device_option
@store_option
@results_option
@click.option("--dry-run", is_flag=True, help="Only print what would be trained, and why.")
@click.option("--force", is_flag=True, help="Do finished work again.")
def run(
    device: Any, store: Path, results: Path, dry_run: bool, force: bool, **choices: Any
) -> None:
    """Train the study's experiments and record their results.

    Finished levels are never trained twice: levels are shared between experiments and kept in the store.
    """
    from runner.store import Store  # noqa: PLC0415

    request = _Request(**choices)
    plan = request.plan()
    opened = Store(store)
    _print_plan(plan, opened, force=force, detailed=dry_run)
    if dry_run:
        return
    opened.prepare()

    from runner.execute import Execution  # noqa: PLC0415
    from runner.progress import showing_progress  # noqa: PLC0415
    from runner.results import Results  # noqa: PLC0415
    from runner.worker import choose_device  # noqa: PLC0415

    with showing_progress() as progress:
        execution = Execution(plan, request.loaded, opened, choose_device(device), progress, force)
        outcome = execution.run_all(Results(results, plan.profile.id), request.command)
    failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
    click.echo(f"{outcome.done} of {len(plan.runs)} runs done{failed}; {outcome.trained} levels trained now")
    if outcome.failures:
        for name, reason in outcome.failures.items():
            click.echo(f"  {name}: {reason}", err=True)
        sys.exit(EXIT_FAILED_RUNS)


@cli.command()
@study_option
@profile_option
@run_choices
@factor_option
@seed_option
@store_option
def status(store: Path, **choices: Any) -> None:
    """Show which runs are done, failed or missing, and why."""
    from runner.status import run_states  # noqa: PLC0415
    from runner.store import Store  # noqa: PLC0415

    plan = _Request(**choices).plan()
    states = list(run_states(plan, Store(store)))
    width = max(len(str(state.run)) for state in states)
    for state in states:
        click.echo(f"{state.state:8}{str(state.run):{width}}  {state.why}")
    counts = [f"{sum(s.state == kind for s in states)} {kind}" for kind in ("done", "failed", "missing")]
    click.echo(f"{plan.profile.id}: {', '.join(counts)} of {len(states)} runs")


@cli.command("list")
@study_option
def list_(study: Path) -> None:
    """List the study's experiments, images and profiles."""
    from runner.study import load_study  # noqa: PLC0415

    loaded = load_study(study)
    click.echo("Experiments")
    for experiment in loaded.experiment.values():
        images = ", ".join(image.id for image in loaded.images_of(experiment))
        click.echo(f"  {experiment.id:12}{experiment.title}  [{images}]")
        original = loaded.original.in_words
        words = [f"{k}: {v}" for k, v in experiment.in_words.items() if v != original[k]]
        click.echo(f"  {'':12}{'; '.join(words) or 'the defaults'}")
    click.echo("Images")
    for image in loaded.image.values():
        click.echo(f"  {image.id:12}{image.title}, {image.cropped_size} pixels")
    click.echo("Profiles")
    for profile in loaded.profile.values():
        click.echo(f"  {profile.id:12}{profile.epochs} epochs. {profile.note}")


@cli.command("super-resolve")
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--experiment", default="original", show_default=True, help="How to train.")
@click.option("--factor", type=float, default=None, help="Default: the study's.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The enlarged picture.")
@study_option
@profile_option
@seed_option
@device_option
@store_option
def super_resolve(
    picture: Path,
    experiment: str,
    factor: float | None,
    output: Path,
    study: Path,
    profile_name: str,
    seed: int | None,
    device: Any,
    store: Path,
) -> None:
    """Train on PICTURE and enlarge it."""
    from runner.images import load_own  # noqa: PLC0415
    from runner.own_picture import check_output, enlarge  # noqa: PLC0415
    from runner.plan import make_plan  # noqa: PLC0415
    from runner.select import choose, choose_profile  # noqa: PLC0415
    from runner.store import Store  # noqa: PLC0415
    from runner.study import load_study  # noqa: PLC0415

    loaded = load_study(study)
    way, profile = choose(loaded.experiment, experiment, "--experiment"), choose_profile(loaded, profile_name)
    image = load_own(picture)
    plan = make_plan(
        profile,
        [(way, image)],
        factor=_checked_factor(loaded.study.factor if factor is None else factor),
        seed=loaded.study.seed if seed is None else seed,
    )
    check_output(output)
    opened = Store(store)
    opened.prepare()
    size = enlarge(plan, image, opened, device, output)
    click.echo(f"{output}: {size}, {profile.id} profile ({profile.epochs} epochs), {way.id}")


@cli.command("build-site")
@study_option
@results_option
@_path("--out", default="site", what="Where the pages go.")
@click.option("--profile", "profile_name", default=None, help="Default: the most faithful one recorded.")
def build_site(study: Path, results: Path, out: Path, profile_name: str | None) -> None:
    """Render the record as a web site."""
    from runner.publish.site import build_site as build  # noqa: PLC0415
    from runner.study import load_study  # noqa: PLC0415

    report = build(load_study(study), results, out, profile_name)
    for note in report.notes:
        click.echo(f"note: {note}")
    click.echo(f"{report.pages} pages in {out}; open {out / 'index.html'}")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default="site")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(folder: Path, port: int) -> None:
    """Serve a built site on this machine, to look at it in a browser."""
    from runner.serve import serve_folder  # noqa: PLC0415

    serve_folder(folder, port, click.echo)


class _Request:
    """The runs an invocation of `run` or `status` asks for."""

    def __init__(
        self,
        study: Path,
        profile_name: str,
        experiments: tuple[str, ...],
        images: tuple[str, ...],
        all_images: bool,
        images_from: Path | None,
        stand_ins: Any,
        factor: float | None,
        seed: int | None,
    ) -> None:
        from runner.study import load_study  # noqa: PLC0415

        self.study: Study = load_study(study)
        self.study_path, self.profile_name = study, profile_name
        self.experiments, self.images, self.all_images = experiments, images, all_images
        self.images_from, self.stand_ins = images_from, stand_ins
        self.factor = _checked_factor(self.study.study.factor if factor is None else factor)
        self.seed = self.study.study.seed if seed is None else seed
        self.loaded: dict[str, LoadedImage] = {}

    def plan(self) -> Plan:
        """Load the pictures and plan the runs."""
        from runner.images import load_folder, load_images  # noqa: PLC0415
        from runner.plan import make_plan  # noqa: PLC0415
        from runner.select import choose_profile, select  # noqa: PLC0415

        profile = choose_profile(self.study, self.profile_name)
        if self.images_from is not None:
            self.loaded = load_folder(self.images_from)
        own = list(self.loaded) if self.images_from is not None else None
        selection = select(
            self.study, self.experiments, self.images, available=own, everywhere=self.all_images
        )
        if own is None:
            wanted = [self.study.image[name] for name in selection.images]
            self.loaded = load_images(wanted, self.stand_ins, lambda line: click.echo(f"STAND-IN: {line}"))
        pairs = [(experiment, self.loaded[image]) for experiment, image in selection.pairs]
        return make_plan(profile, pairs, factor=self.factor, seed=self.seed)

    def command(self, run: Run) -> str:
        """The command that reproduces one run."""
        parts = ["singan run", f"--profile {self.profile_name}", f"--experiment {run.experiment.id}"]
        parts.append(f"--image {run.image} --factor {run.factor:g} --seed {run.seed}")
        if self.images_from is not None:
            parts.append("--images-from FOLDER")
        elif run.image not in (run.experiment.images or self.study.image):
            parts.append("--all-images")
        if self.loaded[run.image].stand_in:
            parts.append("--stand-ins always")
        return " ".join(parts)


def _checked_factor(factor: float) -> float:
    from singan.geometry import sr_steps  # noqa: PLC0415

    try:
        sr_steps(factor)
    except UserError as error:
        raise UserError(str(error), where="--factor") from None
    return factor


def _print_plan(plan: Plan, store: Any, *, force: bool, detailed: bool) -> None:
    from runner.status import pending_levels  # noqa: PLC0415

    pending = pending_levels(plan, store, force=force)
    click.echo(
        f"{plan.profile.id}: {len(plan.runs)} runs, {len(plan.levels)} level trainings "
        f"({plan.trainings_without_sharing} without sharing); {len(plan.levels) - len(pending)} done, "
        f"{len(pending)} to train"
    )
    if detailed:
        for item in pending:
            task = item.task
            who = ", ".join(run.experiment.id for run in item.runs)
            click.echo(f"  {task.image} level {task.level} ({task.size})  {item.reason}  for {who}")


def main() -> None:
    """Entry point of `singan`: the one place that turns a `UserError` into a line and an exit status."""
    try:
        cli(standalone_mode=False)
    except UserError as error:
        click.echo(f"singan: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("singan: stopped; finished levels are kept, the same command goes on from there", err=True)
        sys.exit(EXIT_INTERRUPTED)
