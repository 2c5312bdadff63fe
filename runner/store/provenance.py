"""Where something was computed, and with what."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from runner.quantities import Count


class Provenance(BaseModel):
    """Where and with what something was computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    finished: str
    """When it was finished: UTC, ISO 8601, to the second."""
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
    worker: str | None = None
    """What a cluster calls the worker that did it; None where the work did not travel."""

    @model_serializer(mode="wrap")
    def _leave_out_no_worker(self, serialise: SerializerFunctionWrapHandler) -> dict[str, object]:
        values: dict[str, object] = serialise(self)
        return {name: value for name, value in values.items() if name != "worker" or value is not None}
