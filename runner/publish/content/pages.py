"""The pages: for each, its place and exactly what its template may use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypedDict

from runner.metrics.evaluate import DEFINITIONS, Definition
from runner.publish.content.answer import Answer, answer
from runner.publish.content.charts import LossChart, loss_chart
from runner.publish.content.comparison import Comparison, Scatters, compare_experiments, seed_scatters
from runner.publish.content.findings import CheckResult, Finding, findings
from runner.publish.content.matrix import MatrixTable, Shown, matrix
from runner.publish.content.metrics import MetricTable, metric_tables
from runner.publish.content.places import PlaceSheet, place_sheet
from runner.publish.content.reproduction import Reproduction, reproduction
from runner.publish.content.tables import (
    Change,
    LossTable,
    SnapshotTable,
    SwitchTable,
    changes_of,
    loss_table,
    snapshot_tables,
    switch_table,
    walk,
)
from runner.publish.content.timing_charts import TimingCharts, timing_charts
from runner.publish.content.tradeoff import TradeOffs, trade_offs
from runner.publish.content.training import Theatre, theatres
from runner.publish.content.verdicts import Judged, judge_cell, judge_experiment
from runner.publish.content.viewer import (
    ChoiceGroup,
    Viewer,
    experiment_viewer,
    image_choices,
    image_viewer,
)
from runner.publish.data.model import Cell, ExperimentData, GroupData, ImageData, Run, SiteData
from runner.publish.words import UNKNOWN, engine_words, machine_words
from runner.record.schema import Metrics, factor_name


@dataclass(frozen=True)
class Page:
    """A page at `path` among those of its profile."""

    template: ClassVar[str]

    path: str
    title: str
    description: str

    @property
    def home(self) -> str:
        """Prefix that leads from this page to the first page of its profile."""
        return "../" * self.path.count("/")


@dataclass(frozen=True)
class IndexPage(Page):
    """What was studied, and everything at a glance."""

    template = "index.html"

    answer: Answer
    trade_offs: TradeOffs | None
    sheets: tuple[PlaceSheet, ...]
    matrix: tuple[MatrixTable, ...]
    findings: tuple[Finding, ...]

    @property
    def first_sheet(self) -> PlaceSheet:
        """The sheet of the image on which most was trained here."""
        return max(self.sheets, key=lambda sheet: (sheet.trained_here, len(sheet.methods)))

    @property
    def first_table(self) -> MatrixTable:
        """The table with the most rows that were trained here."""
        return max(self.matrix, key=lambda table: (table.trained_here, len(table.rows)))


@dataclass(frozen=True)
class GroupPage(Page):
    """A group's idea, its switches, and its pictures on one sheet."""

    template = "group.html"

    group: GroupData
    original: ExperimentData
    switches: SwitchTable
    changes: tuple[Change, ...]
    """What its experiments change, for the diagram."""
    sheets: Mapping[str, PlaceSheet]
    """What is seen at the first place of each image, by image."""


class PackedFile(TypedDict):
    """A picture for a ZIP file. A dictionary, as it goes to the page as JSON."""

    src: str
    name: str


@dataclass(frozen=True)
class RunDetails:
    """What only a run that happened has."""

    run: Run
    loss_chart: LossChart | None
    losses: LossTable
    snapshots: tuple[SnapshotTable, ...]
    walk: tuple[str, ...]
    """Experiments whose snapshots can be walked through side by side."""
    machines: tuple[str, ...]
    engines: tuple[str, ...]
    """How its levels were trained."""
    files: tuple[PackedFile, ...]
    """Its pictures, to be saved at once."""


@dataclass(frozen=True)
class ImageSection:
    """One image of an experiment's page."""

    cell: Cell
    viewer: Viewer
    metrics: tuple[MetricTable, ...]
    details: RunDetails | None


@dataclass(frozen=True)
class ExperimentPage(Page):
    """All about one experiment."""

    template = "experiment.html"

    data: ExperimentData
    is_original: bool
    results: tuple[tuple[Finding, tuple[CheckResult, ...]], ...]
    """What this record says to the author's claims about it."""
    comparison: tuple[Comparison, ...]
    """Comparison with the original, over all images."""
    verdict: Judged | None
    """The verdict by that comparison; None for the original, and where nothing compares."""
    sections: tuple[ImageSection, ...]
    outside: tuple[Cell, ...]
    """Images the study does not run it on."""
    before: ExperimentData | None
    after: ExperimentData | None


@dataclass(frozen=True)
class ImagePage(Page):
    """All experiments on one image."""

    template = "image.html"

    image: ImageData
    cells: tuple[tuple[Cell, Shown], ...]
    """Each cell with its verdict on this image, against the original."""
    viewer: Viewer
    sheet: PlaceSheet
    measures: tuple[tuple[str, Definition], ...]
    """The measures that some picture here has, by name."""


@dataclass(frozen=True)
class ImageTiming:
    """Training times on one image; `columns` levels."""

    image: ImageData
    charts: TimingCharts
    columns: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class TimingPage(Page):
    """Every run's training time."""

    template = "timing.html"

    images: tuple[ImageTiming, ...]


@dataclass(frozen=True)
class TrainingPage(Page):
    """Trainings to watch, several on one clock."""

    template = "train.html"

    theatres: tuple[Theatre, ...]


@dataclass(frozen=True)
class FindingsPage(Page):
    """Each of the author's claims, and what the record says to it."""

    template = "findings.html"

    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class ReproductionPage(Page):
    """How our runs agree with the published ones."""

    template = "reproduction.html"

    found: Reproduction


@dataclass(frozen=True)
class AboutPage(Page):
    """Method, profiles, measures, credits, claims, gaps."""

    template = "about.html"

    metrics: tuple[Definition, ...]


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
        watch = "Trainings on one clock: what each level makes of its noise, and its loss, epoch by epoch."
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
            verdict=judge_experiment(experiment, original, data, scatters),
            sections=tuple(
                _section(
                    cell,
                    originals[cell.image.image.id],
                    choices[cell.image.image.id],
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
    cell: Cell, original: Cell, choices: tuple[ChoiceGroup, ...], published: Metrics | None
) -> ImageSection:
    details = None if cell.run is None else _details(cell.experiment.id, cell.run, original.run)
    viewer = experiment_viewer(choices, cell, original)
    return ImageSection(cell, viewer, metric_tables(cell, original, published), details)


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
