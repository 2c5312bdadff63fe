"""No change of the code changes a result unnoticed: losses of every feed and stop rule, as they were."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden_losses import GOLDEN, cases, train

from singan.engines.plain import PlainEngine

GOLDEN_LOSSES = json.loads(GOLDEN.read_text(encoding="utf-8"))

TOLERANCE = 1e-4
"""Relative. The arithmetic is float64, but the noise is drawn in float32, whose last bit may differ between
processors and is amplified by every step. Another order of operations shows as 1e-9, another formula as 1e-2.
"""

CASES = {name: (feed, stop) for name, feed, stop in cases()}


@pytest.mark.parametrize("name", CASES)
def test_losses_are_as_they_were(name: str) -> None:
    losses, golden = train(*CASES[name], PlainEngine()), GOLDEN_LOSSES[name]
    assert [len(level) for level in losses] == [len(level) for level in golden]
    for level, expected in zip(losses, golden, strict=True):
        np.testing.assert_allclose(level, expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_every_case_is_golden_and_the_cases_differ() -> None:
    assert GOLDEN_LOSSES.keys() == CASES.keys()
    finest = {json.dumps(levels[-1]) for levels in GOLDEN_LOSSES.values()}
    assert len(finest) == len(GOLDEN_LOSSES)


def test_some_levels_stop_early_and_some_do_not() -> None:
    epochs = {
        tuple(len(level) for level in levels)
        for name, levels in GOLDEN_LOSSES.items()
        if name.endswith("small_rec_loss")
    }
    assert any(min(lengths) < 4 for lengths in epochs)
    assert any(max(lengths[:-1]) == 4 for lengths in epochs)
