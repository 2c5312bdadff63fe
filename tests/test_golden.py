"""No change of the code, and no processor, changes a result unnoticed: small trainings, as they were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import golden_batched
from helpers.golden_losses import GOLDEN, Losses, cases, train
from singan.engines.plain import PlainEngine
from singan.kernels import jit

GOLDEN_LOSSES: dict[str, Losses] = json.loads(GOLDEN.read_text(encoding="utf-8"))
GOLDEN_BATCHED = golden_batched.read()

ROUNDING = 1e-8
"""Absolute and relative, of float64: a sum in another order differs by about 1e-16, and each of at most 36
Adam steps divides by a gradient's own size, which for the smallest ones is about 1e-6. Between processors
5e-11 was measured. The smallest change of a formula shows as 1e-4.
"""

SINGLE_ROUNDING = 5e-3
"""Of float32, in the first epoch of the first level: a gradient near zero takes another sign, and Adam steps
the other way. Between processors 1.2e-3 was measured.
"""

CASES = {name: (feed, stop) for name, feed, stop in cases()}

AVX2: list[str] = ["avx2"] if torch.cpu._is_avx2_supported() else []  # torch itself has no public question
OTHER_CAPABILITIES = [
    name
    for name in ["default", *AVX2]
    if name.upper() != torch.backends.cpu.get_cpu_capability()  # this process's own is tested here
]


AMPLIFIED = {"learned": 1e-6}
"""Cases in which rounding grows: an upsampler's first layers begin with gradients near zero, which Adam
divides by their own size."""


def assert_close(losses: Losses, golden: Losses, name: str = "") -> None:
    tolerance = AMPLIFIED.get(name, ROUNDING)
    assert [len(level) for level in losses] == [len(level) for level in golden]
    for level, expected in zip(losses, golden, strict=True):
        np.testing.assert_allclose(level, expected, rtol=tolerance, atol=tolerance)


def assert_same_outcome(outcome: golden_batched.Outcome, case: str) -> None:
    golden = GOLDEN_BATCHED[case]
    tolerance = AMPLIFIED.get(case, ROUNDING)
    assert_close(outcome.losses, golden.losses, case)
    assert outcome.traces.keys() == golden.traces.keys()
    for name, trace in outcome.traces.items():
        np.testing.assert_allclose(trace, golden.traces[name], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("name", CASES)
def test_losses_are_as_they_were(name: str) -> None:
    assert_close(train(*CASES[name], PlainEngine()), GOLDEN_LOSSES[name], name)


@pytest.mark.parametrize("name", golden_batched.CASES)
def test_the_batched_engine_computes_what_it_did(name: str) -> None:
    assert_same_outcome(golden_batched.outcome(name), name)


@pytest.mark.slow
@pytest.mark.parametrize("capability", OTHER_CAPABILITIES)
def test_another_vector_unit_gives_the_same_results(capability: str) -> None:
    made = in_another_process(capability, NUMBA_CPU_NAME="generic")
    assert made["capability"] == capability.upper()
    assert made["plain"].keys() == CASES.keys()
    for name, losses in made["plain"].items():
        assert_close(losses, GOLDEN_LOSSES[name], name)
    for name, outcome in made["batched"].items():
        assert_same_outcome(golden_batched.Outcome(**outcome), name)
    assert made["compiled"] == jit.is_available()
    np.testing.assert_allclose(
        made["single precision"][0][0],
        GOLDEN_BATCHED["wide"].losses[0][0],
        rtol=SINGLE_ROUNDING,
        atol=SINGLE_ROUNDING,
    )


def in_another_process(capability: str, **variables: str) -> Any:
    """What `golden_child` prints, with torch and numba told which instructions to use."""
    done = subprocess.run(
        [sys.executable, "-m", "helpers.golden_child"],
        cwd=Path(__file__).parent,
        env={
            **os.environ,
            "ATEN_CPU_CAPABILITY": capability,
            **variables,
        },
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)


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
