"""Measure the pictures that the author published as our own are measured; only the figures are recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.files import check_writable
from runner.images.decode import read_picture
from runner.images.download import PUBLISHED_VARIABLE, fetch
from runner.images.load import LoadedImage, load_images
from runner.record.measure import Measuring
from runner.record.results import read_published, write_published
from runner.record.schema import PublishedPicture, PublishedRecord, factor_name
from runner.store.provenance import Provenance
from runner.store.store import Store
from runner.study.schema import Study
from singan.errors import UserError
from singan.geometry import Size, factor_text, sr_output_size


@dataclass(frozen=True)
class Source:
    """A published picture: what it shows, and where it can be had."""

    experiment: str
    image: str
    file: str
    """Path in the cache, which is laid out like the author's site."""
    url: str
    sha256: str


@dataclass(frozen=True)
class MeasuredPictures:
    """How many pictures the study names, how many could not be measured, and where figures are recorded."""

    named: int
    failed: int
    record: Path


def measure_published(
    study: Study,
    results_root: Path,
    store: Store,
    provenance: Callable[[], Provenance],
    tell: Callable[[str], None],
) -> MeasuredPictures:
    """Measure every published picture that the study names; `tell` is called for each.

    Where a picture cannot be had or is no enlargement of its image, earlier figures of the same picture stay.
    Raises `UserError` when the study names none, or nothing can be written.
    """
    sources = list(published_pictures(study))
    if not sources:
        raise UserError(
            "the study names no published pictures",
            right='name them as published.<image>.picture = "..." of an experiment',
        )
    check_writable(results_root)
    store.prepare()
    earlier = {(one.experiment, one.image): one for one in read_published(results_root).pictures}
    measuring, images = Measuring(store, provenance), _Images(study)
    measured, failed = [], 0
    for source in sources:
        try:
            found = _measure(source, images.load(source.image), study.study.factor, measuring)
        except UserError as error:
            failed += 1
            tell(f"{source.experiment} on {source.image}: {' '.join(str(error).split())}")
            before = earlier.get((source.experiment, source.image))
            measured += [before] if before is not None and before.sha256 == source.sha256 else []
        else:
            measured.append(found)
            tell(f"{source.experiment} on {source.image}: {_figures(found)}")
    if measuring.niqe_model is None:
        tell("NIQE is left out: its parameters can neither be downloaded nor found")
    record = write_published(results_root, PublishedRecord(pictures=tuple(measured)))
    return MeasuredPictures(len(sources), failed, record)


def published_pictures(study: Study) -> Iterator[Source]:
    """Every published picture that the study names, in its order."""
    for experiment in study.experiment.values():
        for image, published in experiment.published.items():
            if published.picture is not None:
                assert published.picture_sha256 is not None, "validated"
                assert study.study.published_pictures is not None, "validated"
                url = study.study.published_pictures + published.picture
                yield Source(experiment.id, image, published.picture, url, published.picture_sha256)


class _Images:
    """The study's images, each loaded once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._loaded: dict[str, LoadedImage] = {}

    def load(self, name: str) -> LoadedImage:
        """The image itself, never a stand-in; raises `UserError` when it cannot be had."""
        if name not in self._loaded:
            self._loaded |= load_images([self._study.image[name]])
        return self._loaded[name]


def _measure(source: Source, image: LoadedImage, factor: float, measuring: Measuring) -> PublishedPicture:
    path = fetch(source, PUBLISHED_VARIABLE)
    pixels = read_picture(path)
    size, right = Size(*pixels.shape[:2]), sr_output_size(image.size, factor)
    if size != right:
        raise UserError(
            f"is {size} pixels, not {right} as {image.id} enlarged x{factor_text(factor)} is", where=str(path)
        )
    return PublishedPicture(
        experiment=source.experiment,
        image=source.image,
        factor=factor_name(factor),
        url=source.url,
        sha256=source.sha256,
        pixels_sha256=image.digest,
        metrics=measuring.published(pixels, source.sha256, image, factor),
    )


def _figures(picture: PublishedPicture) -> str:
    """LR consistency and NIQE, as far as they are known."""
    consistency, niqe = picture.metrics.get("lr_psnr"), picture.metrics.get("niqe")
    parts = [] if consistency is None else [f"LR consistency {consistency:.2f} dB"]
    parts += [] if niqe is None else [f"NIQE {niqe:.2f}"]
    return ", ".join(parts) or "measured"
