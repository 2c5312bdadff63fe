"""The command line: translates options, prints, nothing else.

Commands import what they need when they run, so that `singan --help` does not wait for torch.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from runner.execution.interrupt import TimeLimitReachedError, interruptible
from runner.shipped import default_study
from runner.streams import settle_streams, wants_colour
from singan import __version__
from singan.errors import UserError

if TYPE_CHECKING:
    from runner.execution.resources import DeviceName, EngineChoice
    from runner.images.load import StandIns
    from runner.planning.plan import Plan
    from runner.store.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_FAILED_RUNS = 1
EXIT_USAGE = 2
EXIT_TIME_LIMIT = 3
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


study_option = click.option(
    "--study",
    type=click.Path(path_type=Path),
    default=default_study,
    show_default="experiments.toml here, or else the one that comes with singan",
    help="The study file.",
)
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


class _List(click.ParamType[tuple[Any, ...]]):
    """Numbers with commas between, none twice: `0,1,2`."""

    name = "numbers"

    def __init__(self, item: click.ParamType[Any]) -> None:
        self._item = item

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[Any, ...]:
        """Each number by itself; raises `click.BadParameter`."""
        if isinstance(value, tuple):
            return value
        items = tuple(self._item.convert(part.strip(), param, ctx) for part in value.split(","))
        if len(set(items)) < len(items):
            self.fail(f"{value} names one twice", param, ctx)
        return items


class _Jobs(click.ParamType[int | None]):
    """A number of processes, or `auto`."""

    name = "number or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """None is `auto`; raises `click.BadParameter`."""
        return None if value == "auto" else click.IntRange(1, 256).convert(value, param, ctx)


class _Duration(click.ParamType[float]):
    """A time as `90s`, `150m`, `2h` or `1h30m`, in seconds."""

    name = "duration"
    _FORM = re.compile(r"(?=.)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; raises `click.BadParameter`."""
        if isinstance(value, float):
            return value
        parts = self._FORM.fullmatch(str(value))
        if parts is None:
            self.fail(f"{value!a} is no time; write it as 90s, 150m, 2h or 1h30m", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in parts.groups())
        return float(hours * 3600 + minutes * 60 + seconds)


DURATION = _Duration()
SEED = click.IntRange(0, 2**32 - 1)
images_from_option = click.option(
    "--images-from",
    type=click.Path(path_type=Path),
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
        type=_List(click.FLOAT),
        default=(),
        help="Super-resolution factors, as 8,4. Default: the study's.",
    ),
    click.option(
        "--seeds",
        "--seed",
        type=_List(SEED),
        default=(),
        help="Seeds of training, as 0,1,2: each run is repeated with every one. Default: the study's.",
    ),
    click.option(
        "--draws",
        type=click.IntRange(1, 100),
        default=None,
        help="Super-resolve so often with fresh noise, to tell what is chance. Default: the study's.",
    ),
    store_option,
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
@run_choices
@device_option
@click.option(
    "--engine",
    type=click.Choice(["auto", "graph", "batched", "plain"]),
    default="auto",
    show_default=True,
    help="How training is carried out; plain: step by step, as the algorithm is written.",
)
@click.option(
    "--jobs",
    type=_Jobs(),
    default="auto",
    envvar="SINGAN_JOBS",
    show_default=True,
    help="Processes that train side by side; auto: one a core, several a GPU.",
)
@results_option
@click.option("--dry-run", is_flag=True, help="Only print what would be trained, and why.")
@click.option(
    "--estimate", is_flag=True, help="Only try each level for a moment, and tell how long all takes."
)
@click.option("--force", is_flag=True, help="Do finished work again.")
@click.option(
    "--time-limit",
    "time_limit_s",
    type=DURATION,
    default=None,
    help="Stop at the next epoch after this time, as 150m, and keep what is in progress; exits with 3.",
)
def run(
    device: DeviceName,
    engine: EngineChoice,
    jobs: int | None,
    store: Path,
    results: Path,
    dry_run: bool,
    estimate: bool,
    force: bool,
    time_limit_s: float | None,
    **choices: Any,
) -> None:
    """Train the study's experiments and record their results.

    Finished levels are never trained twice: levels are shared between experiments and kept in the store.
    """
    from runner.files import check_writable  # noqa: PLC0415
    from runner.planning.request import Request  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415

    request = Request(**choices, say=_warn)
    plan = request.plan()
    opened = Store(store)
    _print_plan(plan, opened, force=force, detailed=dry_run)
    if dry_run:
        return
    if estimate:
        _print_estimate(plan, opened, device, engine, jobs, force=force)
        return
    check_writable(results)
    opened.prepare()

    from runner.execution.executor import Execution  # noqa: PLC0415
    from runner.execution.resources import Workplace, choose_device, choose_engine, choose_jobs  # noqa: PLC0415
    from runner.progress import showing_progress  # noqa: PLC0415
    from runner.record.schema import Results  # noqa: PLC0415

    chosen = choose_device(device)
    place = Workplace(chosen, choose_engine(engine, chosen), choose_jobs(jobs, chosen))
    with showing_progress() as progress, interruptible(progress.say, time_limit_s) as interrupt:
        execution = Execution(plan, request.pictures, opened, place, progress, force, interrupt)
        outcome = execution.run_all(Results(results, plan.profile.id), request.command)
    failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
    click.echo(f"{outcome.done} of {len(plan.runs)} runs done{failed}; {outcome.trained} levels trained now")
    if outcome.failures:
        for name, reason in outcome.failures.items():
            click.echo(f"  {name}: {reason}", err=True)
        sys.exit(EXIT_FAILED_RUNS)


