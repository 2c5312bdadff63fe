"""The graph engine: an epoch recorded once as a CUDA graph, then replayed; the batched engine's arithmetic.

The study's images are so small that a GPU waits for the next operation to be launched most of the time. A
graph launches a whole epoch at once: 3 D steps, 3 G steps, Adam, statistics and random numbers. What a graph
returns lies in its own memory and is overwritten by the next replay, so results are copied out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch

from singan.engines.batched import BatchedEngine, batched_epoch
from singan.errors import UserError
from singan.level import EpochResult, LevelInputs, LevelState
from singan.settings import TrainingSettings

WARM_UP_EPOCHS = 3
"""Epochs trained before one is recorded, because libraries choose algorithms and buffers at first use."""

_log = logging.getLogger(__name__)


class Recording(NamedTuple):
    """An epoch that can be replayed; `result` is overwritten each time."""

    replay: Callable[[], None]
    result: EpochResult


class Recorder(Protocol):
    """Records work without carrying it out."""

    def record(self, work: Callable[[], EpochResult], streams: Sequence[torch.Generator]) -> Recording:
        """Record `work`, which draws from these streams; raises `RuntimeError` where that is impossible."""


class CudaRecorder:
    """Records CUDA graphs; at every replay, random streams go on from where they are."""

    def record(self, work: Callable[[], EpochResult], streams: Sequence[torch.Generator]) -> Recording:
        """Capture `work` on a stream of its own."""
        graph = torch.cuda.CUDAGraph()
        for stream in streams:
            graph.register_generator_state(stream)
        with torch.cuda.graph(graph):
            result = work()
        return Recording(graph.replay, result)


class GraphEngine:
    """Records and replays the epochs of one level at a time, on a CUDA device only.

    Raises `UserError` for another device. Where recording turns out to be impossible, it says so once and
    goes on as the batched engine.
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._batched = BatchedEngine()
        self._inputs: LevelInputs | None = None
        self._warm_up = WARM_UP_EPOCHS
        self._recording: Recording | None = None
        self._is_impossible = False

    def train_epoch(self, state: LevelState, inputs: LevelInputs, settings: TrainingSettings) -> EpochResult:
        """One epoch: the discriminator's steps, then the generator's."""
        if self._recorder is None:
            if inputs.real.device.type != "cuda":
                raise UserError("the graph engine needs a CUDA device", right="use the engine batched")
            self._recorder = CudaRecorder()
        if self._inputs is not inputs:
            self._inputs, self._recording, self._warm_up = inputs, None, WARM_UP_EPOCHS
        if self._warm_up or self._is_impossible:
            self._warm_up = max(0, self._warm_up - 1)
            return self._batched.train_epoch(state, inputs, settings)
        set_rate(state, state.learning_rate(settings))
        if self._recording is None:
            self._recording = self._record(self._recorder, state, inputs, settings)
        if self._recording is None:
            return self._batched.train_epoch(state, inputs, settings)
        self._recording.replay()
        return EpochResult(*(part.clone() for part in self._recording.result))

    def _record(
        self, recorder: Recorder, state: LevelState, inputs: LevelInputs, settings: TrainingSettings
    ) -> Recording | None:
        below = self._batched.folded(inputs.pyramid)
        try:
            return recorder.record(
                lambda: batched_epoch(state, inputs, settings, below),
                (state.streams.noise, state.streams.feed),
            )
        except RuntimeError as error:
            _log.warning("an epoch cannot be recorded, going on without a graph: %s", error)
            self._is_impossible = True
            return None


def set_rate(state: LevelState, learning_rate: float) -> None:
    """Put the learning rate where a recording reads it: into a tensor that stays the same."""
    for adam in (state.generator_adam, state.discriminator_adam):
        for group in adam.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(learning_rate)
            else:
                device = group["params"][0].device
                group["lr"], group["capturable"] = torch.tensor(learning_rate, device=device), True
