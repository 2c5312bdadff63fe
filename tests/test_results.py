from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.results import ProfileRecord, Results, factor_name, profiles_in, run_name
from singan.errors import UserError

PROFILE = ProfileRecord(id="tiny", title="Tiny", note="For tests.", epochs=2, base_width=4)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    results = Results(tmp_path, "tiny")
    results.write("profile", PROFILE)
    return results


def test_a_record_comes_back_as_written(results: Results, tmp_path: Path) -> None:
    assert results.profile() == PROFILE
    assert profiles_in(tmp_path) == ["tiny"]


def test_writing_the_same_record_leaves_the_file_alone(results: Results) -> None:
    path = results.folder / "profile.json"
    before = path.stat()
    results.write("profile", PROFILE)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_pictures_are_encoded_again_only_if_missing_or_the_record_changed(results: Results) -> None:
    encoded: list[str] = []

    def picture() -> bytes:
        encoded.append("once more")
        return b"pixels"

    for record in (PROFILE, PROFILE, PROFILE.model_copy(update={"epochs": 3})):
        results.write("profile", record, {"p.webp": picture})
    assert len(encoded) == 2
    (results.folder / "p.webp").unlink()
    results.write("profile", PROFILE.model_copy(update={"epochs": 3}), {"p.webp": picture})
    assert len(encoded) == 3


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"epochs": "many"}, {"surprise": 1}], ids=lambda change: next(iter(change))
)
def test_a_record_of_another_shape_is_refused_with_file_and_field(
    results: Results, change: dict[str, object]
) -> None:
    path = results.folder / "profile.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}), encoding="utf-8")
    with pytest.raises(UserError, match=rf"profile\.json: {next(iter(change))}: .*run again") as refused:
        results.profile()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_torn_record_is_refused_in_one_line(results: Results, text: str) -> None:
    (results.folder / "profile.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="no record of version 1") as refused:
        results.profile()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("file", ["/etc/passwd", "../secret.webp", "a/../../b"])
def test_pictures_outside_the_folder_are_refused(results: Results, file: str) -> None:
    with pytest.raises(UserError, match="lies outside"):
        results.picture_path(file)


def test_names_are_as_people_write_factors() -> None:
    assert [factor_name(factor) for factor in (8.0, 1.5)] == ["x8", "x1.5"]
    assert run_name("up-a", "cows", 8, 3) == "runs/up-a/cows/x8-seed3"
