"""The answer in a few sentences, computed from the record shown, and never more than it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.publish.content.comparison import Scatters, compared_images, outputs
from runner.publish.content.verdicts import (
    Effect,
    Judged,
    effect_of_pictures,
    is_better,
    is_hint,
    judge_cell,
    judge_experiment,
)
from runner.publish.data.model import Cell, ExperimentData, ImageData, SiteData
from runner.publish.data.timing import total_ratio
from runner.publish.words import join_words, plural
from runner.record.schema import factor_name
from runner.study.schema import Experiment
from singan.settings import PUBLISHED_EPOCHS

_MOST_NAMES = 4
"""Most experiments that a sentence names."""

_TOO_SHORT = 100
"""A training of less than this part of the published epochs says nothing about a variant."""

Words = tuple[str | Experiment, ...]
"""A sentence in pieces: text, and experiments to be linked."""


@dataclass(frozen=True)
class Answer:
    """What the record says to the study's question."""

    sentences: tuple[Words, ...]
    basis: str
    """What the sentences rest on."""

    @property
    def named(self) -> tuple[Experiment, ...]:
        """The experiments that the sentences name, each once: a reader does not know them by their ids."""
        parts = (part for sentence in self.sentences for part in sentence if isinstance(part, Experiment))
        return tuple({experiment.id: experiment for experiment in parts}.values())


def answer(data: SiteData, scatters: Scatters) -> Answer:
    """The answer by the runs trained here, and by the author's own pictures where these were measured."""
    original = data.original
    found = [
        (experiment, verdict)
        for experiment in data.experiments
        if (verdict := judge_experiment(experiment, original, data, scatters))
    ]
    factor = factor_name(data.study.study.factor)
    compared = {image.image.id for e, _ in found for image in compared_images(e, original, factor)}
    images = tuple(cell.image for cell in original.cells if cell.image.image.id in compared)
    sentences = [_of_quality(found, images, data), _of_time(found, data, scatters), _of_published(data)]
    return Answer(tuple(s for s in sentences if s), _basis([v for _, v in found], images, data))


def _is_too_short(data: SiteData) -> bool:
    """Whether the trainings are too short to say anything about a variant."""
    return data.profile.epochs * _TOO_SHORT < PUBLISHED_EPOCHS


def _of_quality(
    found: Sequence[tuple[ExperimentData, Judged]], images: Sequence[ImageData], data: SiteData
) -> Words:
    if _is_too_short(data):
        epochs = f"{data.profile.epochs} of {PUBLISHED_EPOCHS} epochs"
        return (f"Trained for {epochs} a level, the runs here show that all of it works, and nothing more.",)
    if not found:
        return ("No variant has been trained in this record beside the original, so it answers nothing yet.",)
    factor = factor_name(data.study.study.factor)
    everywhere = all(len(compared_images(e, data.original, factor)) == len(images) for e, _ in found)
    where = join_words(tuple(image.image.title for image in images), "and" if everywhere else "or")
    count = plural(len(found), "variant")
    better = [e.experiment for e, verdict in found if is_better(verdict.effect)]
    wrecks = [e.experiment for e, verdict in found if verdict.effect == "much worse"]
    chance = sum(verdict.may_be_chance for _, verdict in found)
    gains = [e.experiment for e, verdict in found if verdict.is_undecided and verdict.gains]
    words: list[str | Experiment] = [f"Of {count} trained here on {where}, "]
    if better:
        words += [f"{len(better)} {_be(better)} better than the original training ", *_named(better)]
    else:
        shown = "shown to be " if chance or gains else ""
        words.append(f"none is {shown}better than the original training")
    words += [f", {len(wrecks)} {_be(wrecks)} much worse ", *_named(wrecks)] if wrecks else []
    worse = [e.experiment for e, verdict in found if verdict.effect in {"worse", "slightly worse"}]
    words += [f", {len(worse)} {_be(worse)} worse ", *_named(worse)] if worse else []
    if gains:
        gain = "seems to gain" if len(gains) == 1 else "seem to gain"
        words += [f"; {len(gains)} {gain} in a measure, and may lose in the other ", *_named(gains)]
    if chance:
        words.append(f"; {chance} {'differs' if chance == 1 else 'differ'} from it by no more than seeds may")
    return (*words, ".")


