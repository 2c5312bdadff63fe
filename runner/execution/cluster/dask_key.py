"""The names of legs on a scheduler."""

from __future__ import annotations

import hashlib

from runner.execution.assignment import Assignment


def dask_key(assignment: Assignment, tag: str) -> str:
    """Name of a leg; equal legs have equal names, so that two clients of one cluster share the work.

    It is made of the tag of program and device, the task's key, and a digest of the training it goes on from.
    """
    kept = hashlib.sha256(assignment.kept or b"").hexdigest()[:16]
    return f"{tag}-{assignment.key}-{kept}"
