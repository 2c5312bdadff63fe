"""Runs that were trained elsewhere: shown and measured, told apart everywhere, never taken for evidence."""

from __future__ import annotations

import csv
import html
import io
import re
from pathlib import Path

import pytest

from helpers.records import Synthetic, small_study, write_results
from runner.publish.content.metrics import metric_tables
from runner.publish.data.gather import gather
from runner.publish.data.model import Cell
from runner.publish.site import build_site
from runner.publish.words import UNKNOWN
from runner.record.results import run_name
from runner.study.schema import Study

STUDY = small_study(("original", "real-b"), ("colosseum",))
SENTENCE = "Imported: trained elsewhere; no losses or snapshots."


def pages(study: Study, folder: Path, what: Synthetic) -> dict[str, str]:
    """Source of each page, entities resolved."""
    write_results(folder / "results", study, what)
    build_site(study, folder / "results", folder / "site")
    return {
        path.relative_to(folder / "site").as_posix(): html.unescape(path.read_text(encoding="utf-8"))
        for path in (folder / "site").rglob("*.html")
    }


def cell(folder: Path, experiment: str) -> Cell:
    return gather(STUDY, folder / "results").cell(experiment, "colosseum")


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """Pages of a record in which the original was only imported."""
    run = ("original", "colosseum")
    return pages(STUDY, tmp_path, Synthetic(left_out=[run], imported=[run]))


@pytest.fixture
def beside(tmp_path: Path) -> dict[str, str]:
    """Pages of a record in which the original was trained here, with another seed, and imported."""
    return pages(STUDY, tmp_path, Synthetic(seeds=(3,), imported=[("original", "colosseum")]))


def test_a_run_that_was_only_imported_stands_in_its_cell(alone: dict[str, str], tmp_path: Path) -> None:
    shown = cell(tmp_path, "original")
    assert shown.state == "done"
    assert shown.output.picture is not None
    page = alone["experiments/original.html"]
    assert SENTENCE in page
    assert "the levels of the folder <code>trained</code>" in page
    assert "trained as <code>original</code> in the profile" in page
    assert "is what its importer says" in page
    assert "Seed of super-resolution, factor" in page
    assert "Settings, says the importer" in page


def test_nothing_that_is_not_known_is_shown(alone: dict[str, str]) -> None:
    page = alone["experiments/original.html"]
    for part in ("<h3>Losses</h3>", "<h3>Snapshots</h3>", "No losses were recorded", "level key"):
        assert part not in page
    unknown = rf"\s*<td>{UNKNOWN}</td>"
    measured = re.findall(rf'<th scope="row">\d</th>{unknown * 3}', page)
    assert len(measured) == 6, "the published minutes stay, beside no measured time"


def test_it_is_marked_wherever_its_picture_is(alone: dict[str, str]) -> None:
    for name, page in alone.items():
        assert "1 run imported" in page, name
    for name in (
        "index",
        "groups/baseline",
        "experiments/original",
        "experiments/real-b",
        "images/colosseum",
    ):
        assert ">imported</span>" in alone[f"{name}.html"], name
    timing = alone["timing.html"]
    assert '<span class="quiet">imported</span>' in timing


def test_runs_trained_here_come_first(beside: dict[str, str], tmp_path: Path) -> None:
    runs = cell(tmp_path, "original").runs
    assert [run.is_imported for run in runs] == [False, True], "although the seed is not the study's"
    before, _, after = beside["experiments/original.html"].partition("and imported runs</h3>")
    assert SENTENCE not in before
    assert SENTENCE in after
    assert "<h3>Losses</h3>" in before
    assert "from trained" in after


def test_it_is_measured_in_a_row_of_its_own_and_compared_with_nothing(
    beside: dict[str, str], tmp_path: Path
) -> None:
    (table,) = metric_tables(cell(tmp_path, "original"), cell(tmp_path, "original"), {})
    labels = [row.label for row in table.rows]
    assert labels[:2] == ["original", "original, imported from trained"]
    assert table.seeds == 1
    (table,) = metric_tables(cell(tmp_path, "real-b"), cell(tmp_path, "original"), {})
    assert "original, imported from trained" in [row.label for row in table.rows]


def test_its_metrics_are_shown_when_there_is_nothing_else(alone: dict[str, str], tmp_path: Path) -> None:
    (table,) = metric_tables(cell(tmp_path, "original"), cell(tmp_path, "original"), {})
    assert table.rows[0].label == "original, imported from trained"
    assert "original, imported from trained" in alone["experiments/original.html"]


def test_it_has_no_time_to_compare_with(alone: dict[str, str], tmp_path: Path) -> None:
    assert cell(tmp_path, "original").timing.measured.value is None
    assert cell(tmp_path, "real-b").timing.measured.original is None


def test_times_are_compared_with_the_original_that_was_trained_here(
    beside: dict[str, str], tmp_path: Path
) -> None:
    assert cell(tmp_path, "real-b").timing.measured.original is not None


def test_the_table_of_runs_tells_where_it_came_from(beside: dict[str, str], tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((tmp_path / "site/runs.csv").read_text(encoding="utf-8"))))
    imported = [row for row in rows if row["experiment"] == "original"]
    assert [row["imported_from"] for row in imported] == ["", "trained"]
    assert imported[1]["training_seconds"] == imported[1]["ratio_to_original"] == ""
    assert imported[1]["lr_psnr"]


def test_without_imported_runs_nothing_is_said_of_them(tmp_path: Path) -> None:
    for name, page in pages(STUDY, tmp_path, Synthetic()).items():
        assert "mported" not in page, name


def test_a_setting_the_study_changed_since_is_hearsay_too(tmp_path: Path) -> None:
    run = ("original", "colosseum")
    results = write_results(tmp_path / "results", STUDY, Synthetic(left_out=[run], imported=[run]))
    (record,) = (one for one in results.runs() if one.imported_from)
    name = f"{run_name(*run, STUDY.study.factor, 0)}-imported-0123abcd"
    results.write(name, record.model_copy(update={"settings": {**record.settings, "stop": "dont_train"}}))
    (note,) = build_site(STUDY, tmp_path / "results", tmp_path / "site").notes
    assert note == (
        "original on colosseum (x8, seed 0, imported): "
        "said to have been trained with another setting of stop than the study has now"
    )
