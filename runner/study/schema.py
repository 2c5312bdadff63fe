"""The tables of experiments.toml as typed, validated values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
    UrlConstraints,
    model_validator,
)

from runner.quantities import Pixel, Side
from runner.study.claims import Claim
from runner.study.published import Published, Sha256
from runner.study.switches import AdversarialSwitch, ReconstructionSwitch, Stop, SuperResolve, Upsample
from runner.study.types import Id, Table, Text
from singan.errors import UserError
from singan.geometry import Size, sr_steps
from singan.settings import TrainingSettings
from singan.switches import LevelFeed

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]

_HTTPS = TypeAdapter(Annotated[HttpUrl, UrlConstraints(allowed_schemes=["https"])])


def _https(url: str) -> str:
    _HTTPS.validate_python(url)
    return url


Url = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_https)]


def _base(url: str) -> str:
    if not url.endswith("/"):
        raise ValueError("must end with a /: the paths of pictures are put behind it")
    return url


BaseUrl = Annotated[Url, AfterValidator(_base)]


class Dimensions(Table):
    """Size of a picture, pixels."""

    width: Side
    height: Side

    @property
    def size(self) -> Size:
        return Size(self.height, self.width)


class Crop(Dimensions):
    """A rectangle in a picture, pixels from its top left corner."""

    x: Pixel
    y: Pixel

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom, as Pillow wants it."""
        return self.x, self.y, self.x + self.width, self.y + self.height