def _of_time(found: Sequence[tuple[ExperimentData, Judged]], data: SiteData, scatters: Scatters) -> Words:
    """A sentence about the shortest training beside the original's that loses at most slightly anywhere.

    Only images on which both were trained on the same machine count for the time.
    """
    ratios = [
        (
            total_ratio(cell.timing.measured for cell in _timed(e)),
            e,
            verdict.is_undecided,
        )
        for e, verdict in found
        if not _loses(e, data, scatters) and not _is_the_original(e, data)
    ]
    known = [(ratio, e, is_undecided) for ratio, e, is_undecided in ratios if ratio is not None]
    if not known or _is_too_short(data):
        return ()
    ratio, fastest, is_undecided = min(known, key=lambda each: each[0])
    if ratio >= 1:
        return ("None that loses at most slightly trains faster.",)
    cells = _timed(fastest)
    noise = all(cell.timing.measured.is_noise for cell in cells)
    chance = ", which may be chance: two equal trainings differ as much" if noise else ""
    seems = "seems to lose" if is_undecided else "loses"
    who = f"The fastest that {seems} no more than a little on any image, "
    trained = [cell for cell in fastest.cells if cell.state == "done" and cell.timing.measured.value]
    titles = tuple(cell.image.image.title for cell in cells)
    where = f" on {join_words(titles)}" if len(cells) < len(trained) else ""
    return (who, fastest.experiment, f", takes {ratio:.2f} of its training time{where}{chance}.")


def _timed(experiment: ExperimentData) -> list[Cell]:
    """The cells whose training time can be set beside the original's."""
    return [
        cell
        for cell in experiment.cells
        if cell.state == "done" and cell.timing.measured.ratio is not None and not cell.timing.other_machine
    ]


def _loses(experiment: ExperimentData, data: SiteData, scatters: Scatters) -> bool:
    """Whether it is worse than the original by a measure, by more than a little, on some image."""
    verdicts = (
        judge_cell(cell, original, data, scatters)
        for cell, original in zip(experiment.cells, data.original.cells, strict=True)
    )
    return any(verdict is not None and verdict.loses for verdict in verdicts)


def _is_the_original(experiment: ExperimentData, data: SiteData) -> bool:
    """Whether every measure is the original's: of a stop rule, say, that never stopped a level."""
    factor = factor_name(data.study.study.factor)
    found = [
        (outputs(cell, factor), outputs(original, factor))
        for cell, original in zip(experiment.cells, data.original.cells, strict=True)
    ]
    pairs = [(mine[seed], theirs[seed]) for mine, theirs in found for seed in mine.keys() & theirs.keys()]
    return bool(pairs) and all(mine.metrics == theirs.metrics for mine, theirs in pairs)


def _of_published(data: SiteData) -> Words:
    """A sentence about the author's variants by his own pictures, if the original's was measured, too."""
    effects = {
        e.experiment.id: _published_effects(e, data) for e in data.experiments if e is not data.original
    }
    known = [e.experiment for e in data.experiments if effects.get(e.experiment.id)]
    if not known:
        return ()
    better = [e for e in known if all(map(is_better, effects[e.id]))]
    wrecks = [e for e in known if "much worse" in effects[e.id]]
    pictures = sum(len(effects[e.id]) for e in known)
    words: list[str | Experiment] = [
        f"By the {plural(pictures, 'picture')} of {plural(len(known), 'variant')} that the author published, "
    ]
    if better:
        words += [
            f"{len(better)} {_be(better)} better than his original on every image shown ",
            *_named(better),
        ]
    else:
        words.append("none is better than his original on every image shown")
    words += [f"; {len(wrecks)} {_be(wrecks)} much worse on some image." if wrecks else "."]
    return tuple(words)


def _published_effects(experiment: ExperimentData, data: SiteData) -> list[Effect]:
    found = []
    for cell, original in zip(experiment.cells, data.original.cells, strict=True):
        mine, theirs = data.published_metrics(cell), data.published_metrics(original)
        effect = effect_of_pictures(mine, theirs) if mine is not None and theirs is not None else None
        if effect is not None:
            found.append(effect)
    return found


def _basis(verdicts: Sequence[Judged], images: Sequence[ImageData], data: SiteData) -> str:
    profile = data.profile
    how = f"Profile {profile.title}, {plural(profile.epochs, 'epoch')} a level"
    confidence = join_words(tuple(dict.fromkeys(verdict.confidence for verdict in verdicts)))
    told = f"{how}; {confidence}" if confidence else how
    if verdicts and is_hint(data, images):
        told += "; so a hint at most: training or pictures are not the study's"
    return f"{told}. Better: closer to the input or more natural (NIQE), and neither less so."


def _be(names: Sequence[Experiment]) -> str:
    return "is" if len(names) == 1 else "are"


def _named(experiments: Sequence[Experiment]) -> Iterable[str | Experiment]:
    """`(real-b, real-c and 3 more)`."""
    shown = experiments[:_MOST_NAMES]
    rest = len(experiments) - len(shown)
    yield "("
    for index, experiment in enumerate(shown):
        if index:
            yield ", " if index < len(shown) - 1 or rest else " and "
        yield experiment
    yield f" and {rest} more)" if rest else ")"
