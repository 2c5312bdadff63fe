from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.outcomes import refused
from helpers.pictures import noise
from helpers.records import small_study, write_results
from helpers.shell import TINY, Shell
from helpers.tiny_study import TinyStudy
from runner.images.encode import lossless_webp
from runner.publish.data.gather import gather
from runner.record.results import Results, profiles_in, read_published, run_name, write_published
from runner.record.schema import ProfileRecord, PublishedRecord, factor_name
from runner.record.write import record_profile
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


def test_pictures_are_encoded_again_only_if_not_whole_or_the_record_changed(results: Results) -> None:
    encoded: list[str] = []

    def picture() -> bytes:
        encoded.append("once more")
        return lossless_webp(noise())

    for record in (PROFILE, PROFILE, PROFILE.model_copy(update={"epochs": 3})):
        results.write("profile", record, {"p.webp": picture})
    assert len(encoded) == 2
    path = results.folder / "p.webp"
    for spoilt in (None, path.read_bytes()[:-1]):
        path.unlink()
        if spoilt is not None:
            path.write_bytes(spoilt)
        results.write("profile", PROFILE.model_copy(update={"epochs": 3}), {"p.webp": picture})
    assert len(encoded) == 4


@pytest.mark.parametrize(
    "change", [{"version": 0}, {"epochs": "many"}, {"surprise": 1}], ids=lambda change: next(iter(change))
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


@pytest.mark.parametrize("level", ["../../secret", "/etc/passwd", "", "a-b", "a.json", "A"])
def test_levels_outside_the_folder_are_refused(results: Results, whole: Results, level: str) -> None:
    record = json.loads(next((whole.folder / "runs").rglob("*.json")).read_text(encoding="utf-8"))
    path = results.folder / "runs" / "a" / "b" / "x8-seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**record, "levels": [level]}), encoding="utf-8")
    with pytest.raises(UserError, match=r"levels\.0"):
        list(results.runs())


@pytest.mark.parametrize("file", ["/etc/passwd", "../secret.webp", "a/../../b"])
def test_pictures_outside_the_folder_are_refused(results: Results, file: str) -> None:
    with pytest.raises(UserError, match="lies outside"):
        results.picture_path(file)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A record of one run; tests that spoil it put it back."""
    return write_results(tmp_path_factory.mktemp("whole"), small_study(("original",), ("colosseum",)))


LEVEL = "levels/*.json"
IMAGE = "images/*.json"
RUN = "runs/*/*/*.json"


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("profile.json", "epochs", 0),
        ("profile.json", "epochs", 10**400),
        (LEVEL, "level", 10**9),  # as many rows in a table, and as many in memory
        (LEVEL, "level", -1),
        (LEVEL, "epochs_planned", 0),  # a share of nothing
        (LEVEL, "seconds", float("inf")),
        (LEVEL, "seconds", float("nan")),
        (LEVEL, "seconds", -1.0),
        (LEVEL, "width", 0),
        (LEVEL, "loss_epochs", [10**30]),
        (LEVEL, "snapshots", {"epochs": [0, 1]}),  # the sheet shows five
        (LEVEL, "snapshots", {"height": 1}),
        (IMAGE, "id", "../../elsewhere"),  # would become a page's file name
        (IMAGE, "id", "a/b"),
        (IMAGE, "id", "x" * 65),
        (IMAGE, "width", 10**6),
        (RUN, "output", {"seconds": float("inf")}),
    ],
)
def test_a_value_that_no_page_could_show_is_refused_with_its_file_and_field(
    whole: Results, kind: str, field: str, value: object
) -> None:
    (path, *_) = sorted(whole.folder.glob(kind))
    before = path.read_text(encoding="utf-8")
    record = json.loads(before)
    record[field] = {**record[field], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(record), encoding="utf-8")
    try:
        with pytest.raises(UserError, match="no record of version 1") as refused:
            assert [whole.profile(), *whole.images(), *whole.levels(), *whole.runs()]
    finally:
        path.write_text(before, encoding="utf-8")
    assert str(refused.value).startswith(f"{path}: {field}")
    assert len(str(refused.value).splitlines()) == 1


def test_nothing_is_recorded_into_a_folder_that_was_taken_away(results: Results) -> None:
    shutil.rmtree(results.folder)
    with pytest.raises(UserError, match="the record has gone; run again"):
        results.write("images/a", PROFILE)
    assert not results.folder.exists()
    results.write("profile", PROFILE)
    results.write("images/a", PROFILE)


@pytest.mark.parametrize("name", ["profile", "images/a", "runs/a/b/x8-seed0"])
@pytest.mark.parametrize(
    "text", ['{"version": 2, "surprise": 1}', '{\n "version": 12\n}', '{"epochs":1,"version":2}']
)
def test_a_newer_record_is_neither_called_broken_nor_overwritten(
    results: Results, name: str, text: str, tiny_study: TinyStudy
) -> None:
    path = results.folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    newer = rf"{path.name}: is a record of version \d+, and this program knows those up to 1; use"
    attempts: list[Callable[[], object]] = [
        lambda: [results.profile(), *results.images(), *results.runs()],
        lambda: results.write(name, PROFILE),
        lambda: record_profile(results, tiny_study.study.profile["tiny"]),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match=newer):
            attempt()
    assert path.read_text(encoding="utf-8") == text


def test_newer_figures_of_published_pictures_are_kept(tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text('{"version": 2}')
    for attempt in (read_published, lambda root: write_published(root, PublishedRecord(pictures=()))):
        with pytest.raises(UserError, match="is a record of version 2"):
            attempt(tmp_path)


def test_a_run_stops_before_it_trains_what_it_could_not_record(singan: Shell, tmp_path: Path) -> None:
    path = tmp_path / "results" / "tiny" / "runs" / "original" / "stripes" / "x2-seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 2}')
    line = refused(singan("run", *TINY, "--experiment", "original"))
    assert "is a record of version 2" in line
    assert not list((tmp_path / "store").glob("levels/*"))
    assert path.read_text() == '{"version": 2}'


@pytest.mark.parametrize(
    "name",
    ["images/._colosseum.json", "levels/.a.json", "runs/original/colosseum/._x8-seed0.json",
     ".trash/a/b.json",
     "runs/.original/colosseum/x8-seed0.json",
     "runs/original/.AppleDouble/x8-seed0.json"],
)  # fmt: skip
def test_hidden_files_are_no_records(whole: Results, name: str) -> None:
    (whole.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (whole.folder / name).write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    assert len(list(whole.images())) == len(list(whole.runs())) == 1
    assert list(whole.levels())
    assert whole.copies() == []
    whole.refuse_newer()
    (whole.folder / name).unlink()


@pytest.mark.parametrize(
    "name",
    ["images/colosseum (1).json", "images/colosseum copy.json", "images/colosseum copy 2.json",
     "images/colosseum - Kopie.json", "images/Copy of colosseum.json",
     "runs/original/colosseum/x8-seed0~.json",
     "runs/original copy/colosseum/x8-seed0.json", "images/colosseum.sync-conflict-20240102-030405-ABC.json"],
)  # fmt: skip
def test_copies_are_left_out_with_a_note(whole: Results, name: str, tmp_path: Path) -> None:
    (whole.folder / name).parent.mkdir(parents=True, exist_ok=True)
    for text in ('{"version": 2}', "torn"):
        (whole.folder / name).write_text(text)
        assert len(list(whole.images())) == len(list(whole.runs())) == 1
        assert whole.copies() == [name]
    notes = gather(small_study(("original",), ("colosseum",)), whole.folder.parent).notes
    assert notes == (f"a copy by its name, left out: {name}",)
    (whole.folder / name).unlink()


def test_a_copied_or_hidden_profile_is_none(results: Results, tmp_path: Path) -> None:
    for name in ("tiny copy", "tiny (2)", ".tiny"):
        shutil.copytree(results.folder, tmp_path / name)
    assert profiles_in(tmp_path) == ["tiny"]


def test_names_are_as_people_write_factors() -> None:
    assert [factor_name(factor) for factor in (8.0, 1.5)] == ["x8", "x1.5"]
    assert run_name("up-a", "cows", 8, 3) == "runs/up-a/cows/x8-seed3"
