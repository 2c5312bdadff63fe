"""Which runs a command means: (experiment, image) pairs chosen by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from runner.study.errors import nearest
from runner.study.schema import Experiment, Profile, Study
from singan.errors import UserError

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Selection:
    """Pairs in the order of the study file, and every image they need."""

    pairs: tuple[tuple[Experiment, str], ...]

    @property
    def images(self) -> tuple[str, ...]:
        """Ids of the images needed, each once."""
        return tuple(dict.fromkeys(image for _, image in self.pairs))


def choose(options: Mapping[str, Thing], name: str, option: str) -> Thing:
    """The thing of this id; raises `UserError` naming the option and the nearest id."""
    if name not in options:
        raise UserError(f'there is no "{name}"', where=option, right=nearest(name, options))
    return options[name]


def choose_profile(study: Study, name: str) -> Profile:
    """The profile of this id; raises `UserError`."""
    return choose(study.profile, name, "--profile")


def select(
    study: Study,
    experiments: Sequence[str],
    images: Sequence[str],
    *,
    available: Sequence[str] | None = None,
    everywhere: bool = False,
) -> Selection:
    """Runs of the study, limited to these experiments and images (none given: all).

    `everywhere` runs every experiment on every image; `available` replaces the study's images by others, on
    which every experiment runs.
    """
    known = dict.fromkeys(available if available is not None else study.image)
    for image in images:
        choose(known, image, "--image")
    chosen = [choose(study.experiment, name, "--experiment") for name in experiments]
    pairs = tuple(
        (experiment, image)
        for experiment in study.experiment.values()
        if not chosen or experiment in chosen
        for image in known
        if (not images or image in images)
        and (everywhere or available is not None or image in (experiment.images or known))
    )
    if not known:
        raise UserError("the study has no images", right="add one, or name a folder with --images-from")
    if not pairs:
        what = f"the study runs {' and '.join(experiments)} on {_where(chosen)} only"
        raise UserError(
            what if chosen else f"no experiment of the study runs on {' and '.join(images)}",
            where="--image",
            right="add --all-images to run it elsewhere",
        )
    return Selection(pairs)


def _where(experiments: Sequence[Experiment]) -> str:
    return ", ".join(sorted({image for experiment in experiments for image in experiment.images or ()}))
