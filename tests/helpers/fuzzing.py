"""How many cases of what `make fuzz` and the suite try, and how many were refused."""

from __future__ import annotations

import os
from collections import Counter

from hypothesis import HealthCheck, settings

FUZZ_CASES = int(os.environ.get("SINGAN_FUZZ_CASES", "0"))
"""How many cases to try in all; 0 for the suite's few."""

PER_10_000 = {
    "study text": 1500,
    "study bytes": 300,
    "study values": 2000,
    "record values": 1500,
    "record files": 500,
    "pictures": 1500,
    "folders": 500,
    "store": 900,
    "runs on a spoilt store": 300,
    "commands": 940,
    "commands in odd places": 60,
}
"""Of 10,000 cases, how many are spent on what."""

_SUITE_SHARE = 0.025

TRIED: Counter[str] = Counter()
REFUSED: Counter[str] = Counter()
"""Cases by target; a target that refuses them all, or none, tries too little."""


def cases(target: str) -> settings:
    """Settings for a target; as many cases as its share."""
    wanted = PER_10_000[target] * (FUZZ_CASES / 10_000 if FUZZ_CASES else _SUITE_SHARE)
    return settings(
        max_examples=max(1, round(wanted)),
        derandomize=not FUZZ_CASES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def counts() -> str:
    """How many cases each target got, a line each."""
    lines = [f"{n:6} cases of {target}, {REFUSED[target]} refused" for target, n in TRIED.items()]
    return "\n".join(["", *lines, f"{TRIED.total():6} cases in all", ""])
