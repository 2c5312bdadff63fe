"""The comparison viewer of an image: the pictures one can choose, and those that stand side by side first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypedDict

from runner.publish.content.maps import ColourMap, DifferenceMap, ResidualMap
from runner.publish.data.model import Cell, ImageData, PictureFile, Run, SiteData, Slot
from runner.publish.words import factor_words

MOST_PANES = 4

NEAREST, BICUBIC = "input.nearest", "input.bicubic"
"""No id of an experiment has a dot, so these cannot be mistaken for one."""


class LevelSheet(TypedDict):
    """The snapshots of a level: a column an epoch, G(z*) above, the fake below; `width` x `height` each.

    A dictionary, as it goes to the page as JSON.
    """

    level: int
    src: str
    width: int
    height: int
    epochs: tuple[int, ...]


@dataclass(frozen=True)
class Choice:
    """A picture one can choose; `id` names it in a link to a view."""

    id: str
    label: str
    alt: str
    slot: Slot
    levels: tuple[LevelSheet, ...] = ()
    is_original: bool = False
    """Whether it is the result that the others are compared with."""
    residual: ResidualMap | None = None
    """Map of its difference from the input, once it is shrunk to the input's size."""
    apart: ColourMap | None = None
    """Map of how its colours differ from the original's."""
    shift: str = ""
    """How far it is from its input, in figures."""

    @property
    def maps(self) -> tuple[DifferenceMap, ...]:
        """The pictures of differences that the site has of it."""
        return tuple(one for one in (self.residual, self.apart) if one)


@dataclass(frozen=True)
class ChoiceGroup:
    """Choices under one heading."""

    title: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Viewer:
    """A viewer: what can be chosen, and the choices (by id) it opens with."""

    image: ImageData
    groups: tuple[ChoiceGroup, ...]
    opens_with: tuple[str, ...]

    @property
    def panes(self) -> tuple[Choice, ...]:
        """The choices it opens with."""
        by_id = {choice.id: choice for choice in self._choices()}
        return tuple(by_id[name] for name in self.opens_with)

    @property
    def nearest(self) -> Choice | None:
        """The enlarged pixels of the input, if it does not open with them."""
        return None if NEAREST in self.opens_with else next(c for c in self._choices() if c.id == NEAREST)

    @property
    def frame(self) -> tuple[int, int]:
        """Width and height every picture is scaled to: those of the enlarged input, else of any picture."""
        pictures = [choice.slot.picture for choice in (*self.panes, *self._choices())]
        size = self.image.image.cropped_size
        return next(((p.width, p.height) for p in pictures if p), (size.width, size.height))

    @property
    def shape(self) -> str:
        """`tall` pictures stand in one row, `wide` ones in two."""
        width, height = self.frame
        return "tall" if height > width else "wide"

    @property
    def maps(self) -> tuple[DifferenceMap, ...]:
        """Every picture of a difference that it can show."""
        return tuple(one for choice in self._choices() for one in choice.maps)

    def _choices(self) -> Iterator[Choice]:
        return (choice for group in self.groups for choice in group.choices)


def image_viewer(image: ImageData, data: SiteData, original: Cell) -> Viewer:
    """The viewer of an image's page: the input, the original, and the first others with a picture."""
    groups = image_choices(image, data)
    with_levels = _with_levels(groups, [cell for cell in data.cells if cell.image is image])
    outputs = [choice for group in groups[1:] for choice in group.choices]
    others = [c.id for c in outputs if c.slot.picture and "." not in c.id and c.id != original.experiment.id]
    opens_with = (BICUBIC, *_named(outputs, original), *others)
    return Viewer(image, with_levels, opens_with[:MOST_PANES])


def experiment_viewer(groups: tuple[ChoiceGroup, ...], cell: Cell, original: Cell) -> Viewer:
    """The viewer of an image on an experiment's page: input, original, this experiment.

    `groups` are the image's choices (`image_choices`), made once for all experiments; snapshots are added for
    this experiment and the original only.
    """
    shown = [original] if cell.experiment.id == original.experiment.id else [original, cell]
    outputs = [choice for group in groups[1:] for choice in group.choices]
    names = [name for one in shown for name in _named(outputs, one)]
    inputs = [NEAREST, BICUBIC] if len(names) < 2 else [BICUBIC]
    return Viewer(cell.image, _with_levels(groups, shown), (*inputs, *names))


def image_choices(image: ImageData, data: SiteData) -> tuple[ChoiceGroup, ...]:
    """Every picture of an image: what was given, then the outputs by the study's groups; no snapshots yet."""
    original = data.cell(data.study.original.id, image.image.id).output.picture
    outputs = [
        ChoiceGroup(
            group.group.title,
            tuple(_outputs((c for e in group.experiments for c in e.cells if c.image is image), original)),
        )
        for group in data.groups
    ]
    return (_given(image), *(group for group in outputs if group.choices))


