"""Train every golden case in a process of its own and print what came of it, as JSON: for `test_golden`.

The processor's vector unit is chosen before torch starts, by `ATEN_CPU_CAPABILITY` and `NUMBA_CPU_NAME`.
"""

from __future__ import annotations

import json
import sys

import torch

from helpers import golden_batched, golden_losses
from singan.engines.plain import PlainEngine
from singan.kernels import jit

if __name__ == "__main__":
    torch.set_num_threads(1)  # with more, numba's loops would not serve
    single = golden_batched.outcome("wide", torch.float32)
    outcomes = {
        "capability": torch.backends.cpu.get_cpu_capability(),
        "compiled": jit.serves(torch.device("cpu")),
        "plain": {
            name: golden_losses.train(feed, stop, PlainEngine()) for name, feed, stop in golden_losses.cases()
        },
        "batched": {name: golden_batched.outcome(name)._asdict() for name in golden_batched.CASES},
        "single precision": single.losses,
    }
    json.dump(outcomes, sys.stdout)
