"""The kinds of pages: for each, exactly what its template may use. `all_pages` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypedDict

from runner.metrics.evaluate import Definition
from runner.publish.content.answer import Answer
from runner.publish.content.charts import LossChart, TwoSizes
from runner.publish.content.comparison import Comparison
from runner.publish.content.findings import CheckResult, Finding
from runner.publish.content.matrix import MatrixTable, Shown
from runner.publish.content.metrics import MetricTable
from runner.publish.content.places import PlaceSheet
from runner.publish.content.reproduction import Reproduction
from runner.publish.content.tables import (
    Change,
    LossTable,
    SnapshotTable,
    SwitchTable,
)
from runner.publish.content.timing_charts import TimingCharts
from runner.publish.content.tradeoff import TradeOffs
from runner.publish.content.training import Theatre
from runner.publish.content.verdicts import Judged
from runner.publish.content.viewer import (
    Viewer,
)
from runner.publish.data.model import Cell, ExperimentData, GroupData, ImageData, Run


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
    loss_chart: TwoSizes[LossChart] | None
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
    published: str
    """What the author published of it, in one sentence; empty where that is nothing."""
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
    compared_on: str
    """The images that it is about, in words."""
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
