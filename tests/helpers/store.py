"""What entries of a store say of where they were made."""

from __future__ import annotations

from runner.store.provenance import Provenance

PROVENANCE = Provenance(
    finished="2025-01-01T00:00:00Z",
    machine="m",
    device="cpu",
    threads=1,
    singan="0",
    commit=None,
    torch="0",
    python="0",
)
