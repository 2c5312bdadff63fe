"""Ratios to the original, and the words they are told in."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb

from helpers.records import MACHINE, Synthetic, small_study, write_results
from helpers.times import levels_of
from runner import progress
from runner.publish import words
from runner.publish.content.charts import OWN, QUIET, THEMES, Theme, level_colour
from runner.publish.content.timing_charts import Bar, RatioChart, TimingChart, TimingCharts, timing_charts
from runner.publish.data.gather import gather
from runner.publish.data.timing import NOTHING_TRAINED, Compared, Trained, compare, total_ratio, trained
from runner.record.results import run_name
from runner.study.published import Published


def published(total: float, **more: object) -> Published:
    return Published.model_validate({"total": total, **more})


def test_ratios_are_to_the_original_level_by_level_and_in_total() -> None:
    timing = compare(levels_of(1, 3), levels_of(2, 4), None, None)
    assert [level.measured.ratio for level in timing.levels] == [0.5, 0.75]
    assert (timing.measured.value, timing.measured.original, timing.measured.ratio) == (4, 6, 4 / 6)


def test_published_minutes_have_their_own_ratios() -> None:
    mine, original = (
        published(3.0, minutes_per_level=[1.0, 2.0]),
        published(8.0, minutes_per_level=[4.0, 4.0]),
    )
    timing = compare(NOTHING_TRAINED, NOTHING_TRAINED, mine, original)
    assert [level.published.ratio for level in timing.levels] == [0.25, 0.5]
    assert timing.published.ratio == 0.375
    assert timing.measured.ratio is None


def test_a_published_last_level_stands_at_the_last_level() -> None:
    original = published(10.0, minutes_per_level=[1.0, 1.0, 8.0])
    timing = compare(NOTHING_TRAINED, NOTHING_TRAINED, published(4.1, last_level=4.0), original)
    assert [level.published.ratio for level in timing.levels] == [None, None, 0.5]


def test_an_incomplete_run_or_original_has_no_total() -> None:
    part = Trained(levels_of(1, 1).levels, complete=False)
    assert compare(part, levels_of(1, 1, 1), None, None).measured.ratio is None
    assert compare(levels_of(1, 1), part, None, None).measured.ratio is None
    assert [level.measured.ratio for level in compare(part, levels_of(2, 4), None, None).levels] == [
        0.5,
        0.25,
    ]


def test_an_original_of_no_time_gives_no_ratio() -> None:
    assert compare(levels_of(1), levels_of(0), None, None).measured.ratio is None


@pytest.mark.parametrize(("machine", "other"), [("one", False), ("two", True)])
def test_runs_of_different_machines_are_marked(machine: str, other: bool) -> None:
    assert compare(levels_of(1, machine=machine), levels_of(1), None, None).other_machine == other


def test_levels_of_different_machines_are_marked_even_where_their_sum_is_of_the_same_ones() -> None:
    first, second = (levels_of(1, 1, machine=machine).levels for machine in ("one", "two"))
    mine, theirs = (
        trained((first[0], second[1]), complete=True),
        trained((second[0], first[1]), complete=True),
    )
    assert compare(mine, theirs, None, None).other_machine
    assert not compare(mine, mine, None, None).other_machine


def test_what_is_not_as_study_and_profile_say_has_no_ratio_and_gives_none(tmp_path: Path) -> None:
    study = small_study(("original", "real-b", "early-stop"), ("colosseum",))
    write_results(tmp_path, study)
    stop = study.experiment["early-stop"].stop
    for changed, untimed in {"real-b": {"real-b"}, "original": set(study.experiment)}.items():
        odd = {changed: study.experiment[changed].model_copy(update={"stop": stop})}
        data = gather(study.model_copy(update={"experiment": {**study.experiment, **odd}}), tmp_path)
        known = {name: data.cell(name, "colosseum").timing.measured for name in study.experiment}
        assert all(time.value is not None for time in known.values())
        assert {name for name, time in known.items() if time.ratio is None} == untimed


def test_a_seed_that_failed_does_not_hide_those_that_are_done(tmp_path: Path) -> None:
    study = small_study(("original", "real-b"), ("colosseum",))
    results = write_results(tmp_path, study, Synthetic(seeds=(0, 1)))
    (first,) = (run for run in results.runs() if (run.experiment, run.seed) == ("real-b", 0))
    failed = first.model_copy(update={"status": "failed", "reason": "out of memory", "output": None})
    results.write(run_name("real-b", "colosseum", study.study.factor, 0), failed)
    cell = gather(study, tmp_path).cell("real-b", "colosseum")
    assert (cell.state, cell.output.picture is not None, len(cell.runs)) == ("done", True, 2)


def test_examples_in_words_hold() -> None:
    assert doctest.testmod(progress) == (0, 1)


def test_lists_read_as_sentences() -> None:
    assert [words.join_words(tuple("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert [words.plural(n, "run") for n in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


def timed(*pairs: tuple[float, float | None], device: str = "cpu") -> Trained:
    """Levels with seconds on the wall and of the processor."""
    levels = levels_of(*(wall for wall, _ in pairs)).levels
    where = MACHINE.model_copy(update={"device": device})
    records = [
        levels[index].model_copy(update={"processor_seconds": processor, "provenance": where})
        for index, (_, processor) in enumerate(pairs)
    ]
    return trained(records, complete=True)


def test_on_a_cpu_times_and_their_ratios_are_of_the_processor() -> None:
    timing = compare(timed((10, 4), (20, 6)), timed((10, 8), (10, 12)), None, None)
    assert [level.measured.ratio for level in timing.levels] == [0.5, 0.5]
    assert (timing.measured.ratio, timing.measured.value, timing.measured.original) == (0.5, 10, 20)
    assert timing.measured.elapsed == (30, 20)


def test_on_a_gpu_ratios_are_of_the_wall() -> None:
    mine, original = (timed((5, processor), device="cuda:0") for processor in (1.0, 4.0))
    assert compare(mine, original, None, None).measured.ratio == 1


def test_without_all_processor_times_every_level_and_the_total_are_of_the_wall() -> None:
    timing = compare(timed((10, 4), (20, None)), timed((10, 8), (10, 12)), None, None)
    assert [level.measured.ratio for level in timing.levels] == [1, 2]
    assert timing.measured.ratio == 1.5


def test_a_ratio_over_several_images_is_of_one_clock() -> None:
    both = Compared((10, 10), (4, 8))
    assert total_ratio([both, Compared((30, 10), (12, 8))]) == 1
    assert total_ratio([both, Compared((30, 10))]) == 2
    assert total_ratio([both, Compared((None, 10))]) == 0.5
    assert total_ratio([]) is None


def test_a_bar_is_as_long_as_the_total_beside_which_its_ratio_stands(tmp_path: Path) -> None:
    study = small_study()
    write_results(tmp_path, study, Synthetic())
    for path in tmp_path.rglob("levels/*.json"):
        level = json.loads(path.read_text())
        path.write_text(json.dumps({**level, "processor_seconds": 0.9 * level["seconds"] + level["level"]}))
    cells = [cell for cell in gather(study, tmp_path).cells if cell.image.image.id == "colosseum"]
    assert all(cell.timing.measured.is_processor_time for cell in cells if cell.run)
    chart = timing_charts(cells, "original", None).bars[0][1].wide
    assert isinstance(chart, TimingChart)
    totals = {cell.experiment.id: cell.timing.measured.value for cell in cells}
    unit_s = {"minutes": 60, "seconds": 1}[chart.unit]
    lengths = {bar.label: sum(bar.parts) * unit_s for bar in chart.bars if bar.parts}
    assert len(lengths) > 1
    assert lengths == pytest.approx({name: totals[name] for name in lengths})


def charts_of(
    folder: Path, what: Synthetic, image: str = "colosseum", floor: float | None = 1.2
) -> TimingCharts:
    study = small_study()
    write_results(folder / "results", study, what)
    cells = [cell for cell in gather(study, folder / "results").cells if cell.image.image.id == image]
    return timing_charts(cells, "original", floor)


def test_published_times_are_outlined_on_the_scale_on_which_the_original_is_as_long(tmp_path: Path) -> None:
    charts = charts_of(tmp_path, Synthetic())
    assert [mode for mode, _ in charts.bars] == ["absolute", "share"]
    chart = charts.bars[0][1].wide
    assert isinstance(chart, TimingChart)
    original = next(bar for bar in chart.bars if bar.label == "original")
    assert sum(original.ghost) * chart.scale == pytest.approx(sum(original.parts))
    assert len(original.ghost) == len(original.parts), "the author published minutes a level"


def test_a_run_that_was_published_and_not_trained_here_is_outlined_alone(tmp_path: Path) -> None:
    charts = charts_of(tmp_path, Synthetic(left_out=[("early-stop", "colosseum")]))
    chart = charts.bars[0][1].narrow
    assert isinstance(chart, TimingChart)
    bar = next(bar for bar in chart.bars if bar.label == "early-stop")
    assert bar.parts == ()
    assert bar.ghost
    assert charts.ratios
    assert isinstance(charts.ratios.wide, RatioChart)
    row = next(row for row in charts.ratios.wide.rows if row.label == "early-stop")
    assert row.measured is None
    assert row.published == pytest.approx(0.81, abs=0.01)


def test_without_any_training_there_are_no_bars(tmp_path: Path) -> None:
    experiments = ("original", "early-stop", "real-a", "real-b")
    charts = charts_of(tmp_path, Synthetic(left_out=[(name, "colosseum") for name in experiments]))
    assert charts.bars == ()
    assert charts.ratios, "what was published has ratios all the same"


def test_the_noise_floor_and_the_line_at_one_are_drawn_and_text_is_large_enough(tmp_path: Path) -> None:
    charts = charts_of(tmp_path, Synthetic())
    assert charts.ratios
    drawn = {size: chart.svgs()["light"].decode() for size, chart in vars(charts.ratios).items()}
    assert "as far as equal trainings differ" in drawn["wide"]
    assert "as far as equal trainings differ" not in charts_without_floor(tmp_path)
    for chart in charts.files:
        for theme, svg in chart.svgs().items():
            sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg.decode())]
            assert sizes, theme
            assert min(sizes) >= (13 if chart.width < 400 else 11)
            assert chart.svgs()[theme] == svg, "the same bytes twice"


@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_of_a_chart_is_legible_on_its_page_and_on_its_band(theme: Theme) -> None:
    page, band = {"light": ("#fcfbf9", "#dedad4"), "dark": ("#171614", "#3a3733")}[theme]
    assert min(contrast(level_colour(theme, level, 9), page) for level in range(9)) >= 3
    marks = (OWN, QUIET) if theme == "light" else ("#6cc9be", "#a7a099")
    assert min(contrast(mark, ground) for mark in marks for ground in (page, band)) >= 3


def contrast(first: str, second: str) -> float:
    """WCAG 2.2, contrast ratio."""
    dark, light = sorted(luminance(*to_rgb(colour)) for colour in (first, second))
    return (light + 0.05) / (dark + 0.05)


def luminance(*channels: float) -> float:
    """WCAG 2.2, relative luminance."""
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_names_are_cut_only_where_there_is_no_room() -> None:
    bar = Bar("plateau-anneal", (1.0, 2.0), (), "")
    for is_narrow in (True, False):
        svg = TimingChart((bar,), "minutes", "absolute", 1.0, is_narrow).svgs()["light"].decode()
        assert "plateau-anneal" in svg


def charts_without_floor(folder: Path) -> str:
    ratios = charts_of(folder / "other", Synthetic(), floor=None).ratios
    assert ratios
    return ratios.wide.svgs()["light"].decode()
