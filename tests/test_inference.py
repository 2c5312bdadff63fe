"""A folded generator is the trained one, in strips or whole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.tiny import trained_level
from singan import inference
from singan.geometry import Size
from singan.inference import fold

ROUNDING = 1e-10
"""Of float64: folding multiplies in another order."""


@given(height=st.integers(1, 40), width=st.integers(1, 30), batch=st.integers(1, 3), seed=st.integers(0, 9))
def test_folding_changes_nothing_but_rounding(height: int, width: int, batch: int, seed: int) -> None:
    level = trained_level(1, Size(12, 14), seed=seed)
    source = torch.Generator().manual_seed(seed)
    noise, previous = torch.randn(2, batch, 3, height, width, generator=source, dtype=torch.float64)
    torch.testing.assert_close(
        fold(level).generate(noise, previous), level.generate(noise, previous), rtol=ROUNDING, atol=ROUNDING
    )


@pytest.mark.parametrize("floats", [1, 3_000, 10**9])
@pytest.mark.parametrize("height", [15, 16, 17, 33, 64])
def test_strips_join_without_a_seam(floats: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    level = trained_level(1, Size(12, 14))
    noise, previous = torch.randn(2, 1, 3, height, 21, dtype=torch.float64)
    whole = level.generate(noise, previous)
    monkeypatch.setattr(inference, "_STRIP_floats", floats)
    torch.testing.assert_close(fold(level).generate(noise, previous), whole, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_strips_side_by_side_join_without_a_seam(threads: int) -> None:
    level = trained_level(1, Size(12, 14), width=8, dtype=torch.float32)
    noise, previous = torch.randn(1, 3, 150, 70), torch.rand(1, 3, 150, 70) * 2 - 1
    whole = level.generate(noise, previous)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = fold(level).generate(noise, previous)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-4)


def test_what_goes_wrong_in_a_strip_goes_wrong_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("strip")

    monkeypatch.setattr(inference, "convolve", fail)
    with pytest.raises(MemoryError, match="strip"):
        fold(trained_level(1, Size(12, 14))).generate(*torch.zeros(2, 1, 3, 64, 20).double())


def test_in_single_precision_a_picture_differs_by_less_than_a_grey_level() -> None:
    level = trained_level(1, Size(12, 14), width=32, dtype=torch.float32)
    noise, previous = torch.randn(1, 3, 70, 50), torch.rand(1, 3, 70, 50) * 2 - 1
    difference = (fold(level).generate(noise, previous) - level.generate(noise, previous)).abs().max()
    assert float(difference) < 2 / 255


def test_the_level_itself_is_left_as_it_was() -> None:
    level = trained_level(1, Size(12, 14))
    before = {name: value.clone() for name, value in level.generator.state_dict().items()}
    fold(level).generate(torch.zeros(1, 3, 20, 20).double(), torch.zeros(1, 3, 20, 20).double())
    assert all(torch.equal(value, before[name]) for name, value in level.generator.state_dict().items())
