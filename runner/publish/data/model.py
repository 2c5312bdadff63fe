"""What the site shows, gathered and checked: frozen values with nothing left to look up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.publish.data.noise_floor import NoiseFloor
from runner.publish.data.timing import Timing
from runner.publish.words import Difference
from runner.record.schema import ImageRecord, LevelRecord, Metrics, ProfileRecord, PublishedPicture, RunRecord
from runner.study.schema import Experiment, Group, Image, Study
from singan.settings import PUBLISHED_EPOCHS, TrainingSettings

THUMBNAIL_WIDTHS_px = (240, 480, 800)

State = Literal["done", "failed", "not run", "not in the study"]


@dataclass(frozen=True)
class Thumbnail:
    """A small lossy copy of a picture."""

    url: str
    width: int
    height: int


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, pixels; y grows downwards."""

    left: int
    top: int
    width: int
    height: int

    @property
    def centre(self) -> tuple[float, float]:
        """Its centre, as links to a view name it."""
        return self.left + self.width / 2, self.top + self.height / 2


@dataclass(frozen=True)
class PictureFile:
    """A picture of the record.

    It is named after a digest of its content, so equal pictures are one file, and no name has to be trusted.
    """

    source: Path
    digest: str
    suffix: str
    width: int
    height: int

    @property
    def url(self) -> str:
        """Path of the unchanged picture on the site."""
        return f"pictures/{self.digest[:20]}{self.suffix}"

    @property
    def thumbnails(self) -> tuple[Thumbnail, ...]:
        """Smaller copies, narrowest first, none wider than the picture."""
        widths = sorted({min(width, self.width) for width in THUMBNAIL_WIDTHS_px})
        return tuple(
            Thumbnail(f"thumbs/{self.digest[:20]}-{width}.webp", width, self._height_at(width))
            for width in widths
        )

    def crop_url(self, window: Window) -> str:
        """Path of a file with only what is in a window of the picture, pixel for pixel."""
        where = f"{window.left}-{window.top}-{window.width}x{window.height}"
        return f"crops/{self.digest[:20]}-{where}.webp"

    def _height_at(self, width: int) -> int:
        return max(1, round(self.height * width / self.width))


@dataclass(frozen=True)
class Slot:
    """The place of a picture: the picture, or why it is not there."""

    picture: PictureFile | None
    gap: str = ""
    stand_in: str | None = None
    """What stands in for the study's image in this picture."""
    is_imported: bool = False
    """Whether it was made by levels that were trained elsewhere."""


@dataclass(frozen=True)
class Level:
    """A trained level of a run."""

    record: LevelRecord
    sheet: Slot
    shared_with: tuple[str, ...]
    """Other experiments that use this very level."""


@dataclass(frozen=True)
class Run:
    """One record of an experiment on an image, with its levels."""

    record: RunRecord
    levels: tuple[Level, ...]
    missing_levels: int
    """How many levels it names that have no record."""
    output: Slot
    timing: Timing
    warning: str
    """Why it is not what the profile says; empty when it is."""

    @property
    def is_imported(self) -> bool:
        """Whether it was trained elsewhere: how is only the importer's word, and no evidence."""
        return self.record.imported_from is not None


@dataclass(frozen=True)
class ImageData:
    """An image of the study with its record."""

    image: Image
    record: ImageRecord | None
    nearest: Slot
    bicubic: Slot
    ground_truth: tuple[tuple[str, Slot], ...]
    """Ground truths by factor."""

    def is_framed(self, slot: Slot) -> bool:
        """Whether a picture is as large as the enlarged input: a place in one is the same in the other."""
        mine, given = slot.picture, self.bicubic.picture
        if mine is None or given is None:
            return False
        return (mine.width, mine.height) == (given.width, given.height)

    @property
    def stand_in(self) -> str | None:
        """What stood in for it, if something did."""
        return self.record.stand_in if self.record else None

    @property
    def tall(self) -> bool:
        """Whether it is higher than wide."""
        size = self.image.cropped_size
        return size.height > size.width

    @property
    def credit(self) -> str | None:
        """Whom to thank for the picture shown."""
        return self.record.credit if self.record else self.image.credit


@dataclass(frozen=True)
class Cell:
    """One experiment on one image: all its runs, the study's own factor and seed first, imports last."""

    experiment: Experiment
    image: ImageData
    runs: tuple[Run, ...]
    state: State
    output: Slot
    timing: Timing
    """Timing of the first run, or of the published figures alone where there is no run."""

    @property
    def run(self) -> Run | None:
        """The run to show first."""
        return self.runs[0] if self.runs else None

    @property
    def is_watchable(self) -> bool:
        """Whether the run shown first is done and has snapshots of all its levels, with their pictures."""
        run = self.run
        if self.state != "done" or run is None or not run.levels or run.missing_levels:
            return False
        return all(level.record.snapshots.epochs and level.sheet.picture for level in run.levels)


