"""The switches of an experiment as they stand in the study file: values, and what may be said with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from runner.study.types import Table
from singan.settings import PUBLISHED_EPOCHS, Regional, TrainingSettings
from singan.stopping import StopName, StopRule
from singan.switches import AdversarialMode, ReconstructionMode, UpsampleType


def _one_or_two(default: str) -> Callable[[object], object]:
    """Accepts `"sr"` for all levels, or a table with `lower` and `last`, each defaulting to the original."""

    def expand(value: object) -> object:
        if isinstance(value, str):
            return {"lower": value, "last": value}
        if not isinstance(value, Mapping):
            raise ValueError("must be a value in quotes, or a table with lower and last")
        return {"lower": default, "last": default, **value}

    return expand


def _both(lower: str, last: str) -> str:
    return lower if lower == last else f"lower {lower}, last {last}"


class AdversarialSwitch(Table):
    """What enters as adversarial input: in the lower levels (0..N-1), and in the last (N)."""

    lower: AdversarialMode = "rand"
    last: AdversarialMode = "rand"
    real_steps: Annotated[int, Field(ge=1)] | None = None
    """For `mixed`: how many D steps of an epoch are fed the real image; 1 when absent."""
    _expand = model_validator(mode="before")(_one_or_two("rand"))

    @model_validator(mode="after")
    def _real_steps_apply(self) -> Self:
        if self.real_steps is not None:
            if "mixed" not in (self.lower, self.last):
                raise ValueError('"real_steps" cannot apply: neither lower nor last is "mixed"')
            steps = TrainingSettings.discriminator_steps
            if self.real_steps >= steps:
                raise ValueError(
                    f'"real_steps" is {self.real_steps} of {steps} D steps of an epoch, which leaves none '
                    f'to be generated; give at most {steps - 1}, or use "real_train"'
                )
        return self

    @property
    def in_words(self) -> str:
        """In the file's own words."""
        steps = "" if self.real_steps is None else f", {self.real_steps} real steps"
        return f"{_both(self.lower, self.last)}{steps}"


class ReconstructionSwitch(Table):
    """What enters as reconstruction input: in the lower levels, and in the last."""

    lower: ReconstructionMode = "rec"
    last: ReconstructionMode = "rec"
    _expand = model_validator(mode="before")(_one_or_two("rec"))

    @property
    def in_words(self) -> str:
        """In the file's own words."""
        return _both(self.lower, self.last)


class UpsampleSwitch(Table):
    """How an input gets to the level's size: in the lower levels, and in the last."""

    lower: UpsampleType = "regular"
    last: UpsampleType = "regular"
    start: Annotated[int, Field(ge=2, le=99)] | None = Field(default=None, alias="from")
    """First of the lower levels that `lower` holds for; those below it are upsampled as in the original."""
    _expand = model_validator(mode="before")(_one_or_two("regular"))

    @model_validator(mode="after")
    def _start_applies(self) -> Self:
        if self.start is not None and self.lower == "regular":
            raise ValueError('"from" cannot apply: lower is "regular" at every level')
        return self

    def lower_at(self, level: int) -> UpsampleType:
        """The upsample type of one of the lower levels."""
        return "regular" if self.start is not None and level < self.start else self.lower

    @property
    def in_words(self) -> str:
        """In the file's own words."""
        start = "" if self.start is None else f" from level {self.start}"
        return _both(f"{self.lower}{start}", self.last)


class Upsample(Table):
    """The upsample types of the two inputs."""

    adversarial: UpsampleSwitch = UpsampleSwitch()
    reconstruction: UpsampleSwitch = UpsampleSwitch()


_PLATEAU = {"after": 199, "window": 100, "gain": 0.02}
_SETTINGS: dict[str, dict[str, float | None]] = {
    "small_rec_loss": {"after": None, "below": None},
    "plateau": {**_PLATEAU},
    "plateau_anneal": {**_PLATEAU, "anneal": 0.1},
}
"""The settings of each rule, with their defaults; None marks those that have to be given."""

Epochs = Annotated[int, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Stop(Table):
    """When levels stop. Each rule has its own settings (`_SETTINGS`). Epochs are written for 2000 in all."""

    rule: StopName = "none"
    after: Epochs | None = None
    """A level stops only once more than this many epochs are done."""
    below: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    """Reconstruction loss (100 * MSE) below which a level stops."""
    window: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of epochs over which the median of the losses is taken."""
    gain: Share | None = None
    """It is a plateau where the median falls by less than this share from one window to the next."""
    anneal: Share | None = None
    """Share of all epochs that is trained at the dropped rate after a plateau."""

    @model_validator(mode="after")
    def _settings_apply(self) -> Self:
        own = _SETTINGS.get(self.rule, {})
        for name in ("after", "below", "window", "gain", "anneal"):
            if name not in own and getattr(self, name) is not None:
                having = [rule for rule, settings in _SETTINGS.items() if name in settings]
                has = f"only {having[0]} has" if len(having) == 1 else f"{' and '.join(having)} have"
                raise ValueError(f'"{name}" cannot apply: rule "{self.rule}" has no such setting ({has})')
        if any(default is None and getattr(self, name) is None for name, default in own.items()):
            raise ValueError('rule "small_rec_loss" needs both "after" (epochs) and "below" (loss)')
        return self

    def _setting(self, name: str) -> float:
        given = getattr(self, name)
        return given if given is not None else _SETTINGS.get(self.rule, {}).get(name) or 0

    @property
    def as_rule(self) -> StopRule:
        """The rule as training knows it, not yet scaled to a profile."""
        return StopRule(
            self.rule,
            int(self._setting("after")),
            float(self._setting("below")),
            int(self._setting("window")),
            float(self._setting("gain")),
            round(self._setting("anneal") * PUBLISHED_EPOCHS),
        )

    @property
    def in_words(self) -> str:
        """In the file's own words."""
        return " ".join(
            [self.rule, *(f"{name} {self._setting(name):g}" for name in _SETTINGS.get(self.rule, {}))]
        )


class SuperResolve(Table):
    """Whose generators enlarge the picture; `levels` and `temperature` belong to `regional`."""

    generators: Literal["last", "regional"] = "last"
    levels: Annotated[int, Field(ge=2, le=99)] | None = None
    """How many levels take part, counted down from the last."""
    temperature: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    """How much larger a generator's error may be before its weight is e times smaller (`Regional`)."""

    @model_validator(mode="after")
    def _settings_apply(self) -> Self:
        if self.generators == "last":
            for name in ("levels", "temperature"):
                if getattr(self, name) is not None:
                    raise ValueError(f'"{name}" cannot apply: generators is "last" (only regional has it)')
        return self

    @property
    def as_settings(self) -> Regional | None:
        """How generators are mixed; None where it is the last level's alone."""
        if self.generators == "last":
            return None
        return Regional(
            Regional.levels if self.levels is None else self.levels,
            Regional.temperature if self.temperature is None else self.temperature,
        )

    @property
    def in_words(self) -> str:
        """In the file's own words."""
        regional = self.as_settings
        if regional is None:
            return self.generators
        return f"{self.generators} levels {regional.levels} temperature {regional.temperature:g}"
