"""experiments.toml -> Study, or one line that says what is wrong in it and where."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runner.files import LFS_POINTER
from runner.study.claims import QualityCheck, TimeCheck
from runner.study.errors import explain, located, nearest, syntax_error
from runner.study.schema import Study
from singan.errors import UserError


def load_study(path: Path) -> Study:
    """Read and validate a study; raises `UserError` naming the file, table, key and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # (Windows editors put a mark in front)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(
            f"cannot read the study: {reason}", where=str(path), right="name a TOML file with --study"
        ) from None
    if text.startswith(LFS_POINTER.decode()):
        raise UserError(
            "is a Git LFS pointer, not yet the study", where=str(path), right="git lfs pull fetches it"
        )
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise syntax_error(path, error) from None
    for location in _hand_written_ids(tables):
        raise located('unknown key "id"', path, text, location, "the id is the name in the table's header")
    try:
        study = Study.model_validate(_with_ids(tables))
    except ValidationError as error:
        raise explain(error, Study, path, text) from None
    for location in _pictures_without_address(study):
        raise located("is a path without an address", path, text, location, "set study.published_pictures")
    for location, name, valid in _references(study):
        if name not in valid:
            raise located(f'there is no "{name}"', path, text, location, nearest(name, valid))
    return study


_FAMILIES = ("profile", "image", "group", "experiment", "claim")


def _tables(tables: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every table that has an id: its family, its id, and itself."""
    for family in _FAMILIES:
        members = tables.get(family)
        if isinstance(members, dict):
            yield from ((family, name, table) for name, table in members.items() if isinstance(table, dict))


def _hand_written_ids(tables: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    return ((family, name, "id") for family, name, table in _tables(tables) if "id" in table)


def _with_ids(tables: dict[str, Any]) -> dict[str, Any]:
    """Write its name, as `id`, into each table that has one."""
    for _, name, table in _tables(tables):
        table["id"] = name
    return tables


def _pictures_without_address(study: Study) -> Iterator[tuple[str, ...]]:
    if study.study.published_pictures is None:
        for experiment in study.experiment.values():
            for image, published in experiment.published.items():
                if published.picture is not None:
                    yield "experiment", experiment.id, "published", image, "picture"


def _references(study: Study) -> Iterator[tuple[tuple[str, ...], str, Collection[str]]]:
    """Every mention of something defined elsewhere: where, its name, and what is defined."""
    yield ("experiment",), "original", study.experiment
    for experiment in study.experiment.values():
        here = ("experiment", experiment.id)
        yield (*here, "group"), experiment.group, study.group
        for image in experiment.images or ():
            yield (*here, "images"), image, study.image
        for image in experiment.published:
            yield (*here, "published", image), image, study.image
    for claim in study.claim.values():
        for name in claim.experiments:
            yield ("claim", claim.id, "experiments"), name, study.experiment
        for name, check in claim.check.items():
            place = ("claim", claim.id, "check", name)
            yield (*place, "experiment"), check.experiment, study.experiment
            if isinstance(check, TimeCheck | QualityCheck):
                yield (*place, "than"), check.than, study.experiment
