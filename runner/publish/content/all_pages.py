"""Every page of a profile, with its place and what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runner.metrics.evaluate import DEFINITIONS
from runner.publish.content.answer import answer
from runner.publish.content.charts import loss_chart
from runner.publish.content.comparison import (
    Scatters,
    compare_experiments,
    compared_images,
    seed_scatters,
)
from runner.publish.content.findings import CheckResult, Finding, findings
from runner.publish.content.matrix import Shown, matrix
from runner.publish.content.metrics import metric_tables
from runner.publish.content.pages import (
    AboutPage,
    ExperimentPage,
    FindingsPage,
    GroupPage,
    ImagePage,
    ImageSection,
    ImageTiming,
    IndexPage,
    PackedFile,
    Page,
    ReproductionPage,
    RunDetails,
    TimingPage,
    TrainingPage,
)
from runner.publish.content.places import place_sheet
from runner.publish.content.published import published_words
from runner.publish.content.reproduction import reproduction
from runner.publish.content.tables import (
    changes_of,
    loss_table,
    snapshot_tables,
    switch_table,
    walk,
)
from runner.publish.content.timing_charts import timing_charts
from runner.publish.content.tradeoff import trade_offs
from runner.publish.content.training import theatres
from runner.publish.content.verdicts import judge_cell, judge_experiment
from runner.publish.content.viewer import (
    ChoiceGroup,
    experiment_viewer,
    image_choices,
    image_viewer,
)
from runner.publish.data.model import Cell, ExperimentData, Run, SiteData
from runner.publish.words import UNKNOWN, engine_words, join_words, machine_words
from runner.record.schema import Metrics, factor_name


def all_pages(data: SiteData) -> Iterator[Page]:
    """Every page of a profile, the index first."""
    about = data.study.study
    cells = {(cell.experiment.id, cell.image.image.id): cell for cell in data.cells}
    originals = {image.image.id: cells[data.study.original.id, image.image.id] for image in data.images}
    found = findings(data)
    choices = {image.image.id: image_choices(image, data) for image in data.images}
    scatters = seed_scatters(data)
    sheets = {image.image.id: place_sheet(image, data, scatters) for image in data.images}
    yield IndexPage(
        "index.html", about.title, about.question, answer(data, scatters), trade_offs(data),
        tuple(sheets.values()), matrix(data, scatters), found,
    )  # fmt: skip
    original = data.original
    for group in data.groups:
        yield GroupPage(
            f"groups/{group.group.id}.html", group.group.title, group.group.idea,
            group, original, switch_table(original, group.experiments), changes_of(group.experiments), sheets,
        )  # fmt: skip
    yield from _experiment_pages(data, originals, choices, found, scatters)
    for image in data.images:
        first = originals[image.image.id]
        own = (cells[e.experiment.id, image.image.id] for e in data.experiments)
        on_it = tuple(_judged(cell, first, data, scatters) for cell in own)
        title = image.image.title
        viewer = image_viewer(image, data, first)
        about_it = f"Every experiment on {title}."
        sheet = sheets[image.image.id]
        measured = tuple((name, each) for name, each in DEFINITIONS.items() if _has(name, on_it))
        path = f"images/{image.image.id}.html"
        yield ImagePage(path, title, about_it, image, on_it, viewer, sheet, measured)
    if data.is_watchable:
        watch = "Trainings side by side: what each level makes of its noise, and its loss, epoch by epoch."
        yield TrainingPage("train.html", "Watch it train", watch, theatres(data))
    timings = tuple(_image_timing(data, index) for index in range(len(data.images)))
    yield TimingPage("timing.html", "Timing", "Training time of every run, level by level.", timings)
    if data.study.claim:
        answered = "What the author concluded, and what this record says to it."
        yield FindingsPage("findings.html", "Findings", answered, found)
    reproduced = reproduction(data)
    if reproduced is not None:
        beside = "The published results beside our own, run by run."
        yield ReproductionPage("reproduction.html", "Reproduction", beside, reproduced)
    about_all = "The method, the profiles, the measures, the data, and how to reproduce it all."
    yield AboutPage("about.html", "About", about_all, tuple(DEFINITIONS.values()))


def _judged(cell: Cell, original: Cell, data: SiteData, scatters: Scatters) -> tuple[Cell, Shown]:
    verdict = judge_cell(cell, original, data, scatters)
    return cell, Shown(UNKNOWN) if verdict is None else Shown(
        verdict.words, str(verdict.rank), verdict.confidence
    )


def _has(measure: str, cells: Iterable[tuple[Cell, Shown]]) -> bool:
    outputs = (cell.run.record.output for cell, _ in cells if cell.run)
    return any(output.metrics.get(measure) is not None for output in outputs if output)


def _experiment_pages(
    data: SiteData,
    originals: dict[str, Cell],
    choices: dict[str, tuple[ChoiceGroup, ...]],
    found: Sequence[Finding],
    scatters: Scatters,
) -> Iterator[ExperimentPage]:
    original = data.original
    factor = factor_name(data.study.study.factor)
    experiments = (None, *data.experiments, None)
    for before, experiment, after in zip(experiments, experiments[1:], experiments[2:], strict=False):
        assert experiment is not None, "only the ends are empty"
        shown = [cell for cell in experiment.cells if cell.state != "not in the study"]
        yield ExperimentPage(
            path=f"experiments/{experiment.experiment.id}.html",
            title=experiment.experiment.title,
            description=" ".join(d.sentence for d in experiment.differences) or "The training as published.",
            data=experiment,
            is_original=experiment.experiment.id == data.study.original.id,
            results=tuple(_about(experiment, found)),
            comparison=compare_experiments(experiment, original, factor, scatters)
            if experiment is not original
            else (),
            compared_on=join_words(
                tuple(image.image.title for image in compared_images(experiment, original, factor))
            ),
            verdict=judge_experiment(experiment, original, data, scatters),
            sections=tuple(
                _section(
                    cell,
                    originals[cell.image.image.id],
                    choices[cell.image.image.id],
                    scatters,
                    data.published_metrics(cell),
                )
                for cell in shown
            ),
            outside=tuple(cell for cell in experiment.cells if cell.state == "not in the study"),
            before=before,
            after=after,
        )


def _about(
    experiment: ExperimentData, found: Sequence[Finding]
) -> Iterator[tuple[Finding, tuple[CheckResult, ...]]]:
    """The claims that are checked on an experiment, with the answers to these checks."""
    for finding in found:
        own = tuple(r for r in finding.results if r.experiment == experiment.experiment.id)
        if own:
            yield finding, own


def _section(
    cell: Cell,
    original: Cell,
    choices: tuple[ChoiceGroup, ...],
    scatters: Scatters,
    published: Metrics | None,
) -> ImageSection:
    details = None if cell.run is None else _details(cell.experiment.id, cell.run, original.run)
    viewer = experiment_viewer(choices, cell, original)
    tables = metric_tables(cell, original, scatters, published)
    return ImageSection(cell, viewer, tables, published_words(cell, original, published), details)


def _details(experiment: str, run: Run, original: Run | None) -> RunDetails:
    work = [level.record.provenance for level in run.levels]
    work += [run.record.output.provenance] if run.record.output else []
    snapshots = snapshot_tables(experiment, run, original)
    return RunDetails(
        run,
        loss_chart(run),
        loss_table(run),
        snapshots,
        walk(snapshots),
        tuple(dict.fromkeys(machine_words(provenance) for provenance in work)),
        tuple(dict.fromkeys(engine_words(level.record.provenance) for level in run.levels)),
        tuple(_files(run)),
    )


def _files(run: Run) -> Iterator[PackedFile]:
    """A run's result and its sheets of snapshots."""
    record = run.record
    named = [(f"{record.factor}-seed{record.seed}", run.output)]
    named += [(f"level{level.record.level}-snapshots", level.sheet) for level in run.levels]
    for name, slot in named:
        if slot.picture:
            yield PackedFile(src=slot.picture.url, name=f"{name}{slot.picture.suffix}")


def _image_timing(data: SiteData, index: int) -> ImageTiming:
    cells = [experiment.cells[index] for experiment in data.experiments]
    timed = tuple(cell for cell in cells if cell.run or cell.timing.published.value is not None)
    columns = max((len(cell.timing.levels) for cell in timed), default=0)
    floor = data.noise_floor.factor if data.noise_floor else None
    charts = timing_charts(timed, data.study.original.id, floor)
    return ImageTiming(data.images[index], charts, columns, timed)
