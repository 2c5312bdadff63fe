"""Training times beside a trained folder are read whole, or left out with a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.official.train_times import read_minutes

AS_WRITTEN = """
level 0 time: 2.52 minuets
level 1 time: 0.0 minuets
total time: 2.52 minuets"""


def read(folder: Path, levels: int = 2) -> tuple[tuple[float, ...] | None, list[str]]:
    told: list[str] = []
    return read_minutes(folder, levels, told.append), told


@pytest.mark.parametrize("name", ["train times.txt", "train times1.txt"])
def test_the_authors_file_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(AS_WRITTEN, encoding="utf-8")
    assert read(tmp_path) == ((2.52, 0.0), [])


def test_no_file_is_no_matter(tmp_path: Path) -> None:
    assert read(tmp_path) == (None, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "level 0 time: 2.52 minuets",
        AS_WRITTEN + "\nlevel 2 time: 1.0 minuets",
        AS_WRITTEN.replace("level 1", "level 0"),
        AS_WRITTEN.replace("0.0", "nan"),
        AS_WRITTEN.replace("0.0", "-1"),
        AS_WRITTEN.replace("0.0", "1e9"),
        AS_WRITTEN.replace("0.0", "9" * 20),
        "\x00" * 50_000,
    ],
)
def test_a_file_that_does_not_tell_each_level_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "train times.txt").write_text(text, encoding="utf-8")
    minutes, (line,) = read(tmp_path)
    assert minutes is None
    assert "does not tell the time of each of the 2 levels" in line


def test_of_several_files_none_is_taken(tmp_path: Path) -> None:
    for name in ("train times.txt", "train times1.txt"):
        (tmp_path / name).write_text(AS_WRITTEN, encoding="utf-8")
    minutes, (line,) = read(tmp_path)
    assert minutes is None
    assert "2 files of training times" in line


def test_a_folder_in_its_place_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "train times.txt").mkdir()
    assert read(tmp_path)[0] is None
