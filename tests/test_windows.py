"""The places of an image to look at first, and what is cut out there."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
from hypothesis import given
from hypothesis import strategies as st

from helpers.records import Synthetic, small_study, write_results
from runner.publish.data.gather import gather
from runner.publish.data.model import SiteData, Window
from runner.publish.data.windows import MOST, GRAIN_px, SIDE_px, choose, detail, disagreement
from runner.publish.output.pictures import all_crops

Map = npt.NDArray[np.int64]


def overlap(first: Window, second: Window) -> bool:
    across = first.left < second.left + second.width and second.left < first.left + first.width
    down = first.top < second.top + second.height and second.top < first.top + first.height
    return across and down


@given(width=st.integers(1, 900), height=st.integers(1, 900), seed=st.integers(0, 2**32 - 1))
def test_windows_lie_inside_and_over_no_other(width: int, height: int, seed: int) -> None:
    shape = -(-height // GRAIN_px), -(-width // GRAIN_px)
    worth = np.random.default_rng(seed).integers(0, 255, (2, *shape))
    found = choose(worth[0], worth[1], Window(0, 0, width, height))
    assert 1 <= len(found) <= MOST
    for index, window in enumerate(found):
        assert (window.width, window.height) == (min(SIDE_px, width), min(SIDE_px, height))
        assert 0 <= window.left <= width - window.width
        assert 0 <= window.top <= height - window.height
        assert not any(overlap(window, other) for other in found[:index])


def gather_one(folder: Path, what: Synthetic | None = None) -> SiteData:
    """The record of three experiments on two images."""
    study = small_study(("original", "early-stop", "real-b"))
    write_results(folder, study, what)
    return gather(study, folder)


def place(shape: tuple[int, int], row: int, column: int, side: int = SIDE_px // GRAIN_px) -> Map:
    """1 in a square, 0 elsewhere."""
    values = np.zeros(shape, np.int64)
    values[row : row + side, column : column + side] = 1
    return values


def test_the_first_window_is_where_methods_differ_and_detail_is() -> None:
    """Where they differ on a flat area, and where detail looks alike by all, there is nothing to see."""
    shape = (150, 150)
    differ = place(shape, 10, 20) + place(shape, 100, 100)
    detailed = place(shape, 10, 20) * 5 + place(shape, 60, 60) * 9
    first, *_ = choose(differ, detailed, Window(0, 0, 600, 600))
    assert (first.left, first.top) == (20 * GRAIN_px, 10 * GRAIN_px)
    assert first.centre == (20 * GRAIN_px + SIDE_px / 2, 10 * GRAIN_px + SIDE_px / 2)


def test_a_wrecked_picture_does_not_decide_where_methods_differ() -> None:
    flat = np.full((40, 40), 100, np.int64)
    differs = flat + 20 * place((40, 40), 5, 5, 10)
    wreck = np.where(np.indices((40, 40)).sum(0) % 2, 0, 255)
    found = disagreement([flat, flat + 1, differs, differs + 1, wreck])
    inside = place((40, 40), 5, 5, 10) == 1
    assert found[inside].min() > 5
    assert found[~inside].max() <= 1


def test_a_single_method_disagrees_nowhere_and_detail_decides() -> None:
    grey = np.full((80, 80), 50, np.int64)
    grey[30:50, 30:50] = np.indices((20, 20)).sum(0) % 2 * 200
    assert disagreement([grey]).tolist() == np.ones((80, 80), int).tolist()
    (first, *_) = choose(disagreement([grey]), detail(grey), Window(0, 0, 320, 320))
    assert overlap(first, Window(160, 160, 1, 1))


def test_crops_are_the_pictures_own_pixels(tmp_path: Path) -> None:
    data = gather_one(tmp_path)
    assert set(data.windows) == {"stone-face", "colosseum"}
    crops = list(all_crops(data))
    inputs, runs = 2 * 2, 6
    assert len(crops) == inputs + runs
    for piece in crops:
        whole = np.asarray(PIL.Image.open(piece.picture.source).convert("RGB"))
        for window, content in zip(piece.windows, piece.make(), strict=True):
            rows = slice(window.top, window.top + window.height)
            columns = slice(window.left, window.left + window.width)
            cut = np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB"))
            assert np.array_equal(cut, whole[rows, columns])


def test_the_same_record_has_the_same_windows(tmp_path: Path) -> None:
    first, second = (gather_one(tmp_path / name) for name in "ab")
    assert first.windows == second.windows


def test_without_a_picture_of_a_method_there_is_no_window(tmp_path: Path) -> None:
    everything = [(name, "colosseum") for name in ("original", "early-stop", "real-b")]
    data = gather_one(tmp_path, Synthetic(left_out=everything))
    assert data.windows["colosseum"] == ()
    assert data.windows["stone-face"]
