"""What the site says of differences between experiments, and of the author's claims."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from helpers.records import Synthetic, small_study, write_published_figures, write_results
from runner.metrics.statistics import Difference
from runner.publish.content.comparison import Comparison, compare_experiments, noise_spread, outputs
from runner.publish.content.evidence import Figure, time_figures
from runner.publish.content.findings import Answer, Finding, agreed, findings, overall, quality_answer
from runner.publish.content.metrics import metric_tables, signed
from runner.publish.content.verdicts import Effect, Judged
from runner.publish.data.gather import gather
from runner.publish.data.model import SiteData
from runner.publish.data.noise_floor import NoiseFloor
from runner.publish.site import build_site
from runner.publish.words import TIMES
from runner.record.results import Results, run_name
from runner.record.schema import Draw, LevelRecord, RunRecord
from runner.study.claims import TimeCheck
from runner.study.schema import Study

EXPERIMENTS = ("original", "early-stop", "real-b")
IMAGES = ("stone-face", "colosseum")
SEEDS = (0, 1, 2)


@dataclass
class Lab:
    """A record of three seeds that can be changed."""

    study: Study
    results: Results

    @property
    def data(self) -> SiteData:
        return gather(self.study, self.results.folder.parent)

    def runs(self, experiment: str) -> list[RunRecord]:
        return [run for run in self.results.runs() if run.experiment == experiment]

    def rewrite(self, run: RunRecord) -> None:
        self.results.write(run_name(run.experiment, run.image, self.study.study.factor, run.seed), run)

    def measure(self, experiment: str, figures: Mapping[int, float], measure: str = "lr_psnr") -> None:
        """Set a measure by seed, on all images."""
        for run in self.runs(experiment):
            assert run.output is not None
            metrics = {**run.output.metrics, measure: figures[run.seed]}
            self.rewrite(
                run.model_copy(update={"output": run.output.model_copy(update={"metrics": metrics})})
            )

    def levels(self, experiment: str, seed: int = 0) -> list[LevelRecord]:
        keys = {key for run in self.runs(experiment) if run.seed == seed for key in run.levels}
        return [level for level in self.results.levels() if level.key in keys]

    def finding(self, claim: str) -> Finding:
        return next(finding for finding in findings(self.data) if finding.claim.id == claim)

    def answers(self, claim: str) -> dict[str, Answer]:
        return {result.id: result.answer for result in self.finding(claim).results}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    study = small_study(EXPERIMENTS, IMAGES)
    return Lab(study, write_results(tmp_path / "results", study, Synthetic(seeds=SEEDS)))


def compared(lab: Lab, experiment: str) -> dict[str, Comparison]:
    data = lab.data
    mine, original = (
        next(e for e in data.experiments if e.experiment.id == name) for name in (experiment, "original")
    )
    return {comparison.name: comparison for comparison in compare_experiments(mine, original, "x8")}


def test_differences_are_taken_between_equal_images_and_seeds(lab: Lab) -> None:
    lab.measure("original", {0: 20.0, 1: 30.0, 2: 40.0})
    lab.measure("real-b", {0: 23.0, 1: 33.0, 2: 43.0})
    found = compared(lab, "real-b")["lr_psnr"]
    assert found.difference == Difference(3.0, 3.0, 3.0, 6)
    assert found.verdict == "better"


def test_a_seed_that_only_one_of_them_has_counts_for_nothing(lab: Lab) -> None:
    lab.measure("original", {0: 20.0, 1: 20.0, 2: 999.0})
    lab.measure("real-b", {0: 21.0, 1: 21.0, 2: 0.0})
    for run in lab.runs("original"):
        if run.seed == 2:
            lab.rewrite(run.model_copy(update={"status": "failed", "reason": "no", "output": None}))
    assert compared(lab, "real-b")["lr_psnr"].difference == Difference(1.0, 1.0, 1.0, 4)


def test_a_run_that_is_not_what_the_study_says_counts_for_nothing(lab: Lab) -> None:
    for run in lab.runs("real-b"):
        lab.rewrite(run.model_copy(update={"settings": {**run.settings, "adversarial": "rand"}}))
    assert compared(lab, "real-b") == {}
    assert lab.answers("early-levels")["level-0"] == "supported"  # others are not touched by that


def test_the_noise_of_super_resolution_is_told_apart_from_the_seed(lab: Lab) -> None:
    lab.measure("real-b", {0: 20.0, 1: 30.0, 2: 40.0})
    for run in lab.runs("real-b"):
        assert run.output is not None
        draw = Draw(draw=1, metrics={"lr_psnr": (run.output.metrics["lr_psnr"] or 0) + 2}, psnr=26.0)
        output = run.output.model_copy(update={"draws": (draw,)})
        lab.rewrite(run.model_copy(update={"output": output}))
    data = lab.data
    cell, original = data.cell("real-b", "colosseum"), data.cell("original", "colosseum")
    assert noise_spread(outputs(cell, "x8"), "lr_psnr") == pytest.approx(2**0.5)
    (table,) = metric_tables(cell, original, {})
    rows = {row.label: row.values[0] for row in table.rows}
    assert rows["real-b, 3 seeds"] == "30.00 ± 10.00"
    assert rows["by SR noise alone, 2 draws of equal weights"] == "± 1.41"
    assert any(label.startswith("difference from the original") for label in rows)


def test_a_single_seed_shows_figures_but_no_interval(tmp_path: Path) -> None:
    study = small_study(EXPERIMENTS, IMAGES)
    single = Lab(study, write_results(tmp_path / "results", study))
    data = single.data
    (table,) = metric_tables(data.cell("real-b", "colosseum"), data.cell("original", "colosseum"), {})
    assert [row.label for row in table.rows][:2] == ["real-b", "original"]
    assert not any(row.is_comparison for row in table.rows)
    assert {comparison.verdict for comparison in compared(single, "real-b").values()} == {"undecided"}


def test_the_pages_say_so_where_there_is_no_visible_difference(lab: Lab, tmp_path: Path) -> None:
    lab.measure("original", {0: 20.0, 1: 30.0, 2: 40.0})
    lab.measure("real-b", {0: 20.1, 1: 29.9, 2: 40.1})
    build_site(lab.study, lab.results.folder.parent, tmp_path / "site")
    page = html.unescape((tmp_path / "site/experiments/real-b.html").read_text(encoding="utf-8"))
    assert "no visible difference" in page
    answered = html.unescape((tmp_path / "site/findings.html").read_text(encoding="utf-8"))
    assert "Results stay good" in answered
    assert "The claims are about 2000 epochs" in answered


def test_the_stop_rules_claim_is_answered_from_epochs_and_times(lab: Lab) -> None:
    assert lab.answers("stop-rule") == {
        "level-0": "supported",  # 5 of 5 epochs
        "level-1": "not supported",  # 1 of 5
        "upper-levels": "supported",  # 20 %
        "time": lab.answers("stop-rule")["time"],
        "quality": "not supported" if _is_worse(lab) else lab.answers("stop-rule")["quality"],
    }
    assert lab.finding("stop-rule").answer == "not supported"
    figures = next(result for result in lab.finding("stop-rule").results if result.id == "level-1").figures
    assert len(figures) == len(IMAGES) * len(SEEDS)
    assert "Colosseum, seed 1: level 1 20%" in figures


def _is_worse(lab: Lab) -> bool:
    return any(comparison.verdict == "worse" for comparison in compared(lab, "early-stop").values())


@pytest.mark.parametrize(("seconds", "answer"), [(0.6, "supported"), (2.0, "not supported")])
def test_training_time_is_compared_on_the_same_machine_only(
    lab: Lab, seconds: float, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.publish.data.gather.noise_floor", lambda _: None)
    own = {level.key for seed in SEEDS for level in lab.levels("original", seed)}
    for seed in SEEDS:
        for level in lab.levels("early-stop", seed):
            factor = 1.0 if level.key in own else seconds
            lab.results.write(f"levels/{level.key}", level.model_copy(update={"seconds": factor}))
    for seed in SEEDS:
        for level in lab.levels("original", seed):
            lab.results.write(f"levels/{level.key}", level.model_copy(update={"seconds": 1.0}))
    assert lab.answers("stop-rule")["time"] == answer
    elsewhere = lab.levels("original")[0].provenance.model_copy(update={"machine": "another"})
    for seed in SEEDS:
        for level in lab.levels("original", seed):
            moved = level.model_copy(update={"provenance": elsewhere, "seconds": 1.0})
            lab.results.write(f"levels/{level.key}", moved)
    assert lab.answers("stop-rule")["time"] == "not run"


@pytest.mark.parametrize(
    ("beside_the_bound", "noise", "holds"),
    [(0.8, 1.1, True), (0.95, 1.1, None), (1.05, 1.1, None), (1.2, 1.1, False), (1.05, None, False)],
)
def test_a_time_that_chance_may_have_moved_across_the_bound_decides_nothing(
    beside_the_bound: float, noise: float | None, holds: bool | None, lab: Lab
) -> None:
    mine, other = (lab.data.cell(name, "colosseum").runs[0] for name in ("early-stop", "original"))
    ratio = mine.timing.measured.beside(other.timing.measured).ratio
    assert ratio is not None
    bound = ratio / beside_the_bound
    check = TimeCheck(says="x", experiment="early-stop", kind="time", at_least=bound / 9, at_most=bound)
    floor = None if noise is None else NoiseFloor(noise, trainings=9, groups=3)
    (figure,) = time_figures(check, mine, other, floor)
    assert figure.holds is holds
    assert ("chance" in figure.words) == (holds is None)


def test_snapshots_that_look_alike_are_settled(lab: Lab) -> None:
    """All snapshots of a level become copies of its last."""
    assert lab.answers("early-levels")["settled"] != "supported"
    for level in [level for seed in SEEDS for level in lab.levels("original", seed)]:
        path = lab.results.folder / level.snapshots.sheet.file
        sheet = np.array(PIL.Image.open(path).convert("RGB"))
        width = level.snapshots.width
        sheet[:] = np.tile(sheet[:, -width:], (1, len(level.snapshots.epochs), 1))
        PIL.Image.fromarray(sheet).save(path, lossless=True)
    answers = lab.answers("early-levels")
    assert answers["settled"] == "supported"
    assert answers["level-1"] == "not supported"


def test_claims_without_a_run_are_not_run(tmp_path: Path) -> None:
    study = small_study(EXPERIMENTS, IMAGES)
    missing = [("early-stop", image) for image in IMAGES]
    lab = Lab(study, write_results(tmp_path / "results", study, Synthetic(left_out=missing)))
    assert set(lab.answers("stop-rule").values()) == {"not run"}
    assert lab.finding("stop-rule").answer == "not run"


def verdict(effect: Effect, *, has_interval: bool = True) -> Judged:
    return Judged(effect, "3 seeds, interval", has_interval, is_hint=False, worth=0.0)


@pytest.mark.parametrize(
    ("effect", "worse", "not_worse", "better"),
    [
        ("same", "not supported", "supported", "not supported"),
        ("slightly worse", "supported", "not supported", "not supported"),
        ("much worse", "supported", "not supported", "not supported"),
        ("better", "not supported", "supported", "supported"),
        ("mixed", "undecided", "undecided", "undecided"),
        ("unclear", "undecided", "undecided", "undecided"),
    ],
)
def test_quality_is_answered_by_both_ranked_measures_together(
    effect: Effect, worse: Answer, not_worse: Answer, better: Answer
) -> None:
    found = verdict(effect)
    assert quality_answer(found, "worse") == worse
    assert quality_answer(found, "not worse") == not_worse
    assert quality_answer(found, "better") == better


def test_without_an_interval_quality_decides_nothing_and_without_a_picture_it_is_not_run() -> None:
    assert quality_answer(verdict("much worse", has_interval=False), "worse") == "undecided"
    assert quality_answer(None, "worse") == "not run"


def test_the_authors_own_minutes_and_pictures_answer_in_a_column_of_their_own(
    lab: Lab, tmp_path: Path
) -> None:
    """His 14.91 of 18.38 minutes are the 81 % that he claims."""
    root = lab.results.folder.parent
    write_published_figures(root, lab.study, lab.results)
    by_id = {result.id: result.published for result in lab.finding("stop-rule").results}
    assert by_id["time"].answer == "supported"
    assert f"Colosseum: 0.81{TIMES} in minutes" in by_id["time"].figures
    assert by_id["upper-levels"].answer == "undecided"
    stone_face = "Stone face: 73%, 12%, 7%, 8%, 10%, 10% of the original's minutes"
    assert stone_face in by_id["upper-levels"].figures
    assert by_id["quality"].figures == (
        "Stone face: better (consistency +2.00, NIQE +0.00)",
        "Colosseum: better (consistency +2.00, NIQE +0.00)",
    )
    assert by_id["quality"].answer == "supported"
    build_site(lab.study, root, tmp_path / "site")
    page = html.unescape((tmp_path / "site/findings.html").read_text(encoding="utf-8"))
    assert stone_face in page
    assert "Stopping early saves time and keeps results good" in page


def test_what_was_not_published_answers_nothing(lab: Lab) -> None:
    assert all(result.published.answer == "not run" for result in lab.finding("early-levels").results)
    assert lab.finding("early-levels").published == "not run"


def test_figures_that_disagree_decide_nothing() -> None:
    yes, no = Figure("1", holds=True), Figure("2", holds=False)
    neither = Figure("3", holds=None)
    assert [agreed(found) for found in ([], [yes, yes], [yes, no], [no, no], [no, neither])] == [
        "not run", "supported", "undecided", "not supported", "undecided",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "answer"),
    [
        ([], "not run"),
        (["not run", "not run"], "not run"),
        (["supported", "supported"], "supported"),
        (["supported", "not run"], "undecided"),
        (["supported", "undecided"], "undecided"),
        (["supported", "not supported", "undecided"], "not supported"),
    ],
)
def test_a_claim_holds_if_all_of_it_does(answers: list[Answer], answer: Answer) -> None:
    assert overall(answers) == answer


def test_a_difference_shows_its_sign() -> None:
    assert [signed(value, "niqe") for value in (0.256, -0.256, -0.001, 0.0)] == [
        "+0.26",
        "\N{MINUS SIGN}0.26",
        "+0.00",
        "+0.00",
    ]
