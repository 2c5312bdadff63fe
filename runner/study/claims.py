"""What the author concluded, as tables of the study file: claims, each with checks a record can answer.

    [claim.stop-rule]
    title = "Stopping early saves time and keeps results good"
    text = "With the stop rule, training time falls to 45-81 %; results stay good."
    unchecked = ["Some results look more natural: a matter of taste."]

    [claim.stop-rule.check.time]
    says = "Training time falls to 45-81 %"
    kind = "time"
    experiment = "early-stop"
    at_least = 0.45
    at_most = 0.81

`publish.findings` answers them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from runner.study.types import Id, Table, Text

_LEVELS = re.compile(r"(?P<first>\d{1,3}|N)(?P<on>\.\.(?P<last>N|N-1|\d{1,3})?)?")


def _check_levels(text: str) -> str:
    if not _LEVELS.fullmatch(text):
        raise ValueError('must name levels, as "0", "1..3", "2..N-1", "2.." or "N"')
    return text


Levels = Annotated[str, StringConstraints(max_length=10), AfterValidator(_check_levels)]
"""Levels of a pyramid, N the last: `"0"`, `"1..3"`, `"2..N-1"`, `"2.."` (to the last), `"N"`."""


def chosen_levels(levels: Levels, last: int) -> range:
    """Indices of these levels in a pyramid whose last level is `last`; empty where it has none of them."""
    found = _LEVELS.fullmatch(levels)
    assert found is not None, "validated"
    index = {"N": last, "N-1": last - 1}

    def of(name: str) -> int:
        return index[name] if name in index else int(name)

    first = of(found["first"])
    end = of(found["last"] or "N") if found["on"] else first
    return range(first, min(end, last) + 1)


Bound = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class _Check(Table):
    says: Text
    """The statement, in the author's sense."""
    experiment: Id


class _Bounded(_Check):
    """A figure that should lie within bounds."""

    at_least: Bound | None = None
    at_most: Bound | None = None

    @model_validator(mode="after")
    def _bounds_are_given(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError('needs "at_least" or "at_most"')
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}")
        return self

    def holds(self, figure: float) -> bool:
        """Whether a figure is within the bounds."""
        return (self.at_least is None or figure >= self.at_least) and (
            self.at_most is None or figure <= self.at_most
        )


class _BoundedShare(_Bounded):
    """A share that is shown in percent. It is compared as it is shown: rounded to whole percents, or to as
    many decimals as a bound has.

    0.8112 is at most 0.81, which is 81 %.
    """

    def holds(self, figure: float) -> bool:
        """Whether a share is within the bounds."""
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        return super().holds(round(figure, max([2, *map(_decimals, bounds)])))


def _decimals(bound: float) -> int:
    """How many decimals a number is written with."""
    return max(0, -int(Decimal(repr(bound)).as_tuple().exponent))


class TimeCheck(_BoundedShare):
    """Training time as a ratio to that of another experiment."""

    kind: Literal["time"]
    than: Id = "original"


class EpochsCheck(_BoundedShare):
    """Share of the planned epochs that these levels were trained, 0 to 1."""

    kind: Literal["epochs"]
    levels: Levels


class LossCheck(_Bounded):
    """Reconstruction loss, 100 * MSE, that these levels end with."""

    kind: Literal["loss"]
    levels: Levels


class SettledCheck(_Check):
    """Whether G(z*) of these levels looks the same after this share of the training as at its end."""

    kind: Literal["settled"]
    levels: Levels
    after: Annotated[float, Field(ge=0, lt=1)]
    expect: bool = True


class QualityCheck(_Check):
    """How the super-resolved pictures compare with those of another experiment, by every measure."""

    kind: Literal["quality"]
    than: Id = "original"
    expect: Literal["better", "not worse", "worse"]


Check = Annotated[
    TimeCheck | EpochsCheck | LossCheck | SettledCheck | QualityCheck, Field(discriminator="kind")
]


class Claim(Table):
    """What the author concluded."""

    id: Id
    title: Text | None = None
    """The claim as one short sentence, for headings."""
    text: Text
    experiments: tuple[Id, ...]
    check: Mapping[Id, Check] = {}
    unchecked: tuple[Text, ...] = ()
    """What no check answers, and why."""

    @property
    def sentence(self) -> str:
        """Its heading: the title, or else the first sentence or clause of the text."""
        return self.title or re.split(r"(?<=[.;])\s", self.text, maxsplit=1)[0].rstrip(".;")
