"""The record of one profile and the study, joined and checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from runner.publish.data.check import Inspector
from runner.publish.data.model import (
    Cell,
    ExperimentData,
    GroupData,
    ImageData,
    Level,
    Run,
    SiteData,
    Slot,
    State,
)
from runner.publish.data.noise_floor import noise_floor
from runner.publish.data.profiles import profiles_in_order
from runner.publish.data.published import published_pictures
from runner.publish.data.timing import (
    NOTHING_TRAINED,
    Trained,
    compare,
    machine_of,
    processor_seconds,
    trained,
)
from runner.publish.data.windows import windows_of
from runner.publish.words import differences, machine_words
from runner.record.results import Results
from runner.record.schema import (
    ImageRecord,
    LevelRecord,
    ProfileRecord,
    RunRecord,
    factor_name,
)
from runner.store.provenance import Provenance
from runner.streams import harmless
from runner.study.published import Published
from runner.study.schema import Dimensions, Experiment, Image, Study
from singan.geometry import Size

_Runs = Mapping[tuple[str, str], tuple[RunRecord, ...]]


def gather(study: Study, results_root: Path, profile: str | None = None) -> SiteData:
    """Read the record of a profile (the most faithful one by default) and join it with the study.

    What is missing becomes a note and a visible gap; what the study no longer has is noted and left out.
    Raises `UserError` when there is nothing to show, or a record cannot be understood.
    """
    name, record = next(iter(profiles_in_order(results_root, profile).items()))
    return _Gathering(study, Results(results_root, name), record).site_data()


def gather_all(study: Study, results_root: Path, first: str | None = None) -> tuple[SiteData, ...]:
    """`gather` for every profile in the record: the one named `first`, then the others by faithfulness."""
    profiles = profiles_in_order(results_root, first)
    return tuple(
        _Gathering(study, Results(results_root, name), record).site_data()
        for name, record in profiles.items()
    )


class _Gathering:
    """The records of one profile while they are being joined."""

    def __init__(self, study: Study, results: Results, profile: ProfileRecord) -> None:
        self.study = study
        self.profile = profile
        self.folder = results.folder.name
        self.notes: list[str] = []
        self.inspector = Inspector(results, self.notes)
        self.image_records = {record.id: record for record in results.images()}
        self.level_records = {record.name: record for record in results.levels()}
        self.shown = _images_shown(study, self.image_records.values())
        self.runs = self._known_runs(results.runs())
        self.floor = noise_floor(self._times_of_equal_work())
        self.published_pictures = published_pictures(
            study, self.shown, self.image_records, results.folder.parent
        )
        self.users = self._users_of_levels()
        self._note_unknown_images()
        self.notes += [f"a copy by its name, left out: {name}" for name in results.copies()]

    def site_data(self) -> SiteData:
        images = tuple(self._image(image) for image in self.shown.values())
        experiments = [self._experiment(experiment, images) for experiment in self.study.experiment.values()]
        groups = tuple(
            GroupData(group, tuple(e for e in experiments if e.group.id == group.id))
            for group in self.study.group.values()
        )
        work = self._provenances(experiments)
        days = sorted({provenance.finished[:10] for provenance in work})
        return SiteData(
            study=self.study,
            profile=self.profile,
            folder=self.folder,
            images=images,
            groups=groups,
            machines=tuple(sorted({machine_words(provenance) for provenance in work})),
            finished=tuple(dict.fromkeys((days[0], days[-1]))) if days else (),
            faulty_pictures=self.inspector.faulty,
            notes=tuple(dict.fromkeys(map(harmless, self.notes))),  # (a terminal shows them too)
            noise_floor=self.floor,
            published_pictures=self.published_pictures,
            windows={
                image.image.id: windows_of(image, [e.cells[index].output for e in experiments])
                for index, image in enumerate(images)
            },
        )

    def _known_runs(self, records: Iterable[RunRecord]) -> _Runs:
        """Runs of the study's experiments and images: finished ones first, of these the one of its own factor
        and seed; imported runs last.
        """
        runs: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
        for record in records:
            if record.experiment not in self.study.experiment:
                self.notes.append(
                    f'experiment "{record.experiment}" is not in the study: its runs are left out'
                )
            elif record.image not in self.shown:
                self.notes.append(f'image "{record.image}" is not in the study: runs on it are left out')
            elif self._is_of_another_picture(record):
                self.notes.append(
                    f"{record.experiment} on {record.image}: trained on another picture, left out"
                )
            else:
                runs[record.experiment, record.image].append(record)
        return {where: tuple(sorted(found, key=self._preference)) for where, found in runs.items()}

    def _is_of_another_picture(self, record: RunRecord) -> bool:
        """Whether the image has been replaced since the run, e.g. by its stand-in."""
        image = self.image_records.get(record.image)
        return image is not None and image.pixels_sha256 != record.pixels_sha256

    def _preference(self, record: RunRecord) -> tuple[bool, bool, bool, int, str, int]:
        about = self.study.study
        own = record.factor == factor_name(about.factor) and record.seed == about.seed
        imported = record.imported_from is not None
        failed = record.status == "failed"
        return imported, failed, not own, len(record.factor), record.factor, record.seed

    def _note_unknown_images(self) -> None:
        for name in sorted(set(self.image_records) - set(self.shown)):
            self.notes.append(f'image "{name}" is not in the study: it is left out')

    def _image(self, image: Image) -> ImageData:
        record = self.image_records.get(image.id)
        factor = factor_name(self.study.study.factor)
        if record is None:
            gap = Slot(None, "not in this record yet")
            return ImageData(image, None, gap, gap, ())
        enlarged = record.enlarged.get(factor, {})
        slot = self.inspector.slot
        return ImageData(
            image,
            record,
            slot(enlarged.get("nearest"), f"no input enlarged {factor}", record.stand_in),
            slot(enlarged.get("bicubic"), f"no input enlarged {factor}", record.stand_in),
            tuple((by, slot(p, "", record.stand_in)) for by, p in sorted(record.ground_truth.items())),
        )

    def _experiment(self, experiment: Experiment, images: tuple[ImageData, ...]) -> ExperimentData:
        return ExperimentData(
            experiment,
            self.study.group[experiment.group],
            differences(experiment, self.profile.epochs),
            tuple(self._cell(experiment, image) for image in images),
        )

    def _cell(self, experiment: Experiment, image: ImageData) -> Cell:
        records = self.runs.get((experiment.id, image.image.id), ())
        runs = tuple(self._run(record, experiment, image) for record in records)
        if runs:
            return Cell(experiment, image, runs, runs[0].record.status, runs[0].output, runs[0].timing)
        planned = experiment.images is None or image.image.id in experiment.images
        state: State = "not run" if planned else "not in the study"
        published = self._published(experiment, image)
        timing = compare(NOTHING_TRAINED, self._original(image, None), *published, self.floor)
        return Cell(experiment, image, (), state, Slot(None, state), timing)

    def _run(self, record: RunRecord, experiment: Experiment, image: ImageData) -> Run:
        known = self._levels_of(record)
        missing = len(record.levels) - len(known)
        origin = "" if record.imported_from is None else ", imported"
        name = f"{record.experiment} on {record.image} ({record.factor}, seed {record.seed}{origin})"
        if missing:
            self.notes.append(f"{name}: {missing} of {len(record.levels)} levels have no record")
        warning = self._warning(record)
        if warning:
            self.notes.append(f"{name}: {warning}")
        levels = tuple(self._level(level, record, image.stand_in) for level in known)
        timing = compare(
            self._trained(record),
            NOTHING_TRAINED if warning else self._original(image, record),
            *self._published(experiment, image),
            self.floor,
        )
        return Run(record, levels, missing, self._output(record, name, image.stand_in), timing, warning)

    def _warning(self, record: RunRecord) -> str:
        """How a run differs from what the page says of it: study and profile may have changed since."""
        levels = self._levels_of(record)
        epochs = {level.epochs_planned for level in levels} - {self.profile.epochs}
        widths = {level.base_width for level in levels} - {self.profile.base_width}
        now = self.study.experiment[record.experiment].in_words
        changed = [key for key, value in now.items() if record.settings.get(key) != value]
        found = []
        if epochs:
            found.append(f"{_listed(epochs)} epochs a level, not the profile's {self.profile.epochs}")
        if widths:
            found.append(f"{_listed(widths)} channels, not the profile's {self.profile.base_width}")
        if changed:
            found.append(f"another setting of {', '.join(changed)} than the study has now")
        found += self._changed_crop(record.image)
        if not found:
            return ""
        said = "" if record.imported_from is None else "said to have been "
        return f"{said}trained with {'; '.join(found)}"

    def _changed_crop(self, name: str) -> list[str]:
        """What shows that an image was recorded in another crop than the study has now, if anything does."""
        record, image = self.image_records.get(name), self.shown[name]
        if record is None or record.is_own or record.stand_in is not None:
            return []
        size = Size(record.height, record.width)
        if size != image.cropped_size:
            return [f"a picture of {size} pixels, not the {image.cropped_size} that the study has now"]
        if record.crop not in {None, image.box_in_file}:
            return ["another crop of the picture than the study has now"]
        return []

    def _output(self, record: RunRecord, name: str, stand_in: str | None) -> Slot:
        if record.status == "failed":
            return Slot(None, f"failed: {record.reason or 'no reason was recorded'}")
        if record.output is None:
            self.notes.append(f"{name}: done, but without an output")
            return Slot(None, "no output was recorded")
        slot = self.inspector.slot(record.output.picture, "", stand_in)
        return replace(slot, is_imported=record.imported_from is not None)

    def _level(self, level: LevelRecord, run: RunRecord, stand_in: str | None) -> Level:
        others = tuple(name for name in self.users[level.key] if name != run.experiment)
        return Level(level, self.inspector.slot(level.snapshots.sheet, "", stand_in), others)

    def _levels_of(self, run: RunRecord) -> list[LevelRecord]:
        """Records of a run's levels, as far as they are there."""
        return [self.level_records[name] for name in run.levels if name in self.level_records]

    def _users_of_levels(self) -> Mapping[str, tuple[str, ...]]:
        """The experiments that use each level, by its key: trained once or several times, it is the same."""
        users: dict[str, set[str]] = defaultdict(set)
        for (experiment, _), records in self.runs.items():
            for level in (level for record in records for level in self._levels_of(record)):
                users[level.key].add(experiment)
        return {key: tuple(sorted(names)) for key, names in users.items()}

    def _trained(self, record: RunRecord) -> Trained:
        known = self._levels_of(record)
        return trained(known, complete=record.status == "done" and len(known) == len(record.levels))

    def _original(self, image: ImageData, run: RunRecord | None) -> Trained:
        """The original on the same image: with the run's seed and factor if there is one, else the first.

        One that was trained elsewhere is passed over, as its times are not known, and one that is not what
        study and profile say.
        """
        found = self.runs.get((self.study.original.id, image.image.id), ())
        originals = [o for o in found if o.imported_from is None and not self._warning(o)]
        same = [o for o in originals if run and (o.factor, o.seed) == (run.factor, run.seed)]
        shown = (same or originals)[:1]
        return self._trained(shown[0]) if shown else NOTHING_TRAINED

    def _published(
        self, experiment: Experiment, image: ImageData
    ) -> tuple[Published | None, Published | None]:
        """Published minutes of an experiment and of the original, from the study or from imported folders."""
        both = (experiment, self.study.original)
        mine, theirs = (self._published_of(each, image.image.id) for each in both)
        return mine, theirs

    def _published_of(self, experiment: Experiment, image: str) -> Published | None:
        told = experiment.published.get(image)
        if told is not None and told.total is not None and told.minutes_per_level is not None:
            return told
        for run in self.runs.get((experiment.id, image), ()):
            if run.published_minutes and all(run.published_minutes):
                by_level = run.published_minutes
                total = round(sum(by_level), 2) if told is None or told.total is None else told.total
                return Published(total=total, minutes_per_level=by_level)
        return told

    def _times_of_equal_work(self) -> Iterator[tuple[Hashable, float]]:
        """Times of levels in seconds, on a CPU processor time, each with what decides its work: size, width,
        epochs, machine, and how its adversarial input is made. The reconstruction input is made once a level,
        which takes no time worth mentioning.
        """
        seen = set()
        for (name, _), records in self.runs.items():
            experiment = self.study.experiment[name]
            for run in records:
                for level in self._levels_of(run):
                    if level.name in seen:
                        continue
                    seen.add(level.name)
                    feed = experiment.feed_at(level.level, len(run.levels) - 1)
                    size = (level.level, level.width, level.height, level.base_width, level.epochs_done)
                    work = (*size, machine_of(level), feed.adversarial, feed.adversarial_upsample)
                    yield work, processor_seconds(level) or level.seconds

    def _provenances(self, experiments: Iterable[ExperimentData]) -> list[Provenance]:
        runs = [run for experiment in experiments for cell in experiment.cells for run in cell.runs]
        levels = [level.record.provenance for run in runs for level in run.levels]
        return levels + [run.record.output.provenance for run in runs if run.record.output]


def _images_shown(study: Study, records: Iterable[ImageRecord]) -> Mapping[str, Image]:
    """The study's images and the user's own; the study's are left out where only own ones were used."""
    own = {
        record.id: Image.model_construct(
            id=record.id,
            title=record.title,
            file="",  # an own picture has no address, and none is needed to show it
            url="",
            sha256="",
            size=Dimensions(width=record.width, height=record.height),
        )
        for record in records
        if record.is_own
    }
    of_the_study = any(not record.is_own for record in records)
    return {**(study.image if of_the_study or not own else {}), **own}


def _listed(numbers: Iterable[int]) -> str:
    return " and ".join(map(str, sorted(numbers)))
