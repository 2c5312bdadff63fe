"""Exit statuses of `singan`; 0 is success."""

FAILED = 1
"""Some of the work failed, or a check found something."""

USAGE = 2
"""The request cannot be carried out as it is."""

TIME_LIMIT = 3
"""The time was up; the same command goes on from what is kept."""

INTERRUPTED = 130
"""Somebody stopped it; the same command goes on from what is kept."""
