"""Ratios to the original, and the words they are told in."""

from __future__ import annotations

import doctest

import pytest

from helpers.records import MACHINE
from helpers.times import levels_of
from runner import progress
from runner.publish import words
from runner.publish.data.timing import NOTHING_TRAINED, Compared, Trained, compare, total_ratio, trained
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


def test_on_a_cpu_ratios_are_of_processor_time_and_times_are_shown_as_on_the_wall() -> None:
    timing = compare(timed((10, 4), (20, 6)), timed((10, 8), (10, 12)), None, None)
    assert [level.measured.ratio for level in timing.levels] == [0.5, 0.5]
    assert (timing.measured.ratio, timing.measured.value, timing.measured.original) == (0.5, 30, 20)


def test_on_a_gpu_ratios_are_of_the_wall() -> None:
    mine, original = (timed((5, processor), device="cuda:0") for processor in (1.0, 4.0))
    assert compare(mine, original, None, None).measured.ratio == 1


def test_without_all_processor_times_ratios_are_of_the_wall() -> None:
    timing = compare(timed((10, 4), (20, None)), timed((10, 8), (10, 12)), None, None)
    assert [level.measured.ratio for level in timing.levels] == [0.5, 2]
    assert timing.measured.ratio == 1.5


def test_a_ratio_over_several_images_is_of_one_clock() -> None:
    both = Compared(10, 10, (4, 8))
    assert total_ratio([both, Compared(30, 10, (12, 8))]) == 1
    assert total_ratio([both, Compared(30, 10)]) == 2
    assert total_ratio([both, Compared(None, 10)]) == 0.5
    assert total_ratio([]) is None
