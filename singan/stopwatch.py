"""How long a training takes, in wall time and in processor time.

Wall seconds are how long somebody waits. Processor seconds, of all threads of this process together, are what
the work costs: other work on the machine hardly changes them, so experiments on a CPU are compared by them. A
GPU works on its own, so there only wall seconds mean anything, taken once the device has finished.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import torch


class Lap(NamedTuple):
    """Time since the last lap, seconds."""

    wall: float
    processor: float


class Stopwatch:
    """Measures the time between calls of `lap`; it starts when it is made."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        finish_work(device)
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def lap(self, *, finished: bool) -> Lap:
        """Time since the last call; `finished` waits until the device has done what it was given.

        Laps add up to the time of the work if the last of them is `finished`. Waiting at every lap would keep
        a GPU idle between them.
        """
        if finished:
            finish_work(self._device)
        wall, processor = time.perf_counter(), time.process_time()
        lap = Lap(wall - self._wall, processor - self._processor)
        self._wall, self._processor = wall, processor
        return lap


def finish_work(device: torch.device) -> None:
    """Wait until a GPU has done what it was given; a CPU already has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
