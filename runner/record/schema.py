"""The public record: what is said of a profile, an image, a level, a run and a published picture.

A record holds no clock but the ones of the work it records, so writing it again changes nothing. Neither this
module nor `results`, which keeps the records as files, imports torch: the site is rendered from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from runner.quantities import Count, LevelIndex, Minutes, Positive, Seconds, Side
from runner.store.provenance import Provenance
from singan.geometry import factor_text

RECORD_VERSION = 1
"""Increased when a field changes its meaning; a reader refuses what it does not know."""


class Record(BaseModel):
    """Part of the record: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$", max_length=64)]
"""An id that becomes a file name of a page: nothing in it leads to another folder."""

LevelName = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]+(?:-[0-9a-f]{8})?$", max_length=80)]
"""A level's key, and for a further training of it what tells that apart: `level_name` joins them."""

Metrics = Mapping[str, float | None]
"""Measured values by the names of `evaluate.DEFINITIONS`; None is what could not be measured."""


class Picture(Record):
    """A picture file, named relative to the profile's folder; sides in pixels."""

    file: str
    width: Side
    height: Side


class ProfileRecord(Record):
    """The profile's settings at the time of the runs."""

    version: Literal[1] = 1
    id: str
    title: str
    note: str
    epochs: Positive
    base_width: Positive


class ImageRecord(Record):
    """An image as it was trained on. The source picture itself is not published, only enlarged inputs."""

    version: Literal[1] = 1
    id: Name
    title: str
    credit: str | None
    width: Side
    height: Side
    pixels_sha256: str
    stand_in: str | None
    """What stood in for the study's image when that could not be had; such a run says nothing about it."""
    is_own: bool = False
    """Whether it is the user's own picture, not one of the study."""
    crop: tuple[Count, Count, Count, Count] | None = None
    """Left, top, right, bottom of the image in the study's file, pixels, where that is known."""
    enlarged: Mapping[str, Mapping[Literal["nearest", "bicubic"], Picture]]
    """Enlarged inputs by factor, named as in file names (`x8`), and filter."""
    baselines: Mapping[str, Mapping[str, Metrics]] = {}
    """Metrics of plain enlargements, by factor and filter."""
    ground_truth: Mapping[str, Picture] = {}
    """Ground truth by factor, only where it may be published: that of stand-ins."""


class Snapshots(Record):
    """One sheet of pictures, each `width` x `height`: a column an epoch, G(z*) above, the fake below."""

    sheet: Picture
    epochs: tuple[Count, ...]
    width: Side
    height: Side

    @model_validator(mode="after")
    def _sheet_fits(self) -> Self:
        if (self.sheet.width, self.sheet.height) != (len(self.epochs) * self.width, 2 * self.height):
            raise ValueError("the sheet is not of the size of its pictures")
        return self


class LevelRecord(Record):
    """A trained level, or a thinned view of it: `losses` has at most 200 epochs, `loss_epochs` says which."""

    version: Literal[1] = 1
    key: str
    training: str | None = None
    """Tells a further training of the key, on another machine, say, from the one recorded first; None: first.
    They compute the same but for rounding, and differ in time."""
    level: LevelIndex
    width: Side
    height: Side
    base_width: Positive
    epochs_planned: Positive
    epochs_done: Count
    stopped_early: bool
    seconds: Seconds
    """Wall time."""
    processor_seconds: Seconds | None = None
    """Processor time of all threads of the process; records before version 0.2 lack it."""
    noise_amplitude: float
    loss_epochs: tuple[Count, ...]
    losses: Mapping[str, tuple[float, ...]]
    snapshots: Snapshots
    provenance: Provenance

    @model_serializer(mode="wrap")
    def _leave_out_no_training(self, serialise: SerializerFunctionWrapHandler) -> dict[str, object]:
        values: dict[str, object] = serialise(self)
        return {name: value for name, value in values.items() if name != "training" or value is not None}

    @property
    def name(self) -> str:
        """What runs call it, and what its files are named after."""
        return level_name(self.key, self.training)


class Draw(Record):
    """A picture of the same weights with other noise: measured, not shown."""

    draw: int
    metrics: Metrics
    psnr: float
    """PSNR between it and the picture shown, dB."""


class Output(Record):
    """A super-resolved picture."""

    picture: Picture
    seconds: Seconds
    metrics: Metrics
    draws: tuple[Draw, ...] = ()
    provenance: Provenance


class RunRecord(Record):
    """One experiment on one image with one seed and factor."""

    version: Literal[1] = 1
    experiment: str
    image: str
    seed: int
    factor: str
    """The factor as in file names: `x8`."""
    status: Literal["done", "failed"]
    reason: str | None = None
    """Why it failed."""
    pixels_sha256: str
    """Digest of the picture it was trained on: an image may since have been replaced, by a stand-in, say."""
    settings: Mapping[str, str]
    """Switches and stop rule it was run with, in words of the study file."""
    levels: tuple[LevelName, ...]
    """Names of its levels' records, coarsest first; for a failed run those that were finished."""
    output: Output | None = None
    published_minutes: tuple[Minutes, ...] | None = None
    """Training time of each level as the folder's own file tells it, minutes; imported runs may have them."""
    imported_from: str | None = None
    """Name of the folder it was imported from: it was trained elsewhere, and nothing is known of its levels.
    Experiment, settings and profile are then the importer's word; the seed is that of the super-resolution's
    noise."""
    command: str
    """The command that reproduces it."""

    @property
    def level_keys(self) -> tuple[str, ...]:
        """Keys of its levels, coarsest first, whichever of their trainings it stands on."""
        return tuple(name.partition("-")[0] for name in self.levels)


class PublishedPicture(Record):
    """What was measured on a picture that the author published; the picture itself is not kept."""

    experiment: Name
    image: Name
    factor: str
    url: str
    sha256: str
    pixels_sha256: str
    """Digest of the study's picture that it was measured against."""
    metrics: Metrics


class PublishedRecord(Record):
    """All published pictures that were measured, in the study's order."""

    version: Literal[1] = 1
    pictures: tuple[PublishedPicture, ...]


def level_name(key: str, training: str | None = None) -> str:
    """Name of a level's record: its key, and for a further training of that key with what tells it apart."""
    return key if training is None else f"{key}-{training}"


def factor_name(factor: float) -> str:
    """`x8`, `x1.5`: a factor as file names and records have it."""
    return f"x{factor_text(factor)}"
