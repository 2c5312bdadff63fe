"""Which profiles a record holds, and in which order they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.record.results import Results, profiles_in
from runner.record.schema import ProfileRecord
from singan.errors import UserError


def profiles_in_order(root: Path, first: str | None = None) -> Mapping[str, ProfileRecord]:
    """The profiles of the record at `root` by the names of their folders, the most faithful one first.

    `first` is put before the others. Raises `UserError` where it is missing, or there is no profile at all.
    """
    present = {name: record for name in profiles_in(root) if (record := Results(root, name).profile())}
    if not present:
        raise UserError("there are no results", where=str(root), right="run the study first")
    if first is not None and first not in present:
        there = ", ".join(f'"{name}"' for name in present)
        raise UserError(
            f'there are no results of profile "{first}"',
            where=str(root),
            right=f"there are those of {there}",
        )

    def precedence(name: str) -> tuple[bool, int, int, str]:
        return name == first, present[name].epochs, present[name].base_width, name

    return {name: present[name] for name in sorted(present, key=precedence, reverse=True)}