class SourceFile(Table):
    """A picture to download: `size` is that of the file, before the crop."""

    file: FileName
    url: Url
    sha256: Sha256
    size: Dimensions
    crop: Crop | None = None

    @model_validator(mode="after")
    def _crop_is_inside(self) -> Self:
        if self.crop is not None:
            _, _, right, bottom = self.crop.box
            if right > self.size.width or bottom > self.size.height:
                raise ValueError(
                    f"crop ends at x={right} y={bottom}, outside the image of {self.size.size} pixels"
                )
        return self

    @property
    def box_in_file(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of what is used of the file, pixels."""
        return self.crop.box if self.crop is not None else (0, 0, self.size.width, self.size.height)

    @property
    def cropped_size(self) -> Size:
        """Size of the picture once cropped."""
        return (self.crop or self.size).size


class GroundTruth(SourceFile):
    """The picture a super-resolved image can be compared with, at `factor`."""

    factor: Annotated[int, Field(ge=2, le=16)]


class StandIn(Table):
    """A photograph inside scikit-image, used when an image cannot be had. Its crop is the ground truth; it is
    shrunk to the image's size.
    """

    photograph: Literal["astronaut", "chelsea", "coffee", "motorcycle", "rocket"]
    crop: Crop


class Image(SourceFile):
    """One picture of the study."""

    id: Id
    title: Text
    credit: Text | None = None
    ground_truth: GroundTruth | None = None
    stand_in: StandIn | None = None

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        width, height = self.cropped_size.width, self.cropped_size.height
        if self.ground_truth is not None:
            truth, factor = self.ground_truth.cropped_size, self.ground_truth.factor
            if (truth.width, truth.height) != (factor * width, factor * height):
                raise ValueError(
                    f"ground_truth is {truth} pixels, not {factor} times the image's {self.cropped_size}"
                )
        if self.stand_in is not None:
            crop = self.stand_in.crop
            if crop.width % width or crop.height != height * (crop.width // width):
                raise ValueError(f"stand_in.crop is no whole multiple of the image's {self.cropped_size}")
        return self


class Profile(Table):
    """How faithful a run is to the paper."""

    id: Id
    title: Text
    note: Text
    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    base_width: Annotated[int, Field(ge=1, le=512)] = 32

    @property
    def training(self) -> TrainingSettings:
        """Training settings of this profile."""
        return TrainingSettings(epochs=self.epochs, base_width=self.base_width)


class Group(Table):
    """A family of experiments with one idea."""

    id: Id
    title: Text
    idea: Text


class Experiment(Table):
    """One way to train, given by its differences from the original."""

    id: Id
    group: Id
    title: Text
    note: Text | None = None
    adversarial: AdversarialSwitch = AdversarialSwitch()
    reconstruction: ReconstructionSwitch = ReconstructionSwitch()
    upsample: Upsample = Upsample()
    stop: Stop = Stop()
    super_resolution: SuperResolve = SuperResolve()
    images: tuple[Id, ...] | None = None
    """Images of the study it runs on; all when absent."""
    conclusion: Text | None = None
    page: Url | None = None
    published: Mapping[Id, Published] = {}

    @model_validator(mode="after")
    def _switches_apply(self) -> Self:
        if self.stop.rule == "dont_train":
            lower, original = self.feed(last=False), LevelFeed()
            for name, value in vars(lower).items():
                if value != getattr(original, name):
                    switch, _, kind = name.partition("_")
                    key = f"upsample.{switch}" if kind else switch
                    raise ValueError(
                        f'{key}.lower = "{value}" cannot apply: with stop rule "dont_train" the lower levels '
                        f"stay untrained; set only {key}.last"
                    )
        if self.images is not None and len(set(self.images)) != len(self.images):
            raise ValueError("images names an image twice")
        if self.images == ():
            raise ValueError("images is empty; leave it out to run on all images")
        return self

    def feed(self, *, last: bool) -> LevelFeed:
        """Feed of the last level, or of the lower ones."""
        a, r, u = self.adversarial, self.reconstruction, self.upsample
        if last:
            feed = LevelFeed(a.last, r.last, u.adversarial.last, u.reconstruction.last)
        else:
            feed = LevelFeed(a.lower, r.lower, u.adversarial.lower, u.reconstruction.lower)
        if feed.adversarial == "mixed" and a.real_steps is not None:
            feed = replace(feed, real_steps=a.real_steps)
        return feed

    def feed_at(self, level: int, last: int) -> LevelFeed:
        """What `level` is effectively fed, in a pyramid whose last level is `last`."""
        feed = self.feed(last=level == last)
        if level < last:
            feed = replace(
                feed,
                adversarial_upsample=self.upsample.adversarial.lower_at(level),
                reconstruction_upsample=self.upsample.reconstruction.lower_at(level),
            )
        return feed.effective_at(level)

    @property
    def in_words(self) -> dict[str, str]:
        """Switches and stop rule in the file's own words, by name."""
        words = {
            "adversarial": self.adversarial.in_words,
            "reconstruction": self.reconstruction.in_words,
            "upsample.adversarial": self.upsample.adversarial.in_words,
            "upsample.reconstruction": self.upsample.reconstruction.in_words,
            "stop": self.stop.in_words,
        }
        if self.super_resolution.as_settings is not None:  # named only where it is not the default
            words["super_resolution"] = self.super_resolution.in_words
        return words


def _sr_factor(factor: float) -> float:
    try:
        sr_steps(factor)
    except UserError as error:
        raise ValueError(str(error)) from None
    return factor


Factor = Annotated[float, AfterValidator(_sr_factor)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Item = TypeVar("Item")


def _distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise ValueError("is empty; leave it out for the default")
    if len(set(items)) < len(items):
        raise ValueError("names one twice")
    return items


class About(Table):
    """The `[study]` table."""

    title: Text
    author: Text
    question: Text
    published: Url
    repository: Url
    published_pictures: BaseUrl | None = None
    """What the paths of published pictures are relative to: a fixed state of the author's site."""
    factors: Annotated[tuple[Factor, ...], AfterValidator(_distinct)] = (8.0,)
    """How much to enlarge; the first is shown first."""
    seeds: Annotated[tuple[Seed, ...], AfterValidator(_distinct)] = (0,)
    """Each run is repeated with every one of these; the first is shown first."""
    draws: Annotated[int, Field(ge=1, le=100)] = 1
    """How many pictures each run is super-resolved to, each with fresh noise; only the first is shown."""

    @property
    def factor(self) -> float:
        """The factor shown first."""
        return self.factors[0]

    @property
    def seed(self) -> int:
        """The seed shown first."""
        return self.seeds[0]


class Study(Table):
    """The whole file. Mappings keep the file's order."""

    study: About
    profile: Mapping[Id, Profile]
    image: Mapping[Id, Image]
    group: Mapping[Id, Group]
    experiment: Mapping[Id, Experiment]
    claim: Mapping[Id, Claim] = {}

    @property
    def original(self) -> Experiment:
        """The experiment every other is compared with."""
        return self.experiment["original"]

    def images_of(self, experiment: Experiment) -> tuple[Image, ...]:
        """Images an experiment runs on in the study."""
        return tuple(self.image[name] for name in experiment.images or self.image)
