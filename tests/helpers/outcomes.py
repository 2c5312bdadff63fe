"""What came of a command: files, records, lines."""

from __future__ import annotations

from pathlib import Path

from runner.record.results import Results
from runner.record.schema import RunRecord


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder; none if it is not there."""
    paths = sorted(folder.rglob("*")) if folder.exists() else []
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def imported_runs(folder: Path) -> list[RunRecord]:
    return [run for run in Results(folder / "results", "tiny").runs() if run.imported_from is not None]


def done(outcome: tuple[int, str, str]) -> str:
    """The last line of a command that went well."""
    status, out, err = outcome
    assert status == 0, err
    return out.splitlines()[-1]


def refused(outcome: tuple[int, str, str]) -> str:
    """The one line of a command that was refused."""
    status, out, err = outcome
    assert status == 2, out
    (line,) = err.splitlines()
    assert line.startswith("singan: ")
    assert line.isprintable()
    return line
