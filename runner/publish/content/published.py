"""What the author's own minutes and pictures say to a check; each is of a single training."""

from __future__ import annotations

from collections.abc import Iterator

from runner.metrics.evaluate import DEFINITIONS
from runner.publish.content.evidence import Figure
from runner.publish.content.metrics import fixed, signed
from runner.publish.content.verdicts import RANKED, effect_of_pictures, meets
from runner.publish.data.model import Cell, SiteData
from runner.publish.words import minutes, ratio
from runner.record.schema import Metrics
from runner.study.claims import Check, EpochsCheck, QualityCheck, TimeCheck, chosen_levels


def published_words(cell: Cell, original: Cell, picture: Metrics | None) -> str:
    """What the author published of a cell, in one sentence; empty where that is nothing."""
    time, told = cell.timing.published, []
    if time.value is not None:
        beside = f" ({ratio(time.ratio)} his original's)" if time.ratio and cell is not original else ""
        told.append(f"{minutes(time.value)} of training{beside}")
    figures = [
        f"{measure.title} {fixed(value, name)} {measure.unit}".strip()
        for name, measure in DEFINITIONS.items()
        if picture is not None and (value := picture.get(name)) is not None
    ]
    if figures:
        told.append(f"a picture ({', '.join(figures)})")
    return f"The author published {' and '.join(told)}." if told else ""


_NAMES = {"lr_psnr": "consistency", "niqe": "NIQE"}


def published_figures(check: Check, data: SiteData) -> list[tuple[str, Figure]]:
    """Figures with the title of their image; none where nothing published bears on the check."""
    return [
        (cell.image.image.title, figure)
        for cell in data.experiment(check.experiment).cells
        for figure in _of_cell(check, cell, data)
    ]


def _of_cell(check: Check, cell: Cell, data: SiteData) -> Iterator[Figure]:
    if isinstance(check, TimeCheck):
        yield from _of_minutes(check, cell, data.cell(check.than, cell.image.image.id))
    elif isinstance(check, EpochsCheck):
        yield from _of_level_minutes(check, cell)
    elif isinstance(check, QualityCheck):
        yield from _of_pictures(check, cell, data)


def _of_minutes(check: TimeCheck, cell: Cell, other: Cell) -> Iterator[Figure]:
    mine, theirs = cell.timing.published.value, other.timing.published.value
    if mine is not None and theirs:
        yield Figure(f"{ratio(mine / theirs)} in minutes", check.holds(mine / theirs))


def _of_level_minutes(check: EpochsCheck, cell: Cell) -> Iterator[Figure]:
    """A level's minutes as a share of the original's, in place of epochs, which were not published."""
    levels = cell.timing.levels
    chosen = chosen_levels(check.levels, len(levels) - 1)
    shares = [share for index in chosen if (share := levels[index].published.ratio) is not None]
    if shares:
        holds = {check.holds(min(share, 1.0)) for share in shares}
        told = ", ".join(f"{share:.0%}" for share in shares)
        yield Figure(f"{told} of the original's minutes", holds.pop() if len(holds) == 1 else None)


def _of_pictures(check: QualityCheck, cell: Cell, data: SiteData) -> Iterator[Figure]:
    mine = data.published_metrics(cell)
    theirs = data.published_metrics(data.cell(check.than, cell.image.image.id))
    effect = None if mine is None or theirs is None else effect_of_pictures(mine, theirs)
    if mine is None or theirs is None or effect is None:
        return
    told = []
    for name in RANKED:
        here, there = mine.get(name), theirs.get(name)
        if here is not None and there is not None:
            told.append(f"{_NAMES[name]} {signed(here - there, name)}")
    yield Figure(f"{effect} ({', '.join(told)})", meets(effect, check.expect))
