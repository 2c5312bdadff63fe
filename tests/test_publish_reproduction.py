"""The page that sets our runs beside the published ones says what it rests on, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from scipy.stats import spearmanr

from helpers.records import Synthetic, small_study, write_published_figures, write_results
from runner.publish.content.all_pages import all_pages
from runner.publish.content.pages import ReproductionPage
from runner.publish.content.reproduction import Reproduction, reproduction
from runner.publish.data.gather import gather
from runner.publish.site import build_site
from runner.record.results import Results

STUDY = small_study(("original", "early-stop", "real-b", "real-c"), ("stone-face", "cows", "colosseum"))
RUNS = [(e.id, i) for e in STUDY.experiment.values() for i in e.published]


def write(root: Path, what: Synthetic, *, pixels: str | None = None, factor: str = "x8") -> None:
    """A record, and figures of all published pictures."""
    results = write_results(root, STUDY, what)
    write_published_figures(root, STUDY, results, pixels=pixels, factor=factor)


def reproduced(root: Path) -> Reproduction:
    found = reproduction(gather(STUDY, root))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs but those on cows; author's weights of two."""
    root = tmp_path_factory.mktemp("results")
    without = [run for run in RUNS if run[1] == "cows"]
    imported = [("original", "cows"), ("original", "colosseum")]
    write(root, Synthetic(left_out=without, imported=imported))
    return root


def test_every_published_run_is_there_and_what_is_missing_is_said(root: Path) -> None:
    found = reproduced(root)
    assert [(run.cell.experiment.id, run.cell.image.image.id) for run in found.runs] == RUNS
    untrained = {run.cell.image.image.id for run in found.runs if not run.is_trained_here}
    assert untrained == {"cows"}
    assert found.trained_here == len([run for run in RUNS if run[1] != "cows"])


def test_figures_are_those_of_the_published_picture_the_weights_and_our_run(root: Path) -> None:
    index = RUNS.index(("original", "colosseum"))
    run = reproduced(root).runs[index]
    records = list(Results(root, "smoke").runs())
    own, theirs = (
        next(
            record.output.metrics["lr_psnr"]
            for record in records
            if (record.experiment, record.image) == RUNS[index]
            and (record.imported_from is not None) == imported
            and record.output is not None
        )
        for imported in (False, True)
    )
    figures = run.figures[0]
    assert (figures.published, figures.weights, figures.ours) == (10.0 + index, theirs, own)


def test_the_correlation_is_spearmans_over_the_runs_that_have_both(root: Path) -> None:
    found = reproduced(root)
    pairs = [
        (run.figures[0].published, run.figures[0].ours)
        for run in found.runs
        if run.figures[0].ours is not None
    ]
    own, weights = found.measures[0].correlations
    assert own.pairs == len(pairs) == found.trained_here
    assert own.rho == pytest.approx(spearmanr(*zip(*pairs, strict=True)).statistic)
    assert (weights.pairs, weights.rho) == (2, None), "too few to rank"


def test_equal_figures_have_no_ranks(root: Path) -> None:
    assert reproduced(root).measures[1].correlations[0].rho is None, "every published NIQE is 4"


def test_the_original_is_no_evidence_of_time_ratios(root: Path) -> None:
    times = {run.cell.experiment.id: run.figures[2] for run in reproduced(root).runs}
    assert times["original"].ours is None
    assert times["early-stop"].ours is not None
    assert times["early-stop"].published is not None


def test_figures_against_another_picture_or_of_another_factor_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "a", Synthetic(), pixels="f" * 64)
    write(tmp_path / "b", Synthetic(), factor="x4")
    assert reproduction(gather(STUDY, tmp_path / "a")) is None
    assert reproduction(gather(STUDY, tmp_path / "b")) is None


def test_what_was_published_is_the_same_in_every_profile(tmp_path: Path) -> None:
    write(tmp_path, Synthetic())
    one_image = small_study(("original", "early-stop"), ("colosseum",))
    write_results(tmp_path, one_image, Synthetic(profile="preview"))
    here, there = (gather(STUDY, tmp_path, profile) for profile in ("smoke", "preview"))
    assert len(here.published_pictures) == len(RUNS)
    assert there.published_pictures == here.published_pictures


def test_without_published_figures_there_is_no_page_and_no_link_to_it(tmp_path: Path) -> None:
    write_results(tmp_path / "results", STUDY, Synthetic())
    build_site(STUDY, tmp_path / "results", tmp_path / "site")
    assert not (tmp_path / "site" / "reproduction.html").exists()
    assert "reproduction.html" not in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_the_page_links_every_run_and_names_its_correlations(root: Path, tmp_path: Path) -> None:
    build_site(STUDY, root, tmp_path)
    page = (tmp_path / "reproduction.html").read_text(encoding="utf-8")
    for experiment, image in RUNS:
        assert f'href="experiments/{experiment}.html#{image}"' in page
    (built,) = (page for page in all_pages(gather(STUDY, root)) if isinstance(page, ReproductionPage))
    rho = cast("float", built.found.measures[0].correlations[0].rho)
    told = f"{rho:.2f}".replace("-", "\N{MINUS SIGN}")
    assert f"<strong>{told}</strong>, over {built.found.trained_here} runs" in page
    assert "not yet" in page


def test_a_run_shows_its_published_picture_in_figures(root: Path, tmp_path: Path) -> None:
    build_site(STUDY, root, tmp_path)
    page = (tmp_path / "experiments" / "early-stop.html").read_text(encoding="utf-8")
    assert "early-stop, the picture its author published" in page
    assert f"{10 + RUNS.index(('early-stop', 'colosseum')):.2f}" in page