def _given(image: ImageData) -> ChoiceGroup:
    title = image.image.title
    choices = [
        Choice(NEAREST, "Input, nearest neighbour", f"{title}: the input, pixels enlarged", image.nearest),
        Choice(BICUBIC, "Input, bicubic", f"{title}: the input, enlarged smoothly", image.bicubic),
    ]
    for by, slot in image.ground_truth:
        words = f"Ground truth, {factor_words(by)}"
        choices.append(Choice(f"truth.{by}", words, f"{title}: the ground truth at {factor_words(by)}", slot))
    return ChoiceGroup("Input and ground truth" if image.ground_truth else "Input", tuple(choices))


def _outputs(cells: Iterable[Cell], original: PictureFile | None) -> Iterator[Choice]:
    for cell in cells:
        if cell.state == "not in the study":
            continue
        name, title = cell.experiment.id, cell.experiment.title
        state = "" if cell.state == "done" else f" ({cell.state})"
        if cell.run is not None and cell.run.is_imported:
            state = " (imported)"
        first = Choice(name, f"{name}: {title}{state}", _alt(cell, cell.run), cell.output)
        yield _mapped(first, cell, cell.run, original)
        for choice, run in zip(_other_run_ids(cell), cell.runs[1:], strict=True):
            other = Choice(choice, f"{name}, {_run_words(run)}", _alt(cell, run), run.output)
            yield _mapped(other, cell, run, original)


def _mapped(choice: Choice, cell: Cell, run: Run | None, original: PictureFile | None) -> Choice:
    """The choice with its maps: against its input, and against the original where that is as large."""
    picture, image = choice.slot.picture, cell.image
    if picture is None or run is None:
        return choice
    residual = None
    if image.nearest.picture and image.record:
        residual = ResidualMap(picture, image.nearest.picture, image.record.width, image.record.height)
    is_original = original is not None and picture.digest == original.digest
    apart = None
    if original and not is_original and (picture.width, picture.height) == (original.width, original.height):
        apart = ColourMap(picture, original, max(1, picture.width // 2), max(1, picture.height // 2))
    return replace(choice, is_original=is_original, residual=residual, apart=apart, shift=_shift_words(run))


def _shift_words(run: Run) -> str:
    metrics = run.record.output.metrics if run.record.output else {}
    consistency, shift = metrics.get("lr_psnr"), metrics.get("lr_delta_e")
    words = [] if consistency is None else [f"LR consistency {consistency:.2f} dB"]
    words += [] if shift is None else [f"mean ΔE00 {shift:.2f}"]
    return ", ".join(words)


def _alt(cell: Cell, run: Run | None) -> str:
    factor = f" {factor_words(run.record.factor)}" if run else ""
    return f"{cell.image.image.title}: super-resolved{factor} by {cell.experiment.id}"


def _run_words(run: Run) -> str:
    words = [factor_words(run.record.factor), f"seed {run.record.seed}"]
    if run.record.imported_from:
        words.append(f"imported from {run.record.imported_from}")
    return ", ".join(words)


def _other_run_ids(cell: Cell) -> list[str]:
    """Names of all runs but the first; imported ones may agree in factor and seed, and are then numbered."""
    names: list[str] = []
    for run in cell.runs[1:]:
        name = f"{cell.experiment.id}.{run.record.factor}-seed{run.record.seed}"
        same = sum(other == name or other.startswith(f"{name}-") for other in names)
        names.append(f"{name}-{same + 1}" if same else name)
    return names


def _named(outputs: Iterable[Choice], cell: Cell) -> list[str]:
    """The id of a cell's choice, if it has one."""
    return [choice.id for choice in outputs if choice.id == cell.experiment.id]


def _with_levels(groups: tuple[ChoiceGroup, ...], cells: Iterable[Cell]) -> tuple[ChoiceGroup, ...]:
    """The choices, those of these cells' runs with their snapshots."""
    levels = {
        name: _level_sheets(run)
        for cell in cells
        for name, run in zip([cell.experiment.id, *_other_run_ids(cell)], cell.runs, strict=False)
    }
    return tuple(
        ChoiceGroup(
            group.title,
            tuple(replace(c, levels=levels[c.id]) if c.id in levels else c for c in group.choices),
        )
        for group in groups
    )


def _level_sheets(run: Run) -> tuple[LevelSheet, ...]:
    """Sheets of a run, the finest level first."""
    sheets = []
    for level in reversed(run.levels):
        snapshots, picture = level.record.snapshots, level.sheet.picture
        if picture and snapshots.epochs:
            sheets.append(
                LevelSheet(
                    level=level.record.level,
                    src=picture.url,
                    width=snapshots.width,
                    height=snapshots.height,
                    epochs=snapshots.epochs,
                )
            )
    return tuple(sheets)
