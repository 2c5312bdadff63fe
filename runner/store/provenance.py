"""Where something was computed, and with what."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Provenance(BaseModel):
    """Where and with what something was computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    finished: str
    """UTC, ISO 8601, seconds."""
    machine: str
    device: str
    engine: str = "plain"
    """How the steps of training were carried out."""
    jobs: Count = 1
    """Processes that shared the machine."""
    threads: Count
    singan: str
    commit: str | None
    torch: str
    python: str
