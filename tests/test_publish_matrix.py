"""The study at a glance: what a row says of an experiment, and which one is best."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from helpers.records import Synthetic, small_study, write_results
from runner.publish.content.comparison import seed_scatters
from runner.publish.content.matrix import MatrixRow, MatrixTable, matrix
from runner.publish.data.gather import gather
from runner.publish.data.model import SiteData
from runner.publish.words import TIMES, UNKNOWN
from runner.record.results import Results, run_name

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


def table(data: SiteData, name: str) -> MatrixTable:
    return next(each for each in matrix(data, seed_scatters(data)) if each.id == name)


def rows(data: SiteData, name: str = "colosseum") -> dict[str, MatrixRow]:
    return {row.data.experiment.id: row for row in table(data, name).rows}


def test_figures_stand_beside_differences_and_bars_say_which_way_is_good(tmp_path: Path) -> None:
    data = data_of(tmp_path, {"real-b": {"lr_psnr": 33.0, "lr_delta_e": 4.0, "blur": 0.6}})
    columns = [column.title for column in table(data, "colosseum").columns]
    assert columns == ["Consistency", "Colour shift", "Blur"]
    consistency, colour, blur = rows(data)["real-b"].measures
    assert (consistency.words, consistency.beside, float(consistency.key)) == ("33.00", "+3.00", 33)
    assert consistency.bar is not None
    assert (consistency.bar.start, consistency.bar.width, consistency.bar.tone) == (50, 30, "good")
    assert colour.bar is not None
    assert (colour.bar.start + colour.bar.width, colour.bar.tone) == (50, "bad")
    assert blur.bar is not None
    assert blur.bar.tone == "plain", "blurrier is not worse"
    original = rows(data)["original"]
    assert (original.measures[0].words, original.measures[0].beside) == ("30.00", "")
    assert original.time.words == f"1.00{TIMES}"
    assert original.verdict is None


def test_a_figure_is_of_the_seeds_that_its_difference_is_of(tmp_path: Path) -> None:
    study = small_study()
    results = write_results(tmp_path, study, Synthetic(seeds=SEEDS))
    for run in results.runs():
        name = run_name(run.experiment, run.image, study.study.factor, run.seed)
        if run.experiment == "original" and run.seed != 0:
            (results.folder / f"{name}.json").unlink()
        elif run.output is not None:
            metrics = {**SAME, "lr_psnr": 30.0 + run.seed + (3 if run.experiment == "real-b" else 0)}
            output = run.output.model_copy(update={"metrics": metrics})
            results.write(name, run.model_copy(update={"output": output}))
    data = gather(study, tmp_path)
    for name in ("colosseum", "mean"):
        consistency = rows(data, name)["real-b"].measures[0]
        assert (consistency.words, consistency.beside) == ("33.00", "+3.00")


def test_the_best_stands_first_and_the_original_before_what_is_the_same(tmp_path: Path) -> None:
    found = {"real-b": {"lr_psnr": 33.0, "niqe": 4.0}, "real-a": {"lr_psnr": 20.0, "niqe": 2.0}}
    measured = {name: {"niqe": 4.0} for name in ("original", "early-stop")} | found
    order = ["real-b", "original", "early-stop", "real-a"]
    data = data_of(tmp_path, measured, Synthetic(seeds=SEEDS, everywhere=True))
    assert list(rows(data)) == order
    keys = [float(row.verdict_key) for row in rows(data).values()]
    assert keys == sorted(keys)


def test_means_are_of_equal_images_only(tmp_path: Path) -> None:
    what = Synthetic(seeds=SEEDS, left_out=[("real-b", "stone-face")])
    data = data_of(tmp_path, {}, what)
    mean = table(data, "mean")
    assert [image.image.id for image in mean.images] == ["stone-face", "colosseum"]
    assert [row.data.experiment.id for row in mean.rows] == ["original", "early-stop"]
    assert [experiment.id for experiment in mean.not_run] == ["real-a", "real-b"]


def test_with_one_image_there_is_no_mean(tmp_path: Path) -> None:
    names = ("original", "early-stop", "real-a", "real-b")
    data = data_of(tmp_path, {}, Synthetic(left_out=[(name, "stone-face") for name in names]))
    assert [each.id for each in matrix(data, {})] == ["stone-face", "colosseum"]
    assert table(data, "stone-face").rows == ()
    assert [experiment.id for experiment in table(data, "stone-face").not_run] == list(names)


def test_what_failed_or_was_not_run_has_no_row(tmp_path: Path) -> None:
    what = Synthetic(failed=[("real-b", "colosseum")], left_out=[("early-stop", "colosseum")])
    found = table(data_of(tmp_path, {}, what), "colosseum")
    assert [row.data.experiment.id for row in found.rows] == ["original"]
    assert [cell.experiment.id for cell in found.failed] == ["real-b"]
    assert [experiment.id for experiment in found.not_run] == ["early-stop"], "real-a is not meant to"


def test_what_was_trained_elsewhere_stands_last_without_a_time_and_hints_at_most(tmp_path: Path) -> None:
    both = [("original", "colosseum"), ("real-b", "colosseum")]
    what = Synthetic(left_out=[("real-b", "colosseum")], imported=both)
    measured = {"real-b": {"lr_psnr": 33.0, "niqe": 3.0}, "original": {"niqe": 3.0}}
    found = table(data_of(tmp_path, measured, what), "colosseum")
    last = found.rows[-1]
    assert (last.data.experiment.id, last.is_imported, last.time.words) == ("real-b", True, UNKNOWN)
    assert last.verdict is not None
    assert last.verdict.words == "hint: better"
    assert found.trained_here == 2
