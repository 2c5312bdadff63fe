"""The same place of an image by every method, pixel for pixel: input, original, then the best first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from runner.publish.content.comparison import Scatters
from runner.publish.content.verdicts import Judged, judge_cell, judge_imported
from runner.publish.content.viewer import BICUBIC, NEAREST
from runner.publish.data.model import Cell, ImageData, PictureFile, SiteData, Slot, Window
from runner.record.schema import factor_name
from runner.study.schema import Experiment


@dataclass(frozen=True)
class Method:
    """A method that made a picture of an image, and how good that is."""

    id: str
    """Its name in links to a view."""
    label: str
    picture: PictureFile
    slot: Slot
    experiment: Experiment | None
    """None for an input that was merely enlarged."""
    verdict: Judged | None
    view: tuple[str, ...]
    """What the viewer shows beside each other when this is clicked, by id."""


@dataclass(frozen=True)
class Place:
    """A window of an image; `number` counts from 1."""

    number: int
    window: Window


@dataclass(frozen=True)
class PlaceSheet:
    """All places of an image by all methods; no places where there is no picture by a method."""

    image: ImageData
    frame: PictureFile | None
    """The whole picture, in which the places are shown."""
    places: tuple[Place, ...]
    methods: tuple[Method, ...]

    @property
    def trained_here(self) -> int:
        """How many of the methods were trained here."""
        return sum(method.experiment is not None and not method.slot.is_imported for method in self.methods)

    @property
    def is_tall(self) -> bool:
        """Whether the whole picture is higher than wide."""
        return self.frame is not None and self.frame.height > self.frame.width

    def of(self, experiment: str) -> Method | None:
        """The method of an experiment, if it has a picture here."""
        return next((m for m in self.methods if m.experiment and m.experiment.id == experiment), None)

    def link(self, place: Place, method: Method) -> str:
        """The fragment that opens the viewer of the image's page exactly there."""
        window, frame = place.window, self.frame
        assert frame is not None, "there are no places without it"
        x, y = window.centre
        zoom = min(frame.width / window.width, frame.height / window.height)
        ids = zip("abcd", method.view, strict=False)
        view = [("img", self.image.image.id), *ids, ("x", f"{x:g}"), ("y", f"{y:g}"), ("z", f"{zoom:.3f}")]
        return f"#{urlencode(view)}"


def place_sheet(image: ImageData, data: SiteData, scatters: Scatters) -> PlaceSheet:
    """The places of an image, by every method with a picture of its size."""
    original = data.cell(data.study.original.id, image.image.id)
    cells = [cell for cell in data.cells if cell.image is image and cell.output.picture]
    outputs = [method for cell in cells if (method := _of_cell(cell, original, data, scatters))]
    outputs.sort(key=_order)
    places = tuple(Place(i, window) for i, window in enumerate(data.windows[image.image.id], start=1))
    return PlaceSheet(image, image.bicubic.picture, places, (*_of_input(image), *outputs))


def _order(method: Method) -> tuple[bool, bool, tuple[int, float]]:
    """Sort key: the original, then what was trained here, best first, then the rest in the study's order."""
    is_original = method.view == (BICUBIC, method.id)
    return not is_original, method.slot.is_imported, method.verdict.order if method.verdict else (0, 0.0)


def _of_input(image: ImageData) -> Iterator[Method]:
    both = ((NEAREST, "Input, its pixels", image.nearest), (BICUBIC, "Input, bicubic", image.bicubic))
    for name, label, slot in both:
        if slot.picture and image.is_framed(slot):
            yield Method(name, label, slot.picture, slot, None, None, (NEAREST, BICUBIC))


def _of_cell(cell: Cell, original: Cell, data: SiteData, scatters: Scatters) -> Method | None:
    slot, name = cell.output, cell.experiment.id
    if slot.picture is None or not cell.image.is_framed(slot):
        return None
    view = (BICUBIC, name) if cell is original else (BICUBIC, original.experiment.id, name)
    factor = factor_name(data.study.study.factor)
    judged = judge_imported(cell, original, factor) if slot.is_imported else None
    verdict = judged or judge_cell(cell, original, data, scatters)
    return Method(name, name, slot.picture, slot, cell.experiment, verdict, view)
