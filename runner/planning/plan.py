"""From experiments to work: level trainings as a graph, each named by a key, shared where keys are equal.

A key is a digest of everything that decides an outcome, the key of the level below included. Same key, same
result: so levels are shared between experiments, finished work is skipped, and a changed setting reruns just
what it touches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product

from runner.images.load import LoadedImage
from runner.study.schema import Experiment, Profile
from singan.geometry import PyramidGeometry, Size, factor_text, pyramid_geometry, sr_step_sizes
from singan.settings import Regional, TrainingSettings
from singan.stopping import DONT_TRAIN_EPOCHS, StopRule
from singan.switches import LevelFeed

KEY_VERSION = 1
"""Increased when the same settings come to mean another result, so that old work is not taken for new."""

_LATER = frozenset({"real_steps", "window", "gain", "anneal"})
"""Settings that came after the first keys: digested only where they are set, so that older keys stay."""

_STOPS_AFTER = 2
"""Levels that may stop early are taken to need this many times the least number of epochs."""

Fields = Mapping[str, object]
"""What a key digests, flat and JSON-ready: `{"level": 3, "adversarial": "rand", ...}`."""


@dataclass(frozen=True)
class LevelTraining:
    """Train one level on top of another."""

    key: str
    below: str | None
    """Key of the level below; None at level 0."""
    image: str
    level: int
    geometry: PyramidGeometry
    feed: LevelFeed
    stop: StopRule
    settings: TrainingSettings
    seed: int
    fields: Fields

    @property
    def size(self) -> Size:
        """Size of the level."""
        return self.geometry.sizes[self.level]

    @property
    def cost(self) -> float:
        """Expected work in multiply-accumulates: of each epoch, `per_epoch` forward passes and overhead."""
        per_epoch = 63  # 3 D steps cost as much as 13 forward passes each, 3 G steps as 8
        forward = _forward_macs(self.size, self.settings.width_at(self.level))
        return self.expected_epochs * (per_epoch * forward + _EPOCH_OVERHEAD_macs)

    @property
    def expected_epochs(self) -> int:
        """How many epochs it is likely to need; for a stop rule that looks at the losses this is a guess."""
        epochs, stop = self.settings.epochs, self.stop
        if stop.name == "dont_train":
            return min(DONT_TRAIN_EPOCHS, epochs)
        if stop.name == "small_rec_loss" and self.level > 1:  # levels 0 and 1 rarely reach so small a loss
            return min(_STOPS_AFTER * (stop.after + 1), epochs)
        if stop.name in {"plateau", "plateau_anneal"}:
            return min(_STOPS_AFTER * (stop.after + 1) + stop.anneal, epochs)
        return epochs


@dataclass(frozen=True)
class SuperResolution:
    """Enlarge the working image with a run's last level."""

    key: str
    last_level_key: str
    factor: float
    seed: int
    draw: int
    """Which drawing of the noise: 0 is the picture that is shown, others show how much is chance."""
    cost: float
    """Expected work, in the unit of `LevelTraining.cost`."""
    regional: Regional | None = None
    """How several levels' generators are mixed; None where it is the last level's alone."""
    lower_keys: tuple[str, ...] = ()
    """Keys of the levels below the last that take part, coarsest first."""


