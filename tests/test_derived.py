"""Thumbnails and charts: each made once, on several cores where there are many, the same either way."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.publish.output import derived
from runner.publish.output.derived import write_derived
from runner.publish.output.folder import SiteFolder
from singan.errors import UserError


@dataclass(frozen=True)
class Piece:
    """Two files that say what made them."""

    name: str
    log: Path

    @property
    def urls(self) -> tuple[str, ...]:
        return f"a/{self.name}", f"b/{self.name}"

    def make(self) -> tuple[bytes, ...]:
        (self.log / f"{self.name}-{os.getpid()}").touch()
        return b"a " + self.name.encode(), b"b " + self.name.encode()


@dataclass(frozen=True)
class Spoilt(Piece):
    def make(self) -> tuple[bytes, ...]:
        raise UserError("cannot be decoded", where=self.name)


@dataclass(frozen=True)
class Killed(Piece):
    def make(self) -> tuple[bytes, ...]:
        os.kill(os.getpid(), signal.SIGKILL)
        return ()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    return SiteFolder(tmp_path / "new", tmp_path / "old", {})


def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "cores", lambda: 2)
    monkeypatch.setattr(derived, "_FEW", 2)


@pytest.mark.parametrize("count", [1, 6])
def test_every_piece_is_made_once_and_written_whole(
    count: int, log: Path, folder: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cores(monkeypatch)
    pieces = [Piece(str(k), log) for k in range(count)]
    write_derived([*pieces, *pieces], folder)
    made_by = dict(path.name.split("-") for path in log.iterdir())
    assert len(made_by) == len(list(log.iterdir())) == count
    assert (str(os.getpid()) in made_by.values()) == (count == 1)
    for piece in pieces:
        for url, data in zip(piece.urls, piece.make(), strict=True):
            assert (folder.staging / url).read_bytes() == data


def test_what_a_piece_raises_is_raised(
    log: Path, folder: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cores(monkeypatch)
    with pytest.raises(UserError, match="bad: cannot be decoded"):
        write_derived([*(Piece(str(k), log) for k in range(5)), Spoilt("bad", log)], folder)


def test_a_killed_process_is_told_in_a_line(
    log: Path, folder: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cores(monkeypatch)
    with pytest.raises(UserError, match="was killed; is memory short"):
        write_derived([Piece("0", log), Piece("1", log), Killed("2", log), Piece("3", log)], folder)
