"""The runs an invocation of `singan run` or `singan status` asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runner.images.load import LoadedImage, StandIns, load_images
from runner.images.own import load_folder
from runner.planning.plan import Plan, Run, make_plan
from runner.planning.selection import Selection, choose_profile, select
from runner.streams import tell
from runner.study.load import load_study
from runner.study.schema import Study
from singan.errors import UserError
from singan.geometry import factor_text, sr_steps


@dataclass(frozen=True)
class Request:
    """Options as given; what is empty or None means the study's own value."""

    study: Path
    profile_name: str
    experiments: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    all_images: bool = False
    images_from: Path | None = None
    stand_ins: StandIns = "never"
    factors: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    draws: int | None = None
    say: Callable[[str], None] = tell
    """Called for every picture that a stand-in is used for."""

    @cached_property
    def loaded_study(self) -> Study:
        """The study file."""
        return load_study(self.study)

    @cached_property
    def _own(self) -> dict[str, LoadedImage] | None:
        if self.images_from is None:
            return None
        own = load_folder(self.images_from)
        for name in own:
            if name in self.loaded_study.image:
                raise UserError(
                    f'one of its pictures gets the id "{name}", which is that of an image of the study',
                    where=str(self.images_from),
                    right="give the file another name",
                )
        return own

    @cached_property
    def _selection(self) -> Selection:
        return select(
            self.loaded_study,
            self.experiments,
            self.images,
            available=tuple(self._own) if self._own is not None else None,
            everywhere=self.all_images,
        )

    @cached_property
    def pictures(self) -> Mapping[str, LoadedImage]:
        """Every picture the runs need, by id."""
        if self._own is not None:
            return self._own
        wanted = [self.loaded_study.image[name] for name in self._selection.images]
        return load_images(wanted, self.stand_ins, self.say)

    def plan(self) -> Plan:
        """Plan the runs; raises `UserError` for whatever is wrong with the request."""
        about = self.loaded_study.study
        profile = choose_profile(self.loaded_study, self.profile_name)
        factors = [checked_factor(factor) for factor in self.factors or about.factors]
        pairs = [(experiment, self.pictures[image]) for experiment, image in self._selection.pairs]
        return make_plan(
            profile, pairs, factors=factors, seeds=self.seeds or about.seeds, draws=self.draws or about.draws
        )

    def command(self, run: Run) -> str:
        """The command that reproduces one run."""
        parts = [
            f"singan run --profile {self.profile_name} --experiment {run.experiment.id}",
            f"--image {run.image} --factor {factor_text(run.factor)} --seed {run.seed}",
        ]
        if len(run.draws) > 1:
            parts.append(f"--draws {len(run.draws)}")
        if self.images_from is not None:
            parts.append("--images-from FOLDER")
        elif run.image not in (run.experiment.images or self.loaded_study.image):
            parts.append("--all-images")
        if self.pictures[run.image].stand_in:
            parts.append("--stand-ins always")
        return " ".join(parts)


def checked_factor(factor: float) -> float:
    """The factor, if super-resolution by it has steps; raises `UserError` naming the option."""
    try:
        sr_steps(factor)
    except UserError as error:
        raise UserError(str(error), where="--factor") from None
    return factor
