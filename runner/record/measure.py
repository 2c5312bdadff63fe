"""Measure finished pictures once: the store keeps what `evaluate` found under a key of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from runner.images.decode import Pixels
from runner.images.download import NotAvailableError, fetch
from runner.images.load import LoadedImage
from runner.metrics.evaluate import baseline_outputs, evaluate, psnr
from runner.metrics.niqe import NIQE_PARAMETERS, NiqeModel, load_model
from runner.planning.plan import Run, SuperResolution, digest
from runner.record.schema import Draw
from runner.store.artifacts import stored_picture
from runner.store.provenance import Provenance
from runner.store.store import DamagedError, Store

METRICS_VERSION = 1
"""Increased when a measure changes its meaning, so that pictures are measured again."""

METRICS = "metrics.json"

Values = Mapping[str, float | None]
"""Measured values by the names of `evaluate.DEFINITIONS`; None is what could not be measured."""


class Measured(NamedTuple):
    """Metrics of the picture shown, and of the pictures with other noise."""

    metrics: Values
    draws: tuple[Draw, ...]


class Measuring:
    """Measures the pictures of some runs; `provenance` tells where that is done."""

    def __init__(self, store: Store, provenance: Callable[[], Provenance]) -> None:
        self._store, self._provenance = store, provenance

    @cached_property
    def niqe_model(self) -> NiqeModel | None:
        """The model of natural pictures that NIQE needs; None when it cannot be downloaded."""
        try:
            return load_model(fetch(NIQE_PARAMETERS))
        except NotAvailableError:
            return None

    def output(self, run: Run, image: LoadedImage) -> Measured:
        """Metrics of a run's super-resolved picture, and of those with other noise."""
        shown, *others = (self.measure(task, image) for task in run.draws)
        return Measured(
            shown,
            tuple(
                Draw(draw=task.draw, metrics=metrics, psnr=self._psnr(run.output, task))
                for task, metrics in zip(run.draws[1:], others, strict=True)
            ),
        )

    def measure(self, task: SuperResolution, image: LoadedImage) -> Values:
        """Metrics of one super-resolved picture."""
        return self._kept(_of_output(task), image, task.factor, lambda: self._pixels(task))

    def keep(self, task: SuperResolution, image: LoadedImage, values: Values, provenance: Provenance) -> None:
        """Keep what another process measured with `niqe_model`, so that `measure` need not do it."""
        self._add(self._fields(_of_output(task), image, task.factor), values, provenance)

    def published(self, picture: Pixels, sha256: str, image: LoadedImage, factor: float) -> Values:
        """Metrics of a picture that others published; `sha256` is that of its file."""
        return self._kept({"published": sha256, "image": image.digest}, image, factor, lambda: picture)

    def _pixels(self, task: SuperResolution) -> Pixels:
        return np.asarray(stored_picture(self._store, task.key))

    def _psnr(self, shown: SuperResolution, other: SuperResolution) -> float:
        """How alike two pictures of equal weights are, dB."""
        return float(f"{psnr(self._pixels(shown), self._pixels(other)):.6g}")

    def baselines(self, image: LoadedImage, factor: float) -> dict[str, Values]:
        """Metrics of plain enlargements, by filter."""
        pictures = baseline_outputs(image.pixels, factor)
        return {
            name: self._kept(
                {"filter": name, "image": image.digest}, image, factor, partial(pictures.__getitem__, name)
            )
            for name in pictures
        }

    def _kept(
        self, what: Mapping[str, str], image: LoadedImage, factor: float, picture: Callable[[], Pixels]
    ) -> Values:
        fields = self._fields(what, image, factor)
        kept = self._read(digest(fields))
        if kept is None:
            kept = measured_values(picture(), image, factor, self.niqe_model)
            self._add(fields, kept, self._provenance())
        return kept

    def _fields(self, what: Mapping[str, str], image: LoadedImage, factor: float) -> dict[str, object]:
        truth = _truth(image, factor)
        return {
            "version": METRICS_VERSION,
            "factor": factor,
            "niqe": self.niqe_model is not None,
            "truth": None if truth is None else hashlib.sha256(truth.tobytes()).hexdigest(),
            **what,
        }

    def _add(self, fields: Mapping[str, object], values: Values, provenance: Provenance) -> None:
        file = json.dumps(values).encode()
        self._store.add(
            "metrics", digest(fields), {METRICS: file}, fields=fields, facts={}, provenance=provenance
        )

    def _read(self, key: str) -> Values | None:
        entry = self._store.find("metrics", key)
        if entry is None:
            return None
        try:
            values: Values = json.loads(entry.read(METRICS))
        except DamagedError as damaged:
            self._store.set_aside(damaged)
            return None
        return values


def measured_values(
    picture: Pixels, image: LoadedImage, factor: float, niqe_model: NiqeModel | None
) -> Values:
    """All metrics of a picture `[factor * H, factor * W, 3]` made of an image, to six significant digits."""
    metrics = evaluate(
        picture, image.pixels, factor, ground_truth=_truth(image, factor), niqe_model=niqe_model
    )
    return {name: None if value is None else float(f"{value:.6g}") for name, value in asdict(metrics).items()}


def _truth(image: LoadedImage, factor: float) -> Pixels | None:
    """What the enlarged image should look like, where that is known."""
    return image.ground_truth.get(int(factor)) if factor == int(factor) else None


def _of_output(task: SuperResolution) -> dict[str, str]:
    """Fields that tell a super-resolved picture from everything else that is measured."""
    return {"output": task.key, "top": task.last_level_key}
