"""What every table of the study file is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""File names Windows keeps for devices."""


def _check_id(name: str) -> str:
    if name in _RESERVED:
        raise ValueError("is a reserved file name; choose another id")
    return name


Id = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$"), AfterValidator(_check_id)
]
"""Becomes a file name and a link: lower-case letters, digits, - and _ inside, 64 characters at most."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Table(BaseModel):
    """A TOML table: frozen, strict about types, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _arrays_are_tuples(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
