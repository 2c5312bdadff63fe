"""Take over what was trained elsewhere: its levels into the store, its super-resolution into the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import torch

from runner.execution.carry_out import Enlarged
from runner.execution.resources import Resources, provenance
from runner.files import check_writable
from runner.images.encode import lossless_webp
from runner.images.load import LoadedImage
from runner.official.match_image import Wanted, match_image
from runner.official.train_times import read_minutes
from runner.official.trained_folder import FolderLevel, TrainedFolder, read_trained_folder
from runner.planning.plan import Run, SuperResolution, super_resolution
from runner.planning.request import checked_factor
from runner.planning.selection import choose, choose_profile
from runner.progress import Progress
from runner.record.measure import Measuring
from runner.record.results import Results
from runner.record.write import imported_name, record_image, record_imported, record_profile
from runner.store.artifacts import add_picture
from runner.store.store import MAX_REPAIRS, WEIGHTS, DamagedError, Store
from runner.study.load import load_study
from runner.study.schema import Experiment, Profile, Study
from singan.errors import UserError
from singan.geometry import factor_text


@dataclass(frozen=True)
class ImportRequest:
    """Options as given; None means the study's own value."""

    folder: Path
    study: Path
    profile_name: str
    experiment: str
    wanted: Wanted = field(default_factory=Wanted)
    factor: float | None = None
    seed: int | None = None
    """Seed of the super-resolution's noise; that of the training is unknown."""

    @cached_property
    def loaded_study(self) -> Study:
        """The study file."""
        return load_study(self.study)

    @property
    def way(self) -> Experiment:
        """The experiment that the folder was trained as, by the user's word."""
        experiment = choose(self.loaded_study.experiment, self.experiment, "--experiment")
        if experiment.super_resolution.as_settings is not None:
            raise UserError(
                f'"{experiment.id}" says how to super-resolve, not how to train',
                where="--experiment",
                right="name the experiment that the folder was trained by",
            )
        return experiment

    @property
    def profile(self) -> Profile:
        """The profile that the folder was trained in, by the user's word."""
        return choose_profile(self.loaded_study, self.profile_name)

    @property
    def chosen_factor(self) -> float:
        """How much to enlarge."""
        return checked_factor(self.loaded_study.study.factors[0] if self.factor is None else self.factor)

    def run(self, trained: TrainedFolder, image: LoadedImage) -> Run:
        """The run that the folder becomes; its levels need no training."""
        about = self.loaded_study.study
        factor = self.chosen_factor
        seed = about.seeds[0] if self.seed is None else self.seed
        keys = tuple(level.key for level in trained.levels_on(image))
        draws = tuple(super_resolution(keys[-1], factor, seed, draw) for draw in range(about.draws))
        return Run(self.way, image.id, image.digest, seed, factor, keys, draws)

    def command(self, run: Run, image: LoadedImage) -> str:
        """The command that repeats the import."""
        parts = [
            f"singan import-official FOLDER --experiment {run.experiment.id} --profile {self.profile_name}",
            f"--{'name' if image.is_own else 'image'} {image.id}",
            f"--factor {factor_text(run.factor)} --seed {run.seed}",
        ]
        if image.stand_in is not None:
            parts.append("--stand-ins always")
        return " ".join(parts)


@dataclass(frozen=True)
class Imported:
    """The result of an import."""

    trained: TrainedFolder
    image: LoadedImage
    run: Run
    record: Path


def import_official(
    request: ImportRequest,
    results_root: Path,
    store: Store,
    device: torch.device,
    progress: Progress,
    say: Callable[[str], None],
) -> Imported:
    """Import a trained folder of the public implementation; doing it again changes nothing.

    `say` is told which image its picture was taken for, and what of the folder had to be left out. Raises
    `UserError` before anything is written, unless writing itself fails.
    """
    way, profile = request.way, request.profile
    trained = read_trained_folder(request.folder)
    _check_width(trained, profile)
    results = Results(results_root, profile.id)
    results.profile()  # a record that cannot be read is told before the work, not after
    image = match_image(trained, request.loaded_study, results, request.wanted, say)
    run = request.run(trained, image)
    check_writable(results_root)
    check_writable(store.root)
    importing = _Importing(trained, image, run, store, device, progress, say)
    importing.fill_store()
    store.write_note(
        f"{profile.id}/{way.id}/{image.id}-{Path(imported_name(run)).name}",
        {"failure": None, "levels": {str(n): level.fields for n, level in enumerate(importing.levels)}},
    )
    importing.record(results, profile, request.command(run, image))
    return Imported(trained, image, run, results.folder / f"{imported_name(run)}.json")


