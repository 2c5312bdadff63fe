"""Synthetic but realistic results of a study: levels, losses, sheets and pictures, without any training."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from runner.record.results import Results, run_name, write_published
from runner.record.schema import (
    ImageRecord,
    LevelRecord,
    Output,
    Picture,
    ProfileRecord,
    PublishedPicture,
    PublishedRecord,
    RunRecord,
    Snapshots,
    factor_name,
)
from runner.store.provenance import Provenance
from runner.study.load import load_study
from runner.study.schema import Experiment, Profile, Study
from runner.study.schema import Image as StudyImage
from singan.geometry import PyramidGeometry, Size, pyramid_geometry
from singan.settings import TrainingSettings

Pixels = npt.NDArray[np.uint8]

MACHINE = Provenance(
    finished="2024-05-06T07:08:09Z",
    machine="test bench",
    device="cpu",
    threads=2,
    singan="0.1.0",
    commit="0123456789abcdef",
    torch="2.13.0",
    python="3.11.9",
)

_LOSSES = ("d_real", "d_fake", "gradient_penalty", "g_adversarial", "reconstruction")


@dataclass(frozen=True)
class Synthetic:
    """What to make: by default every run the study names, all done, with small pictures."""

    profile: str = "smoke"
    everywhere: bool = False
    """Every experiment on every image, also where the study does not ask for it."""
    failed: Collection[tuple[str, str]] = ()
    """Runs (experiment, image) that failed."""
    reason: str = "out of memory"
    left_out: Collection[tuple[str, str]] = ()
    """Runs that were not run."""
    imported: Collection[tuple[str, str]] = ()
    """Runs that were trained elsewhere, beside or instead of those trained here."""
    imported_from: str = "trained"
    stand_ins: Collection[str] = ()
    """Images a photograph stood in for."""
    seeds: tuple[int, ...] = (0,)
    full_size: bool = False
    """Outputs at the study's factor, not at 2: slow to encode."""
    command: str = "singan run"


def write_results(root: Path, study: Study, what: Synthetic | None = None) -> Results:
    """Write a results folder for `study` and return it."""
    what = what or Synthetic()
    profile = study.profile[what.profile]
    results = Results(root, profile.id)
    results.write("profile", ProfileRecord(**profile.model_dump()))
    for image in study.image.values():
        _write_image(results, study, image, what)
        for experiment in study.experiment.values():
            planned = what.everywhere or experiment.images is None or image.id in experiment.images
            if planned and (experiment.id, image.id) not in what.left_out:
                for seed in what.seeds:
                    _write_run(results, study, experiment, image, seed, what)
            if (experiment.id, image.id) in what.imported:
                _write_imported(results, study, experiment, image, what)
    return results


def write_published_figures(
    root: Path, study: Study, results: Results, *, pixels: str | None = None, factor: str = "x8"
) -> None:
    """Figures of every published picture; LR consistency 10, 11, 12, ... dB, in the study's order.

    `pixels` is the digest of the picture they were measured against, if not the record's own.
    """
    digests = {image.id: image.pixels_sha256 for image in results.images()}
    runs = [(e.id, i) for e in study.experiment.values() for i in e.published if i in digests]
    pictures = tuple(
        PublishedPicture(
            experiment=experiment,
            image=image,
            factor=factor,
            url="https://example.org/a.png",
            sha256="0" * 64,
            pixels_sha256=pixels or digests[image],
            metrics={"lr_psnr": 10.0 + index, "niqe": 4.0, "blur": 0.4},
        )
        for index, (experiment, image) in enumerate(runs)
    )
    write_published(root, PublishedRecord(pictures=pictures))


