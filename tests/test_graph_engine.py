"""The graph engine, as far as a machine without CUDA can tell: what it records, when, and what it does then.

A stand-in replays by carrying the work out again, into the memory of the first time: as a graph does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from helpers.tiny import same_state, state_of, tiny_pyramid
from singan.engines.batched import BatchedEngine
from singan.engines.graph import WARM_UP_EPOCHS, CudaRecorder, GraphEngine, Recorder, Recording
from singan.errors import UserError
from singan.level import EpochResult, LevelState, LevelTask, prepare_inputs, prepare_state
from singan.settings import TrainingSettings
from singan.stopping import StopRule
from singan.switches import LevelFeed

SETTINGS = TrainingSettings(epochs=10, base_width=4)
TASK = LevelTask(LevelFeed(), StopRule(), SETTINGS, seed=3, image_digest="aa")


class Replayer:
    """Replays by doing the work again."""

    def __init__(self) -> None:
        self.recorded = 0
        self.streams: Sequence[torch.Generator] = ()

    def record(self, work: Callable[[], EpochResult], streams: Sequence[torch.Generator]) -> Recording:
        self.recorded += 1
        self.streams = streams
        memory = EpochResult(torch.full((5,), torch.nan).double(), torch.empty(0))

        def replay() -> None:
            result = work()
            memory.losses.copy_(result.losses)
            memory.fake.resize_(result.fake.shape).copy_(result.fake)

        return Recording(replay, memory)


class Refuser:
    """A device on which nothing can be recorded."""

    def record(self, work: Callable[[], EpochResult], streams: Sequence[torch.Generator]) -> Recording:
        raise RuntimeError("operation not permitted when stream is capturing")


def train(
    engine: GraphEngine | BatchedEngine, level: int, epochs: int = 10
) -> tuple[list[Tensor], LevelState]:
    pyramid = tiny_pyramid(trained=level)
    inputs, state = prepare_inputs(pyramid, TASK), prepare_state(pyramid, TASK)
    losses = []
    for _ in range(epochs):
        losses.append(engine.train_epoch(state, inputs, SETTINGS).losses)
        state.epochs_done += 1
    return losses, state


@pytest.mark.parametrize("level", [0, 2])
def test_replayed_epochs_are_the_batched_ones_also_after_the_learning_rate_drops(level: int) -> None:
    recorder = Replayer()
    losses, state = train(GraphEngine(recorder), level)
    expected, batched = train(BatchedEngine(), level)
    torch.testing.assert_close(torch.stack(losses), torch.stack(expected), rtol=1e-6, atol=1e-6)
    for one, other in ((state.generator, batched.generator), (state.discriminator, batched.discriminator)):
        torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=1e-6, atol=1e-6)
    assert torch.equal(state.streams.feed.get_state(), batched.streams.feed.get_state())
    assert recorder.recorded == 1
    assert set(recorder.streams) == {state.streams.noise, state.streams.feed}


def test_results_are_not_overwritten_by_the_next_replay() -> None:
    losses, _ = train(GraphEngine(Replayer()), 1)
    assert len({tuple(each.tolist()) for each in losses}) == len(losses)


def test_another_level_is_warmed_up_and_recorded_anew() -> None:
    recorder = Replayer()
    engine = GraphEngine(recorder)
    train(engine, 0, WARM_UP_EPOCHS)
    assert recorder.recorded == 0
    train(engine, 1, WARM_UP_EPOCHS + 1)
    assert recorder.recorded == 1


def test_where_nothing_can_be_recorded_it_says_so_once_and_trains_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        refused: Recorder = Refuser()
        losses, state = train(GraphEngine(refused), 1)
    expected, batched = train(BatchedEngine(), 1)
    torch.testing.assert_close(torch.stack(losses), torch.stack(expected), rtol=1e-6, atol=1e-6)
    assert state_of(state.generator).keys() == state_of(batched.generator).keys()
    assert not same_state(
        state_of(state.generator), state_of(prepare_state(tiny_pyramid(trained=1), TASK).generator)
    )
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "not permitted when stream is capturing" in caplog.text


def test_on_another_device_it_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="needs a CUDA device"):
        train(GraphEngine(), 0)


class Graph:
    """A CUDA graph that only notes what is done with it."""

    def __init__(self) -> None:
        self.streams: list[torch.Generator] = []
        self.replayed = 0

    def register_generator_state(self, stream: torch.Generator) -> None:
        self.streams.append(stream)

    def replay(self) -> None:
        self.replayed += 1


def test_cuda_records_once_with_streams_that_go_on_at_every_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Graph] = []
    captured: list[Graph] = []

    def make() -> Graph:
        made.append(Graph())
        return made[-1]

    @contextmanager
    def capture(graph: Graph) -> Iterator[None]:
        assert len(graph.streams) == 2  # before anything draws from them
        captured.append(graph)
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", make)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    result = EpochResult(torch.zeros(5), torch.zeros(1))
    streams = (torch.Generator(), torch.Generator())
    recording = CudaRecorder().record(lambda: result, streams)
    recording.replay()
    recording.replay()
    assert captured == made
    assert made[0].streams == list(streams)
    assert made[0].replayed == 2
    assert recording.result is result