@cli.command()
@run_choices
def status(store: Path, **choices: Any) -> None:
    """Show which runs are done, failed or missing, and why."""
    from runner.execution.status import run_states  # noqa: PLC0415
    from runner.planning.request import Request  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415

    plan = Request(**choices, say=_warn).plan()
    states = list(run_states(plan, Store(store)))
    width = max(len(plan.label(state.run)) for state in states)
    for state in states:
        click.echo(f"{state.state:8}{plan.label(state.run):{width}}  {state.why}")
    counts = [f"{sum(s.state == kind for s in states)} {kind}" for kind in ("done", "failed", "missing")]
    click.echo(f"{plan.profile.id}: {', '.join(counts)} of {len(states)} runs")


@cli.command("list")
@study_option
def list_(study: Path) -> None:
    """List the study's experiments, images and profiles."""
    from runner.study.schema import load_study  # noqa: PLC0415

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
@click.argument("picture", type=click.Path(path_type=Path), required=False)
@click.option("--experiment", default="original", show_default=True, help="How to train.")
@click.option(
    "--trained",
    type=click.Path(path_type=Path),
    default=None,
    help="Train nothing: use this trained folder of the public SinGAN, and the picture it was trained on.",
)
@one_factor_option
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The enlarged picture.")
@study_option
@profile_option
@click.option("--seed", type=SEED, default=None, help="Default: the study's first.")
@device_option
@store_option
@click.pass_context
def super_resolve(
    context: click.Context,
    picture: Path | None,
    experiment: str,
    trained: Path | None,
    factor: float | None,
    output: Path,
    study: Path,
    profile_name: str,
    seed: int | None,
    device: DeviceName,
    store: Path,
) -> None:
    """Train on PICTURE and enlarge it. PICTURE may be left out with --trained, which has it."""
    from runner.execution.own_picture import check_output, enlarge, enlarge_trained  # noqa: PLC0415
    from runner.images.load import load_own  # noqa: PLC0415
    from runner.planning.plan import make_plan  # noqa: PLC0415
    from runner.planning.request import checked_factor  # noqa: PLC0415
    from runner.planning.selection import choose, choose_profile  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415
    from runner.study.schema import load_study  # noqa: PLC0415

    loaded = load_study(study)
    factor = checked_factor(loaded.study.factor if factor is None else factor)
    seed = loaded.study.seed if seed is None else seed
    if trained is not None:
        _refuse_given(context, ("experiment", "profile_name", "store"), "with --trained nothing is trained")
        check_output(output, picture)
        size = enlarge_trained(trained, picture, factor, seed, device, output)
        click.echo(f"{output}: {size}, by what {trained} holds")
        return
    if picture is None:
        raise click.UsageError("PICTURE is missing; only with --trained can it be left out", context)
    way, profile = choose(loaded.experiment, experiment, "--experiment"), choose_profile(loaded, profile_name)
    image = load_own(picture)
    plan = make_plan(profile, [(way, image)], factors=[factor], seeds=[seed])
    check_output(output, picture)
    opened = Store(store)
    opened.prepare()
    size = enlarge(plan, image, opened, device, output)
    click.echo(f"{output}: {size}, {profile.id} profile ({profile.epochs} epochs), {way.id}")