@dataclass(frozen=True)
class ExperimentData:
    """An experiment with a cell for each image of the study."""

    experiment: Experiment
    group: Group
    differences: tuple[Difference, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class GroupData:
    """A group with its experiments."""

    group: Group
    experiments: tuple[ExperimentData, ...]


@dataclass(frozen=True)
class SiteData:
    """Everything the pages of a profile show, in the study's order."""

    study: Study
    profile: ProfileRecord
    folder: str
    """The profile's folder in the results."""
    images: tuple[ImageData, ...]
    groups: tuple[GroupData, ...]
    machines: tuple[str, ...]
    finished: tuple[str, ...]
    """Days of the first and the last finished work, UTC; one day when they are equal, none without work."""
    faulty_pictures: int
    """How many pictures that the record names are missing, or not what it says; the notes say which."""
    notes: tuple[str, ...]
    """What the record lacks, or has and the study does not; one line each."""
    noise_floor: NoiseFloor | None
    """How far times scatter by themselves; None where too little was timed twice."""
    published_pictures: tuple[PublishedPicture, ...]
    """Figures of the author's pictures, of the factor shown first and of the images as they are here."""
    windows: Mapping[str, tuple[Window, ...]]
    """The places to look at first, by image, in pixels of the enlarged input."""

    def published_metrics(self, cell: Cell) -> Metrics | None:
        """What was measured on the picture that the author published of this experiment and image."""
        where = (cell.experiment.id, cell.image.image.id)
        found = (one.metrics for one in self.published_pictures if (one.experiment, one.image) == where)
        return next(found, None)

    @property
    def experiments(self) -> tuple[ExperimentData, ...]:
        """All experiments, group by group."""
        return tuple(experiment for group in self.groups for experiment in group.experiments)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every experiment on every image."""
        return tuple(cell for experiment in self.experiments for cell in experiment.cells)

    def experiment(self, name: str) -> ExperimentData:
        """An experiment of the study."""
        return next(each for each in self.experiments if each.experiment.id == name)

    @property
    def original(self) -> ExperimentData:
        """The original training."""
        return self.experiment(self.study.original.id)

    def cell(self, experiment: str, image: str) -> Cell:
        """The cell of an experiment and an image of the study."""
        return next(
            cell for cell in self.cells if cell.experiment.id == experiment and cell.image.image.id == image
        )

    def count(self, state: State) -> int:
        """How many cells are in a state."""
        return sum(cell.state == state for cell in self.cells)

    @property
    def is_faithful(self) -> bool:
        """Whether the profile trains as long and as wide as the paper."""
        wide = self.profile.base_width >= TrainingSettings().base_width
        return self.profile.id == "paper" and self.profile.epochs >= PUBLISHED_EPOCHS and wide

    @property
    def as_published(self) -> bool:
        """Whether everything was trained as long and as wide as in the paper."""
        return self.is_faithful and not any(run.warning for cell in self.cells for run in cell.runs)

    @property
    def is_watchable(self) -> bool:
        """Whether some run can be watched as it trained."""
        return any(cell.is_watchable for cell in self.cells)

    @property
    def imported(self) -> int:
        """How many runs were trained elsewhere."""
        return sum(run.is_imported for cell in self.cells for run in cell.runs)

    @property
    def only_imported(self) -> int:
        """On how many cells the run to show was trained elsewhere, for want of one trained here."""
        return sum(cell.run is not None and cell.run.is_imported for cell in self.cells)

    @property
    def several_machines(self) -> bool:
        """Whether some run was measured on another machine than its original."""
        return any(cell.timing.other_machine for cell in self.cells)

    @property
    def stand_ins(self) -> tuple[ImageData, ...]:
        """Images something else stood in for."""
        return tuple(image for image in self.images if image.stand_in)

    def slots(self) -> Iterator[Slot]:
        """Every picture worth a thumbnail: inputs, ground truths and outputs."""
        for image in self.images:
            yield from (image.nearest, image.bicubic, *(slot for _, slot in image.ground_truth))
        for cell in self.cells:
            yield from (run.output for run in cell.runs)

    def crops(self) -> Iterator[tuple[PictureFile, tuple[Window, ...]]]:
        """Every input and output that is shown in windows, with these windows; all have the same size."""
        for image in self.images:
            windows = self.windows[image.image.id]
            own = [cell.output for cell in self.cells if cell.image is image]
            for slot in (image.nearest, image.bicubic, *(slot for _, slot in image.ground_truth), *own):
                if windows and slot.picture and image.is_framed(slot):
                    yield slot.picture, windows

    def sheets(self) -> Iterator[Slot]:
        """Every sheet of snapshots."""
        return (level.sheet for cell in self.cells for run in cell.runs for level in run.levels)


def digest_of(*parts: str) -> str:
    """Name of a derived file: a digest of everything that decides its content."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
