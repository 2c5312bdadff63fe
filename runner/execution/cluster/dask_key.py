"""How a leg is named among all that a scheduler has."""

from __future__ import annotations

import hashlib

from runner.execution.assignment import Assignment


def dask_key(assignment: Assignment, tag: str) -> str:
    """Equal legs have equal names, so two clients on one cluster share the work.

    A leg is told by what is worked on, from where on, and by which version of the program.
    """
    kept = hashlib.sha256(assignment.kept or b"").hexdigest()[:16]
    return f"{tag}-{assignment.key}-{kept}"
