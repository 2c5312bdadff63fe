"""What the record holds or lacks, and what the site makes of it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import pytest

from helpers.records import Synthetic, small_study, write_results
from helpers.shell import Shell
from runner.metrics.evaluate import DEFINITIONS
from runner.publish.data.gather import gather
from runner.publish.site import SiteReport, build_site
from runner.record.results import Results, run_name
from runner.record.schema import RunRecord
from runner.study.schema import Study
from singan.errors import UserError


@dataclass(frozen=True)
class Built:
    report: SiteReport
    pages: dict[str, str]
    """Source of each page, entities resolved."""


def build(study: Study, folder: Path, site: str = "site") -> Built:
    """Build a site from the results in a folder."""
    out = folder / site
    report = build_site(study, folder / "results", out)
    pages = {
        page.relative_to(out).as_posix(): html.unescape(page.read_text("utf-8"))
        for page in out.rglob("*.html")
    }
    return Built(report, pages)


def rows(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))


def test_missing_files_become_visible_gaps(tmp_path: Path) -> None:
    study = small_study(("original", "real-b"), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    runs = {run.experiment: run for run in results.runs()}
    (results.folder / "runs/real-b/colosseum/x8-seed0.webp").unlink()
    (results.folder / "images/colosseum-x8-bicubic.webp").write_bytes(b"RIFF of nothing")
    (results.folder / f"levels/{runs['original'].levels[0]}.webp").unlink()
    (results.folder / f"levels/{runs['real-b'].levels[3]}.json").unlink()
    built = build(study, tmp_path)
    assert len(built.report.notes) == 4
    about = built.pages["about.html"]
    assert all(note in about for note in built.report.notes)
    page = built.pages["experiments/real-b.html"]
    assert "picture missing: runs/real-b/colosseum/x8-seed0.webp" in page
    assert "not a whole WebP or PNG picture: images/colosseum-x8-bicubic.webp" in page
    assert "1 level of this run" in page


def test_a_picture_of_another_size_than_recorded_is_a_gap(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    folder = results.folder / "images"
    (folder / "colosseum-x8-nearest.webp").write_bytes(
        next((results.folder / "levels").glob("*.webp")).read_bytes()
    )
    (note,) = build(study, tmp_path).report.notes
    assert "as recorded: images/colosseum-x8-nearest.webp" in note


def test_a_picture_too_large_or_no_file_at_all_is_a_gap(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    folder = write_results(tmp_path / "results", study).folder
    PIL.Image.new("1", (10_000, 10_000)).save(folder / "images/colosseum-x8-nearest.webp", "PNG")
    (folder / "images/colosseum-x8-bicubic.webp").unlink()
    (folder / "images/colosseum-x8-bicubic.webp").symlink_to("/dev/zero")
    assert build(study, tmp_path).report.notes == (
        "not a whole WebP or PNG picture: images/colosseum-x8-nearest.webp",
        "picture missing: images/colosseum-x8-bicubic.webp",
    )


@pytest.mark.parametrize("where", ["runs/original/colosseum/x8-seed0.webp", "levels/*.webp"])
def test_a_picture_damaged_behind_its_header_is_refused_by_name(where: str, tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    for path in write_results(tmp_path / "results", study).folder.glob(where):
        with PIL.Image.open(path) as picture:
            picture.save(path, "PNG")  # (of a WebP, Pillow reads all to tell its size)
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=r"\.webp: cannot be decoded: .*run the study again"):
        build_site(study, tmp_path / "results", tmp_path / "site")


@pytest.mark.parametrize("loss", [1e308, 1e-320, -1.0, "NaN", "Infinity"])
def test_losses_no_chart_has_place_for_leave_the_others_drawn(loss: float | str, tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    for path in (write_results(tmp_path / "results", study).folder / "levels").glob("*.json"):
        level = json.loads(path.read_text(encoding="utf-8"))
        level["losses"]["reconstruction"][0] = float(loss)
        path.write_text(json.dumps(level), encoding="utf-8")
    page = build(study, tmp_path).pages["experiments/original.html"]
    charts = set(re.findall(r"charts/losses-\w+-light\.svg", page))
    assert len(charts) == 2, "a wide and a narrow one"
    assert all("level 0" in (tmp_path / "site" / chart).read_text(encoding="utf-8") for chart in charts)


def test_a_run_of_other_epochs_than_the_profile_is_never_taken_for_it(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    profile = results.profile()
    assert profile is not None
    paper = {"id": "paper", "title": "Paper", "epochs": 2000, "base_width": 32}
    results.write("profile", profile.model_copy(update=paper))
    for level in results.levels():
        results.write(
            f"levels/{level.key}", level.model_copy(update={"epochs_planned": 2000, "base_width": 32})
        )
    assert "Not the published" not in build(study, tmp_path, "a").pages["index.html"]
    results.write(f"levels/{level.key}", level.model_copy(update={"epochs_planned": 5, "base_width": 32}))
    built = build(study, tmp_path, "b")
    for name in ("index", "experiments/original", "images/colosseum"):
        assert "trained with 5 epochs a level, not the profile's 2000" in built.pages[f"{name}.html"]
    assert all("Not the published training" in page for page in built.pages.values())


def test_what_the_study_no_longer_names_is_noted_and_left_out(tmp_path: Path) -> None:
    write_results(tmp_path / "results", small_study(("original", "real-b"), ("stone-face", "colosseum")))
    study = small_study(("original",), ("colosseum",))
    built = build(study, tmp_path)
    assert built.report.notes == (
        'image "stone-face" is not in the study: runs on it are left out',
        'experiment "real-b" is not in the study: its runs are left out',
        'image "stone-face" is not in the study: it is left out',
    )
    assert "experiments/real-b.html" not in built.pages


def test_a_record_cannot_name_a_file_outside_the_results(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    name = run_name("original", "colosseum", 8, 0)
    record = RunRecord.model_validate_json((results.folder / f"{name}.json").read_bytes())
    assert record.output is not None
    outside = record.output.picture.model_copy(update={"file": "../../secret.webp"})
    output = record.output.model_copy(update={"picture": outside})
    results.write(name, record.model_copy(update={"output": output}))
    (note,) = build(study, tmp_path).report.notes
    assert note == "picture outside the results: ../../secret.webp"


def test_pictures_that_are_missing_or_none_are_counted_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, singan: Shell
) -> None:
    study = small_study(("original",), ("colosseum",))
    folder = write_results(tmp_path / "results", study).folder
    monkeypatch.setattr("runner.study.load.load_study", lambda path: study)
    assert singan("build-site", "--check")[0] == 0
    spoilt = {
        "images/colosseum-x8-nearest.webp": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "images/colosseum-x8-bicubic.webp": b"",
        "runs/original/colosseum/x8-seed0.webp": None,
    }
    for name, data in spoilt.items():
        (folder / name).unlink()
        if data is not None:
            (folder / name).write_bytes(data)
    status, out, _ = singan("build-site", "--check")
    assert status == 1
    assert "a Git LFS pointer; git lfs pull fetches it): images/colosseum-x8-nearest.webp" in out
    assert "pictures of the record missing or not as recorded, as noted: 3" in out
    assert singan("build-site")[0] == 0, "a site with gaps is a site"


def test_nothing_to_show_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: there are no results; run the study first"):
        build_site(small_study(), tmp_path / "nowhere", tmp_path / "site")


def test_images_alone_make_a_site(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    write_results(tmp_path / "results", study, Synthetic(left_out=[("original", "colosseum")]))
    Results(tmp_path / "results", "smoke").folder.joinpath("images/colosseum.json").unlink()
    built = build(study, tmp_path)
    assert "not run" in built.pages["index.html"]


def test_downloads_hold_the_record(tmp_path: Path) -> None:
    study, folder = small_study(("original", "early-stop"), ("stone-face",)), tmp_path / "site"
    write_results(tmp_path / "results", study, Synthetic(seeds=(0, 1)))
    build(study, tmp_path)
    whole = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    assert len(whole["runs"]) == 4
    runs = rows(folder / "runs.csv")
    assert len(runs) == len(whole["runs"])
    early = next(run for run in runs if run["experiment"] == "early-stop")
    assert float(early["published_ratio_to_original"]) == pytest.approx(20.85 / 38.26)
    levels = rows(folder / "levels.csv")
    assert {level["key"] for level in levels} == {level["key"] for level in whole["levels"]}


def test_tables_hold_no_formula(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    what = Synthetic(failed=[("original", "colosseum")], reason="=HYPERLINK(1)")
    write_results(tmp_path / "results", study, what)
    build_site(study, tmp_path / "results", tmp_path / "site")
    (run,) = rows(tmp_path / "site/runs.csv")
    assert run["reason"] == "'=HYPERLINK(1)"


def test_a_run_on_a_picture_replaced_since_is_noted_and_left_out(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    (image,) = results.images()
    results.write(f"images/{image.id}", image.model_copy(update={"pixels_sha256": "0" * 64}))
    built = build(study, tmp_path)
    assert built.report.notes == ("original on colosseum: trained on another picture, left out",)


def test_a_run_with_settings_the_study_has_changed_since_says_so(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    (run,) = results.runs()
    changed = run.model_copy(update={"settings": {**run.settings, "stop": "dont_train"}})
    results.write(run_name(run.experiment, run.image, study.study.factor, run.seed), changed)
    built = build(study, tmp_path)
    assert (
        "trained with another setting of stop than the study has now"
        in built.pages["experiments/original.html"]
    )


def test_measures_stand_beside_the_original_and_plain_enlargements(tmp_path: Path) -> None:
    study = small_study(("original", "real-b"), ("colosseum",))
    write_results(tmp_path / "results", study)
    page = build(study, tmp_path).pages["experiments/real-b.html"]
    rows = re.findall(r'<th scope="row">([^<]*)</th>\s*<td>([0-9.]+)</td>\s*<td>3.25</td>', page)
    assert [label for label, _ in rows] == [
        "real-b",
        "original",
        "lanczos, no learning",
        "bicubic, no learning",
        "nearest, no learning",
    ]
    assert "higher is better" in page
    assert "SSIM" not in page  # nothing to compare with, so no column


def test_every_measure_is_explained_with_its_limit(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    write_results(tmp_path / "results", study)
    page = build(study, tmp_path).pages["about.html"]
    assert all(definition.limit in page for definition in DEFINITIONS.values())


def test_a_record_of_no_metrics_has_no_table(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    (run,) = results.runs()
    (image,) = results.images()
    assert run.output is not None
    unmeasured = run.model_copy(update={"output": run.output.model_copy(update={"metrics": {}})})
    results.write(run_name(run.experiment, run.image, study.study.factor, run.seed), unmeasured)
    results.write(f"images/{image.id}", image.model_copy(update={"baselines": {}}))
    assert "<h3>Metrics</h3>" not in build(study, tmp_path).pages["experiments/original.html"]


def test_ones_own_pictures_are_shown_and_the_study_s_left_out_if_unused(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    (image,) = results.images()
    (run,) = results.runs()
    mine = {"id": "my-cat", "title": "My <cat>", "is_own": True}
    results.write("images/my-cat", image.model_copy(update=mine))
    own_run = run.model_copy(update={"image": "my-cat"})
    results.write(run_name("original", "my-cat", study.study.factor, run.seed), own_run)
    both = build(study, tmp_path, "both")
    assert {"images/my-cat.html", "images/colosseum.html"} <= both.pages.keys()
    assert both.report.notes == ()
    (results.folder / "images" / "colosseum.json").unlink()
    (results.folder / f"{run_name('original', 'colosseum', study.study.factor, run.seed)}.json").unlink()
    own = build(study, tmp_path, "own")
    assert "images/my-cat.html" in own.pages
    assert "images/colosseum.html" not in own.pages


@pytest.mark.parametrize("moved", [{"x": 60}, {"width": 100}])
def test_a_crop_that_the_study_changed_since_is_told(tmp_path: Path, moved: dict[str, int]) -> None:
    study = small_study(("original",), ("colosseum",))
    image = study.image["colosseum"]
    assert image.crop is not None
    results = write_results(tmp_path, study, Synthetic())
    (recorded,) = results.images()
    results.write("images/colosseum", recorded.model_copy(update={"crop": image.box_in_file}))
    assert gather(study, tmp_path).notes == ()
    changed = image.model_copy(update={"crop": image.crop.model_copy(update=moved)})
    data = gather(study.model_copy(update={"image": {"colosseum": changed}}), tmp_path)
    assert any("that the study has now" in note or "than the study has now" in note for note in data.notes)
    assert data.cell("original", "colosseum").run is not None
    assert all(run.warning for run in data.cell("original", "colosseum").runs)


def test_every_run_is_timed_by_the_trainings_it_stands_on(tmp_path: Path) -> None:
    study = small_study(("original", "real-b"), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    runs = {run.experiment: run for run in results.runs()}
    before = trained_seconds(study, tmp_path)
    again = {}
    for level in list(results.levels()):
        if level.name in runs["original"].levels and level.name in runs["real-b"].levels:
            sheet = level.snapshots.sheet.model_copy(update={"file": f"levels/{level.key}-0123abcd.webp"})
            shutil.copy(results.folder / level.snapshots.sheet.file, results.folder / sheet.file)
            snapshots = level.snapshots.model_copy(update={"sheet": sheet})
            slower = {"training": "0123abcd", "seconds": 2 * level.seconds, "snapshots": snapshots}
            again[level.name] = level.model_copy(update=slower)
            results.write(f"levels/{again[level.name].name}", again[level.name])
    assert again
    stands_on = tuple(again[name].name if name in again else name for name in runs["real-b"].levels)
    name = run_name("real-b", "colosseum", study.study.factor, runs["real-b"].seed)
    results.write(name, runs["real-b"].model_copy(update={"levels": stands_on}))
    after = trained_seconds(study, tmp_path)
    slower_levels = {("real-b", str(index)) for index, name in enumerate(stands_on) if "-" in name}
    assert {level for level, seconds in after.items() if seconds > 1.9 * before[level]} == slower_levels
    shared = build(study, tmp_path).pages["experiments/real-b.html"].count("shared with original")
    assert shared == len(slower_levels)


def trained_seconds(study: Study, folder: Path) -> dict[tuple[str, str], float]:
    """What the site says that each level of each experiment took."""
    assert build(study, folder).report.notes == ()
    levels = rows(folder / "site/levels.csv")
    return {(level["experiment"], level["level"]): float(level["seconds"]) for level in levels}
