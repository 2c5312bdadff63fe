"""The study at a glance: what a row says of an experiment, and which one is best."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.records import Synthetic, small_study, write_results
from runner.publish.content.matrix import MatrixRow, best_on, matrix
from runner.publish.data.gather import gather
from runner.publish.data.model import SiteData
from runner.publish.words import TIMES, UNKNOWN
from runner.record.schema import Results

SEEDS = (0, 1, 2)
SAME: Mapping[str, float | None] = {"lr_psnr": 30.0, "lr_delta_e": 3.0, "niqe": None, "blur": 0.5}


def data_of(
    folder: Path, measured: Mapping[str, Mapping[str, float]], what: Synthetic | None = None
) -> SiteData:
    """The record of a small study in which these experiments measure so much more, or less, than the rest."""
    study = small_study()
    results = write_results(folder, study, what or Synthetic(seeds=SEEDS))
    for run in results.runs():
        if run.output is not None:
            metrics = {**SAME, **measured.get(run.experiment, {})}
            output = run.output.model_copy(update={"metrics": metrics})
            origin = "-imported-0123abcd" if run.imported_from else ""
            name = f"runs/{run.experiment}/{run.image}/{run.factor}-seed{run.seed}{origin}"
            assert (Results(folder, "smoke").folder / f"{name}.json").is_file()
            results.write(name, run.model_copy(update={"output": output}))
    return gather(study, folder)


def rows(data: SiteData) -> dict[str, MatrixRow]:
    return {row.data.experiment.id: row for row in matrix(data).rows}


@pytest.mark.parametrize(
    ("measured", "best"),
    [
        ({}, []),
        ({"real-b": {"lr_psnr": 33.0}}, ["real-b"]),
        ({"real-b": {"lr_psnr": 33.0, "blur": 0.7}}, []),
        ({"real-b": {"lr_psnr": 33.0}, "early-stop": {"blur": 0.3, "lr_psnr": 31.0}}, ["early-stop"]),
        ({"real-b": {"lr_psnr": 33.0}, "early-stop": {"lr_psnr": 31.0}}, ["early-stop", "real-b"]),
    ],
)
def test_the_best_is_better_in_most_measures_and_worse_in_none(
    measured: Mapping[str, Mapping[str, float]], best: list[str], tmp_path: Path
) -> None:
    data = data_of(tmp_path, measured)
    cells = [cell for cell in data.cells if cell.image.image.id == "colosseum"]
    found = best_on(cells, data.cell("original", "colosseum"), "x8")
    assert [cell.experiment.id for cell in found] == best


def test_a_single_seed_singles_out_nothing(tmp_path: Path) -> None:
    data = data_of(tmp_path, {"real-b": {"lr_psnr": 33.0}}, Synthetic())
    cells = [cell for cell in data.cells if cell.image.image.id == "colosseum"]
    assert best_on(cells, data.cell("original", "colosseum"), "x8") == ()
    assert rows(data)["real-b"].verdict.words == "undecided"
    assert rows(data)["real-b"].verdict.beside == "too few seeds"


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ({"lr_psnr": 33.0}, ("better", "in 1 of 3 measures")),
        ({"lr_psnr": 20.0, "blur": 0.9}, ("worse", "in 2 of 3 measures")),
        ({"lr_psnr": 33.0, "blur": 0.9}, ("mixed", "1 better, 1 worse")),
        ({}, ("no visible difference", "")),
    ],
)
def test_verdicts_are_one_word(measured: Mapping[str, float], words: tuple[str, str], tmp_path: Path) -> None:
    verdict = rows(data_of(tmp_path, {"real-b": measured}))["real-b"].verdict
    assert (verdict.words, verdict.beside) == words


def test_figures_are_differences_beside_means_and_sorted_by_the_difference(tmp_path: Path) -> None:
    data = data_of(tmp_path, {"real-b": {"lr_psnr": 33.0}})
    assert [column.title for column in matrix(data).columns] == ["Consistency", "Colour shift", "Blur"]
    found = rows(data)
    shown = found["real-b"].measures[0]
    assert (shown.words, shown.beside, float(shown.key)) == ("+3.00", "33.00", 3)
    original = found["original"]
    assert (original.measures[0].words, original.measures[0].beside) == ("0.00", "30.00")
    assert original.time.words == f"1.00{TIMES}"
    assert original.verdict.key == ""


def test_what_was_not_run_or_trained_elsewhere_has_no_figures(tmp_path: Path) -> None:
    what = Synthetic(
        left_out=[("real-b", "stone-face"), ("real-b", "colosseum")], imported=[("real-b", "colosseum")]
    )
    row = rows(data_of(tmp_path, {}, what))["real-b"]
    assert {shown.words for shown in (row.time, row.verdict, *row.measures)} == {UNKNOWN}
    assert {shown.key for shown in (row.time, row.verdict, *row.measures)} == {""}