def _refuse_given(context: click.Context, names: tuple[str, ...], why: str) -> None:
    """Refuse options that were given but cannot apply."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        if parameter.name in names and given:
            raise UserError(f"{parameter.opts[0]} cannot apply", right=f"leave it out: {why}")


@cli.command("import-official")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--experiment", default="original", show_default=True, help="How it was trained.")
@click.option(
    "--profile", "profile_name", default="paper", show_default=True, help="How long it was trained."
)
@click.option("--image", default=None, help="Demand that it was trained on this image of the study.")
@click.option("--name", default=None, help="The id of the picture if it is no image of the study.")
@stand_ins_option
@one_factor_option
@click.option("--seed", type=SEED, default=None, help="Of super-resolution. Default: the study's first.")
@device_option
@study_option
@store_option
@results_option
def import_official(
    folder: Path,
    experiment: str,
    profile_name: str,
    image: str | None,
    name: str | None,
    stand_ins: StandIns,
    factor: float | None,
    seed: int | None,
    device: DeviceName,
    study: Path,
    store: Path,
    results: Path,
) -> None:
    """Record what the trained FOLDER of the public SinGAN makes of its picture.

    How it was trained is what you say of it; pages tell so. Nothing in the folder is executed.
    """
    from runner.execution.resources import choose_device  # noqa: PLC0415
    from runner.official.import_run import ImportRequest  # noqa: PLC0415
    from runner.official.import_run import import_official as take_over  # noqa: PLC0415
    from runner.official.match_image import Wanted  # noqa: PLC0415
    from runner.progress import showing_progress  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415

    wanted = Wanted(image, name, stand_ins)
    request = ImportRequest(folder, study, profile_name, experiment, wanted, factor, seed)
    with showing_progress() as progress:
        imported = take_over(request, results, Store(store), choose_device(device), progress, progress.say)
    click.echo(
        f"{imported.foreign.name}: {len(imported.run.levels)} levels imported as {imported.run}, "
        f"profile {profile_name}; recorded in {imported.record}"
    )


@cli.command("import-published")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--profile", "profile_name", default="paper", show_default=True, help="How long they were trained."
)
@device_option
@study_option
@store_option
@results_option
def import_published(
    folder: Path, profile_name: str, device: DeviceName, study: Path, store: Path, results: Path
) -> None:
    """Import every trained folder that the study names, from a clone of the author's repository in FOLDER.

    Tells each in a line. Folders that are missing are left out; exits with 1 if some were refused.
    """
    from runner.execution.resources import choose_device  # noqa: PLC0415
    from runner.official.import_published import import_published as take_over  # noqa: PLC0415
    from runner.progress import showing_progress  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415

    chosen = choose_device(device)
    with showing_progress() as progress:
        found = take_over(folder, study, profile_name, results, Store(store), chosen, progress, progress.say)
    click.echo(f"{found.imported} folders imported, {found.missing} missing, {found.refused} refused")
    if found.refused:
        sys.exit(EXIT_FAILED_RUNS)


@cli.command("measure-published")
@study_option
@store_option
@results_option
def measure_published(study: Path, store: Path, results: Path) -> None:
    """Measure the super-resolved pictures that the author published, and record the figures.

    The pictures are downloaded once, or found in the folder that SINGAN_PUBLISHED names. Exits with 1 if some
    could not be measured.
    """
    from runner.record.measure_published import measure_published as measure  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415
    from runner.study.schema import load_study  # noqa: PLC0415

    found = measure(load_study(study), results, Store(store), click.echo)
    click.echo(f"{found.named - found.failed} of {found.named} pictures measured; recorded in {found.record}")
    if found.failed:
        sys.exit(EXIT_FAILED_RUNS)


@cli.command("export-official")
@click.option("--experiment", required=True, help="The experiment to export.")
@click.option("--image", required=True, help="The image it was trained on.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="An empty or a new folder to write to."
)
@profile_option
@images_from_option
@stand_ins_option
@one_factor_option
@click.option("--seed", type=SEED, default=None, help="Of the training. Default: the study's first.")
@study_option
@store_option
def export_official(
    experiment: str,
    image: str,
    out: Path,
    factor: float | None,
    seed: int | None,
    store: Path,
    **choices: Any,
) -> None:
    """Write the levels of a finished run as a trained folder of the public SinGAN."""
    from runner.official.export_run import export_official as write  # noqa: PLC0415
    from runner.planning.request import Request  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415

    request = Request(
        **choices,
        experiments=(experiment,),
        images=(image,),
        all_images=True,
        factors=() if factor is None else (factor,),
        seeds=() if seed is None else (seed,),
        say=_warn,
    )
    exported = write(request, Store(store), out)
    click.echo(f"{out}: {exported.levels} levels of {exported.run}, profile {request.profile_name}")


@cli.command("build-site")
@study_option
@results_option
@_path("--out", default="site", what="Where the pages go.")
@click.option("--profile", "profile_name", default=None, help="Default: the most faithful one recorded.")
@click.option(
    "--check",
    is_flag=True,
    help="Also look for dead links, invalid or heavy pages, missing pictures; exits with 1 if there are any.",
)
def build_site(study: Path, results: Path, out: Path, profile_name: str | None, check: bool) -> None:
    """Render the record as a web site."""
    from runner.publish.audit.audit import audit  # noqa: PLC0415
    from runner.publish.site import build_site as build  # noqa: PLC0415
    from runner.study.schema import load_study  # noqa: PLC0415

    report = build(load_study(study), results, out, profile_name)
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
        sys.exit(EXIT_FAILED_RUNS)
    heaviest, scripts = found.heaviest_page / 1000, found.scripts / 1000
    click.echo(f"checked: {found.pages} pages, the heaviest {heaviest:.0f} KB, scripts {scripts:.1f} KB")


@cli.group()
def store() -> None:
    """Look after the store of finished levels."""


@store.command("verify")
@store_option
def store_verify(store: Path) -> None:
    """Read every file and compare it with its checksum. Changes nothing; exits with 1 if some are damaged."""
    from runner.store.maintenance import verify  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415

    found = verify(Store(store))
    for error in found.damaged:
        click.echo(f"damaged: {error}")
    for folder in found.incomplete:
        click.echo(f"incomplete: {folder}")
    bad = len(found.damaged) + len(found.incomplete)
    click.echo(f"{found.whole} entries whole, {bad} not; what is not is trained again when a run needs it")
    if bad:
        sys.exit(EXIT_FAILED_RUNS)


@store.command("du")
@store_option
def store_du(store: Path) -> None:
    """Show how much the parts of the store take."""
    from runner.store.maintenance import disk_use  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415

    parts = disk_use(Store(store))
    for name, size in {**parts, "total": sum(parts.values())}.items():
        click.echo(f"{size / 1e6:10.1f} MB  {name}")


@store.command("gc")
@store_option
@click.option("--unused", is_flag=True, help="Also finished work that no run of the study last needed.")
@click.option("--dry-run", is_flag=True, help="Only print what would go.")
def store_gc(store: Path, unused: bool, dry_run: bool) -> None:
    """Remove what killed runs left behind and what was set aside as damaged."""
    from runner.store.maintenance import remove, rubbish, size_of  # noqa: PLC0415
    from runner.store.store import Store  # noqa: PLC0415

    paths = rubbish(Store(store), unused=unused)
    size = sum(size_of(path) for path in paths)
    for path in paths:
        click.echo(path)
    if not dry_run:
        remove(paths)
    click.echo(f"{len(paths)} paths, {size / 1e6:.1f} MB {'could go' if dry_run else 'removed'}")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default="site")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(folder: Path, port: int) -> None:
    """Serve a built site on this machine, to look at it in a browser."""
    from runner.publish.serve import serve_folder  # noqa: PLC0415

    serve_folder(folder, port, click.echo)


def _warn(line: str) -> None:
    click.secho(f"STAND-IN: {line}", fg="yellow", err=True)


def _print_plan(plan: Plan, store: Store, *, force: bool, detailed: bool) -> None:
    from runner.execution.status import pending_levels  # noqa: PLC0415

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


def _print_estimate(
    plan: Plan,
    store: Store,
    device: DeviceName,
    engine: EngineChoice,
    jobs: int | None,
    *,
    force: bool,
) -> None:
    from runner.execution.estimate import estimate  # noqa: PLC0415
    from runner.execution.resources import Workplace, choose_device, choose_engine, choose_jobs  # noqa: PLC0415
    from runner.execution.task import pending_tasks  # noqa: PLC0415
    from runner.progress import duration  # noqa: PLC0415

    chosen = choose_device(device)
    place = Workplace(chosen, choose_engine(engine, chosen), choose_jobs(jobs, chosen))
    found = estimate(plan, pending_tasks(plan, store, force=force), place)
    click.echo(
        f"about {duration(found.total)} with {place.jobs} at a time on {chosen}: "
        f"{duration(sum(found.tasks.values()))} of work, its longest chain {duration(found.longest_chain)}"
    )


def main() -> None:
    """Entry point of `singan`: the one place that turns a `UserError` into a line and an exit status."""
    settle_streams()
    try:
        cli(standalone_mode=False, color=wants_colour())
    except UserError as error:
        _end(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "singan"
        _end(f"{error.format_message()} ({command} --help tells more)")
    except OSError as error:  # a name too long, a folder that may not be entered: whatever was not foreseen
        _end(f"{error.filename or 'system'}: {error.strerror or error}")
    except MemoryError:
        _end("out of memory")
    except TimeLimitReachedError:
        _end("the time is up; the same command goes on from what is kept", EXIT_TIME_LIMIT)
    except (click.Abort, KeyboardInterrupt):
        _end("stopped; the same command goes on from what is kept", EXIT_INTERRUPTED)


def _end(why: str, status: int = EXIT_USAGE) -> NoReturn:
    """Leave with one line, whatever names are quoted in it."""
    click.echo(f"singan: {' '.join(why.split())}", err=True)
    sys.exit(status)
