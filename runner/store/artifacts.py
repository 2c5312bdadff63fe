"""Trained levels and pictures as entries of the store: how they are written and read back."""

from __future__ import annotations

import io
from typing import TypeVar

import PIL.Image
from pydantic import BaseModel, ConfigDict, ValidationError

from runner.planning.plan import LevelTraining, SuperResolution
from runner.quantities import Seconds, Side
from runner.store.provenance import Provenance
from runner.store.store import HISTORY, PICTURE, WEIGHTS, DamagedError, Entry, Store
from singan.errors import UserError


class _Facts(BaseModel):
    """What was found while an entry was made. The key does not decide it, and the record shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LevelFacts(_Facts):
    """How the training of a level went."""

    seconds: Seconds
    """Wall time, over all processes that had a part in the training."""
    processor_seconds: Seconds | None = None
    """Processor time of all threads; None where that of some epochs is unknown."""
    stopped_early: bool
    noise_amplitude: float
    """sigma_n (algorithm.md 4)."""


class PictureFacts(_Facts):
    """How super-resolution went; sides in pixels."""

    seconds: Seconds
    width: Side
    height: Side


AnyFacts = TypeVar("AnyFacts", LevelFacts, PictureFacts)


def facts_of(entry: Entry, kind: type[AnyFacts]) -> AnyFacts:
    """The facts of an entry. They have no checksum: raises `DamagedError` for what makes no sense."""
    try:
        return kind.model_validate(dict(entry.facts))
    except ValidationError:
        raise DamagedError(entry.folder, "does not say what it should", "entry.json") from None


def add_level(
    store: Store,
    task: LevelTraining,
    weights: bytes,
    history: bytes,
    facts: LevelFacts,
    provenance: Provenance,
) -> None:
    """Store a trained level: its weights (`singan.checkpoint`), and losses and snapshots as safetensors."""
    store.add(
        "levels",
        task.key,
        {WEIGHTS: weights, HISTORY: history},
        fields=task.fields,
        facts=facts.model_dump(),
        provenance=provenance,
    )


def add_picture(
    store: Store, task: SuperResolution, file: bytes, facts: PictureFacts, provenance: Provenance
) -> None:
    """Store a super-resolved picture; `file` is lossless WebP."""
    fields = {"top": task.last_level_key, "factor": task.factor, "seed": task.seed, "draw": task.draw}
    store.add(
        "outputs",
        task.key,
        {PICTURE: file},
        fields=fields,
        facts=facts.model_dump(),
        provenance=provenance,
    )


def stored_picture(store: Store, key: str) -> PIL.Image.Image:
    """A stored super-resolved picture."""
    entry = store.find("outputs", key)
    if entry is None:
        raise UserError("the super-resolved picture is gone", where=str(store.root))
    return PIL.Image.open(io.BytesIO(entry.read(PICTURE)))