def _write_image(results: Results, study: Study, image: StudyImage, what: Synthetic) -> None:
    name = factor_name(study.study.factor)
    size = _output_size(study, image, what)
    small = picture(image.cropped_size, image.id)
    enlarged: dict[str, Picture] = {}
    for kind, how in (("nearest", Image.Resampling.NEAREST), ("bicubic", Image.Resampling.BICUBIC)):
        pixels = np.asarray(Image.fromarray(small).resize((size.width, size.height), how))
        enlarged[kind] = _publish(results, f"images/{image.id}-{name}-{kind}.webp", pixels)
    stood_in = image.id in what.stand_ins
    truth = {}
    if stood_in:
        truth["x4"] = _publish(results, f"images/{image.id}-truth-x4.webp", picture(size, image.id))
    record = ImageRecord(
        id=image.id,
        title=image.title,
        credit=image.credit,
        width=image.cropped_size.width,
        height=image.cropped_size.height,
        pixels_sha256=_pixels_sha256(image),
        stand_in='the photograph "astronaut" of scikit-image' if stood_in else None,
        enlarged={name: {"nearest": enlarged["nearest"], "bicubic": enlarged["bicubic"]}},
        baselines={name: {kind: _metrics(kind) for kind in ("nearest", "bicubic", "lanczos")}},
        ground_truth=truth,
    )
    results.write(f"images/{image.id}", record)


def _pixels_sha256(image: StudyImage) -> str:
    return hashlib.sha256(image.id.encode()).hexdigest()


def _metrics(name: str) -> dict[str, float | None]:
    """Plausible figures without a ground truth."""
    return {
        "lr_psnr": round(25 + 10 * _unit(name), 4),
        "lr_delta_e": 3.25,
        "niqe": 5.5,
        "blur": 0.5,
        "psnr": None,
        "ssim": None,
    }


def _write_run(
    results: Results, study: Study, experiment: Experiment, image: StudyImage, seed: int, what: Synthetic
) -> None:
    geometry = pyramid_geometry(image.cropped_size, study.study.factor)
    profile = study.profile[what.profile]
    failed = (experiment.id, image.id) in what.failed
    finished = range(2) if failed else range(geometry.last + 1)
    keys = tuple(
        _write_level(results, experiment, image, geometry, level, seed, profile) for level in finished
    )
    name = run_name(experiment.id, image.id, study.study.factor, seed)
    output = None
    if not failed:
        pixels = picture(_output_size(study, image, what), image.id, experiment.id, str(seed))
        sheet = _publish(results, f"{name}.webp", pixels)
        output = Output(picture=sheet, seconds=1.25, metrics=_metrics(name), provenance=MACHINE)
    record = RunRecord(
        experiment=experiment.id,
        image=image.id,
        seed=seed,
        factor=factor_name(study.study.factor),
        status="failed" if failed else "done",
        reason=what.reason if failed else None,
        pixels_sha256=_pixels_sha256(image),
        settings=experiment.in_words,
        levels=keys,
        output=output,
        command=what.command,
    )
    results.write(name, record)


def _write_imported(
    results: Results, study: Study, experiment: Experiment, image: StudyImage, what: Synthetic
) -> None:
    name = f"{run_name(experiment.id, image.id, study.study.factor, 0)}-imported-0123abcd"
    sheet = _publish(
        results, f"{name}.webp", picture(_output_size(study, image, what), image.id, "elsewhere")
    )
    record = RunRecord(
        experiment=experiment.id,
        image=image.id,
        seed=0,
        factor=factor_name(study.study.factor),
        status="done",
        pixels_sha256=_pixels_sha256(image),
        settings=experiment.in_words,
        levels=(),
        output=Output(picture=sheet, seconds=1.25, metrics=_metrics(name), provenance=MACHINE),
        imported_from=what.imported_from,
        command="singan import-official FOLDER",
    )
    results.write(name, record)


