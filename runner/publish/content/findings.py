"""What the record says to each of the author's claims: a verdict for every check, with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from runner.publish.content.comparison import Comparison, Scatters, compare_experiments, seed_scatters
from runner.publish.content.evidence import Figure, LevelCheck, level_figures, rule_words, time_figures
from runner.publish.content.metrics import interval_words
from runner.publish.content.published import published_figures
from runner.publish.content.verdicts import Judged, judge_experiment, meets
from runner.publish.data.model import Cell, Run, SiteData
from runner.publish.words import plural
from runner.record.schema import factor_name
from runner.study.claims import Check, Claim, QualityCheck, TimeCheck

Answer = Literal["supported", "not supported", "undecided", "not run"]


@dataclass(frozen=True)
class Published:
    """The answer by the author's own minutes and pictures, with the figures it rests on."""

    answer: Answer
    figures: tuple[str, ...]


@dataclass(frozen=True)
class CheckResult:
    """A check with its answer, how it was judged, and the figures it rests on."""

    id: str
    says: str
    experiment: str
    answer: Answer
    confidence: str
    """What the answer rests on, in a word or two; empty where that goes without saying."""
    rule: str
    figures: tuple[str, ...]
    published: Published


@dataclass(frozen=True)
class Finding:
    """A claim with the answers to its checks."""

    claim: Claim
    answer: Answer
    published: Answer
    """The answer by what the author published himself; "not run" where none of it bears on the claim."""
    results: tuple[CheckResult, ...]


def findings(data: SiteData) -> tuple[Finding, ...]:
    """Every claim of the study, answered from the record shown and from what was published."""
    scatters = seed_scatters(data)
    return tuple(_finding(claim, data, scatters) for claim in data.study.claim.values())


def _finding(claim: Claim, data: SiteData, scatters: Scatters) -> Finding:
    results = tuple(_result(name, check, data, scatters) for name, check in claim.check.items())
    return Finding(
        claim,
        overall([result.answer for result in results]),
        overall([result.published.answer for result in results]),
        results,
    )


def overall(answers: Sequence[Answer]) -> Answer:
    """A claim is supported if all of it is, and not if any of it is not."""
    if not answers or set(answers) == {"not run"}:
        return "not run"
    if "not supported" in answers:
        return "not supported"
    return "supported" if set(answers) == {"supported"} else "undecided"


def _result(name: str, check: Check, data: SiteData, scatters: Scatters) -> CheckResult:
    confidence = ""
    if isinstance(check, QualityCheck):
        mine, other = data.experiment(check.experiment), data.experiment(check.than)
        compared = compare_experiments(mine, other, _factor(data), scatters)
        verdict = judge_experiment(mine, other, data, scatters)
        answer, rule = quality_answer(verdict, check.expect), _quality_rule(check, compared)
        figures = tuple(_quality_words(comparison) for comparison in compared)
        if verdict is not None:
            confidence = f"{verdict.effect}, {verdict.confidence}"
    else:
        found = list(_run_figures(check, data))
        answer, rule = agreed([figure for _, figure in found]), rule_words(check)
        figures = tuple(f"{where}: {figure.words}" for where, figure in found)
    told = published_figures(check, data)
    published = Published(agreed([figure for _, figure in told]), tuple(f"{w}: {f.words}" for w, f in told))
    return CheckResult(name, check.says, check.experiment, answer, confidence, rule, figures, published)


def quality_answer(verdict: Judged | None, expected: Literal["better", "not worse", "worse"]) -> Answer:
    """The answer by a verdict on both ranked measures together; without an interval, nothing is decided."""
    if verdict is None:
        return "not run"
    holds = meets(verdict.effect, expected)
    if not verdict.has_interval or holds is None:
        return "undecided"
    return "supported" if holds else "not supported"


def agreed(found: Sequence[Figure]) -> Answer:
    """All figures must agree: what holds on one image and not on another is undecided."""
    if not found:
        return "not run"
    if all(figure.holds for figure in found):
        return "supported"
    return "not supported" if all(figure.holds is False for figure in found) else "undecided"


def _run_figures(check: TimeCheck | LevelCheck, data: SiteData) -> Iterator[tuple[str, Figure]]:
    """Figures of every finished run of the experiment, with the run's image and seed in words."""
    others: dict[tuple[str, int], Run] = {}
    if isinstance(check, TimeCheck):
        others = {(cell.image.image.id, run.record.seed): run for cell, run in _runs(data, check.than)}
    for cell, run in _runs(data, check.experiment):
        where = cell.image.image.id, run.record.seed
        figures = (
            time_figures(check, run, others.get(where), data.noise_floor)
            if isinstance(check, TimeCheck)
            else level_figures(check, run)
        )
        yield from ((_name(cell, run), figure) for figure in figures)


def _runs(data: SiteData, experiment: str) -> Iterator[tuple[Cell, Run]]:
    """Finished runs at the study's factor that are what study and profile say."""
    for cell in data.experiment(experiment).cells:
        for run in cell.runs:
            is_whole = run.record.status == "done" and run.levels and not run.missing_levels
            if is_whole and run.record.factor == _factor(data) and not run.warning:
                yield cell, run


def _factor(data: SiteData) -> str:
    return factor_name(data.study.study.factor)


def _name(cell: Cell, run: Run) -> str:
    several = len({other.record.seed for other in cell.runs}) > 1
    return f"{cell.image.image.title}{f', seed {run.record.seed}' if several else ''}"


def _quality_rule(check: QualityCheck, compared: Sequence[Comparison]) -> str:
    pairs = max((comparison.difference.pairs for comparison in compared), default=0)
    based = f", from {plural(pairs, 'pair')} of runs with equal image and seed" if pairs else ""
    return f"consistency and naturalness together, beside {check.than}{based}"


def _quality_words(comparison: Comparison) -> str:
    unit = f" {comparison.measure.unit}" if comparison.measure.unit else ""
    return f"{comparison.measure.title}: {interval_words(comparison)}{unit}, {comparison.words}"