def _check_width(trained: TrainedFolder, profile: Profile) -> None:
    """Refuse a folder of another width than its profile's; nothing else of the profile can be checked."""
    if trained.base_width != profile.base_width:
        raise UserError(
            f'is {trained.base_width} channels wide at level 0, and profile "{profile.id}" is '
            f"{profile.base_width}",
            where=str(trained.folder),
            right="name the profile it was trained under with --profile",
        )


@dataclass(frozen=True, eq=False)
class _Importing:
    """An import under way; its request is known to be good."""

    trained: TrainedFolder
    image: LoadedImage
    run: Run
    store: Store
    device: torch.device
    progress: Progress
    say: Callable[[str], None]

    @cached_property
    def levels(self) -> tuple[FolderLevel, ...]:
        """The levels as the store keeps them."""
        return self.trained.levels_on(self.image)

    def fill_store(self) -> None:
        """Get those levels and pictures into the store that it does not have."""
        first, *others = self.run.draws
        missing = [task for task in self.run.draws if not self._has_output(task)]
        self.progress.begin(float(len(missing)))
        Resources(self.device).settle()  # as `run` does, whose pictures these stand beside
        # Made before anything is written, because strangers' weights may not work.
        shown = None if self._has_output(first) else self._super_resolve(first)
        self.store.prepare()
        with self.store.lock(first.last_level_key):
            for level in self.levels:
                if not self._holds(level):
                    self._store_level(level)
            if shown is not None and not self._has_output(first):
                self._store_output(first, shown)
            for task in others:
                if not self._has_output(task):
                    self._store_output(task, self._super_resolve(task))

    def _store_output(self, task: SuperResolution, enlarged: Enlarged) -> None:
        file = lossless_webp(enlarged.pixels)
        add_picture(self.store, task, file, enlarged.facts, provenance(Resources(self.device)))

    def _has_output(self, task: SuperResolution) -> bool:
        return self.store.find("outputs", task.key) is not None

    def _super_resolve(self, task: SuperResolution) -> Enlarged:
        which = f", noise {task.draw + 1} of {len(self.run.draws)}" if len(self.run.draws) > 1 else ""
        self.progress.start(f"{self.run}, super-resolution x{factor_text(task.factor)}{which}", 1.0)
        enlarged = self.trained.enlarge(task, self.image, self.device, self._on_step)
        self.progress.finish("super-resolved")
        return enlarged

    def _on_step(self, done: int, steps: int) -> None:
        if self.progress.wants_update():
            self.progress.update(done / steps, f"step {done} of {steps}")

    def _holds(self, level: FolderLevel) -> bool:
        entry = self.store.find("levels", level.key)
        try:
            return entry is not None and entry.read(WEIGHTS) == level.weights
        except DamagedError:
            return False

    def _store_level(self, level: FolderLevel) -> None:
        self.store.add(
            "levels",
            level.key,
            {WEIGHTS: level.weights},
            fields=level.fields,
            facts={"noise_amplitude": level.noise_amplitude},
            provenance=provenance(Resources()),
        )

    def record(self, results: Results, profile: Profile, command: str) -> None:
        """Measure and record it; what turns out to be damaged on the way is set aside and made again."""
        for _ in range(MAX_REPAIRS):
            try:
                self._record(results, profile, command)
            except DamagedError as damaged:
                self.store.set_aside(damaged)
                self.progress.say(f"{damaged}; set aside, doing it again")
                self.fill_store()
            else:
                return
        raise UserError("the store damages what is written to it", where=str(self.store.root))

    def _record(self, results: Results, profile: Profile, command: str) -> None:
        measuring = Measuring(self.store, partial(provenance, Resources(self.device)))
        measured = measuring.output(self.run, self.image)
        baselines = measuring.baselines(self.image, self.run.factor)
        if measuring.niqe_model is None:
            self.say("NIQE is left out: its parameters can neither be downloaded nor found")
        if results.profile() is None:
            record_profile(results, profile)
        record_image(results, self.image, self.run.factor, baselines)
        minutes = read_minutes(self.trained.folder, len(self.levels), self.say)
        record_imported(results, self.run, self.trained.name, minutes, self.store, command, measured)