@dataclass(frozen=True)
class Run:
    """One experiment on one image with one seed and factor."""

    experiment: Experiment
    image: str
    image_digest: str
    seed: int
    factor: float
    levels: tuple[str, ...]
    draws: tuple[SuperResolution, ...]
    """Its pictures, at least one: of equal weights, each with fresh noise."""

    @property
    def output(self) -> SuperResolution:
        """The picture that is shown."""
        return self.draws[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all that it needs: its levels, coarsest first, and its pictures."""
        return (*self.levels, *(draw.key for draw in self.draws))

    def __str__(self) -> str:
        return f"{self.experiment.id} on {self.image}"


@dataclass(frozen=True)
class Plan:
    """Runs, and the level trainings they need, each once, every level after the one below it."""

    profile: Profile
    runs: tuple[Run, ...]
    levels: Mapping[str, LevelTraining]

    @property
    def trainings_without_sharing(self) -> int:
        """Levels to train if every run trained its own."""
        return sum(len(run.levels) for run in self.runs)

    def label(self, run: Run) -> str:
        """Name of a run for people, with factor and seed only where the plan has several."""
        told = [f"x{factor_text(run.factor)}"] if len({other.factor for other in self.runs}) > 1 else []
        told += [f"seed {run.seed}"] if len({other.seed for other in self.runs}) > 1 else []
        return ", ".join((str(run), *told))

    def runs_needing(self, key: str) -> list[Run]:
        """Runs a level belongs to."""
        return [run for run in self.runs if key in run.levels]


def digest(fields: Fields) -> str:
    """Key of a set of fields: 32 hexadecimal digits."""
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def make_plan(
    profile: Profile,
    runs: Iterable[tuple[Experiment, LoadedImage]],
    *,
    factors: Sequence[float],
    seeds: Sequence[int],
    draws: int = 1,
) -> Plan:
    """Plan these (experiment, image) pairs in this order, all of them with one seed before the next seed."""
    levels: dict[str, LevelTraining] = {}
    planned = []
    for seed, (experiment, image), factor in product(seeds, tuple(runs), factors):
        chain = plan_levels(experiment, image, profile.training, factor=factor, seed=seed)
        levels.update((level.key, levels.get(level.key, level)) for level in chain)
        planned.append(_run(experiment, image, chain, factor, seed, draws))
    return Plan(profile, tuple(planned), levels)


def plan_levels(
    experiment: Experiment, image: LoadedImage, settings: TrainingSettings, *, factor: float, seed: int
) -> list[LevelTraining]:
    """The level trainings of one run, coarsest first."""
    geometry = pyramid_geometry(image.size, factor)
    chain: list[LevelTraining] = []
    for level in range(geometry.last + 1):
        is_last = level == geometry.last
        feed = experiment.feed_at(level, geometry.last)
        rule = experiment.stop.as_rule
        stop = settings.scaled_stop(rule.at_last_level if is_last else rule)
        below = chain[-1].key if chain else None
        fields: Fields = {
            "version": KEY_VERSION,
            "image": image.digest,
            "sizes": [list(size) for size in geometry.sizes],
            "shrink": geometry.shrink,
            "level": level,
            **_told(feed),
            **{f"stop {name}": value for name, value in _told(stop).items()},
            **asdict(settings),
            "seed": seed,
            "below": below,
        }
        fields = json.loads(json.dumps(fields))  # as they come back from a file: lists, not tuples
        chain.append(
            LevelTraining(
                digest(fields), below, image.id, level, geometry, feed, stop, settings, seed, fields
            )
        )
    return chain


def _told(value: LevelFeed | StopRule) -> dict[str, object]:
    """What a key digests of these settings."""
    defaults = asdict(type(value)())
    fields = asdict(value).items()
    return {name: given for name, given in fields if name not in _LATER or given != defaults[name]}


def _run(
    experiment: Experiment,
    image: LoadedImage,
    chain: Sequence[LevelTraining],
    factor: float,
    seed: int,
    draws: int,
) -> Run:
    top = chain[-1]
    width = top.settings.width_at(top.level)
    regional = experiment.super_resolution.as_settings
    lower = tuple(level.key for level in chain[-regional.levels : -1]) if regional else ()
    cost = (len(lower) + 1) * sum(_forward_macs(size, width) for size in sr_step_sizes(top.size, factor))
    pictures = tuple(
        replace(super_resolution(top.key, factor, seed, draw, cost, regional), lower_keys=lower)
        for draw in range(draws)
    )
    return Run(
        experiment, image.id, image.digest, seed, factor, tuple(level.key for level in chain), pictures
    )


def super_resolution(
    last_level_key: str,
    factor: float,
    seed: int,
    draw: int = 0,
    cost: float = 0.0,
    regional: Regional | None = None,
) -> SuperResolution:
    """The task of enlarging with the last level of this key, which stands for all levels below it."""
    fields = {"version": KEY_VERSION, "top": last_level_key, "factor": factor, "seed": seed}
    if draw:
        fields["draw"] = draw
    if regional is not None:
        fields.update((f"regional {name}", value) for name, value in asdict(regional).items())
    return SuperResolution(digest(fields), last_level_key, factor, seed, draw, cost, regional)


_EPOCH_OVERHEAD_macs = 1e10
"""What launching an epoch's operations costs however small the level is: about 0.1 s on a CPU."""


def _forward_macs(size: Size, width: int) -> float:
    """Cost of a generator's forward pass: five 3x3 convolutions, and memory traffic, felt if it is narrow."""
    return size.height * size.width * (9 * (3 * width * width + 6 * width) + 300 * width)


def note_name(plan: Plan, run: Run) -> str:
    """Name of the store's note of what a run last was."""
    return f"{plan.profile.id}/{run.experiment.id}/{run.image}-x{factor_text(run.factor)}-seed{run.seed}"


def begun_name(plan: Plan, run: Run) -> str:
    """Name of the store's note of what a run is that has begun and not ended yet."""
    return f"begun/{note_name(plan, run)}"


def imported_note_name(plan: Plan, run: Run) -> str:
    """Beginning of the names of the store's notes about imports for a run."""
    return f"{note_name(plan, run)}-imported-"


def why_changed(old: Fields, new: Fields) -> str:
    """What makes two trainings different, in words: `changed: adversarial "rand" -> "real_train"`."""
    names = [name for name in {**new, **old} if old.get(name) != new.get(name)]
    own = [name for name in names if name != "below"]
    if own:
        return "changed: " + ", ".join(
            f"{name} {_brief(old.get(name))} -> {_brief(new.get(name))}" for name in own
        )
    return "changed: the level below" if names else "same settings"


def _brief(value: object) -> str:
    text = "unset" if value is None else json.dumps(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