def _write_level(
    results: Results,
    experiment: Experiment,
    image: StudyImage,
    geometry: PyramidGeometry,
    level: int,
    seed: int,
    profile: Profile,
) -> str:
    """Record a level, and return its key; experiments that feed it alike share it."""
    last = level == geometry.last
    lower, own = experiment.feed(last=False), experiment.feed_at(level, geometry.last)
    decides = (image.id, seed, level, own, lower if level > 1 else None, experiment.stop, profile.id)
    key = _digest(repr(decides))[:24]
    if (results.folder / f"levels/{key}.json").exists():
        return key
    size, done = geometry.sizes[level], _epochs_done(experiment, level, profile.epochs, last=last)
    settings = TrainingSettings(epochs=profile.epochs)
    snapshots = [e for e in range(done) if settings.is_snapshot_epoch(e) or e == done - 1]
    loss_epochs = sorted({round(i * (done - 1) / 199) for i in range(200)})
    sheet = _publish(results, f"levels/{key}.webp", _sheet(size, len(snapshots), key))
    record = LevelRecord(
        key=key,
        level=level,
        width=size.width,
        height=size.height,
        base_width=profile.base_width,
        epochs_planned=profile.epochs,
        epochs_done=done,
        stopped_early=done < profile.epochs,
        seconds=done * (0.06 + size.width * size.height * 3e-5) * (1 + _unit(key) / 10),
        noise_amplitude=0.1 * _unit(key),
        loss_epochs=tuple(loss_epochs),
        losses={name: _losses(name, loss_epochs, key) for name in _LOSSES},
        snapshots=Snapshots(sheet=sheet, epochs=tuple(snapshots), width=size.width, height=size.height),
        provenance=MACHINE,
    )
    results.write(f"levels/{key}", record)
    return key


def _epochs_done(experiment: Experiment, level: int, epochs: int, *, last: bool) -> int:
    if last or experiment.stop.rule == "none" or level == 0:
        return min(2, epochs) if experiment.stop.rule == "dont_train" and not last else epochs
    return min(2, epochs) if experiment.stop.rule == "dont_train" else max(1, epochs // 5)


def _losses(name: str, epochs: list[int], key: str) -> tuple[float, ...]:
    start, wobble = (20.0, 0.2) if name == "reconstruction" else (1.0, 0.6)
    sign = -1 if name in {"d_fake", "g_adversarial"} else 1
    phase = _unit(key + name) * 9
    return tuple(
        float(f"{sign * start / (1 + epoch) ** 0.6 * (1 + wobble * math.sin(phase + epoch)):.5g}")
        for epoch in epochs
    )


def picture(size: Size, *seeds: str) -> Pixels:
    """A smooth picture, `[H, W, 3]`; the first seed decides its shapes, the rest vary it a little."""
    y, x = np.mgrid[0 : size.height, 0 : size.width] / max(size)
    shape, change = _unit(seeds[0]), _unit("/".join(seeds))
    waves = [
        np.sin((5 + 9 * shape + c) * x + c * 2 + change) * np.cos((4 + 7 * shape) * y - c) for c in range(3)
    ]
    detail = 0.15 * np.sin(60 * (x * (1 + change) + y))
    pixels = np.stack(waves, axis=-1) * 0.4 + 0.5 + detail[..., None]
    return np.asarray(np.clip(pixels, 0, 1) * 255, dtype=np.uint8)


def _sheet(size: Size, columns: int, key: str) -> Pixels:
    rows = [
        np.concatenate([picture(size, key, kind, str(column)) for column in range(columns)], axis=1)
        for kind in ("rec", "fake")
    ]
    return np.concatenate(rows, axis=0)


def _output_size(study: Study, image: StudyImage, what: Synthetic) -> Size:
    factor = study.study.factor if what.full_size else 2
    height, width = image.cropped_size
    return Size(int(height * factor), int(width * factor))


def _publish(results: Results, file: str, pixels: Pixels) -> Picture:
    path = results.folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=0, method=0)
    path.write_bytes(buffer.getvalue())
    return Picture(file=file, width=pixels.shape[1], height=pixels.shape[0])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unit(text: str) -> float:
    """A number in [0, 1) made of text."""
    return int(_digest(text)[:8], 16) / 2**32


def full_study() -> Study:
    """The study of this repository."""
    return load_study(Path(__file__).parents[2] / "experiments.toml")


def small_study(
    experiments: Sequence[str] = ("original", "early-stop", "real-a", "real-b"),
    images: Sequence[str] = ("stone-face", "colosseum"),
) -> Study:
    """A part of the study of this repository, for tests that need not see all of it."""
    study = full_study()
    claims = {
        name: claim for name, claim in study.claim.items() if set(claim.experiments) <= set(experiments)
    }
    return study.model_copy(
        update={
            "experiment": {name: study.experiment[name] for name in experiments},
            "image": {name: study.image[name] for name in images},
            "claim": claims,
        }
    )
