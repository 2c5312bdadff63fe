"""What runs on a worker. Light to import: the scheduler, which only passes tasks on, loads this too."""

from __future__ import annotations

import pickle
import threading
from dataclasses import replace

TOPIC = "singan-progress"
"""Topic of the events in which workers tell how far a task is."""

_stopping: set[str] = set()
"""Dask keys of the tasks that were asked to stop."""

_lock = threading.Lock()


def carry_out_leg(assignment: bytes, dask_key: str) -> bytes:
    """Carry out a pickled assignment for the length of its leg; returns a pickled result."""
    from runner.execution.assignment import LevelMade, PictureMade  # noqa: PLC0415  (loads torch)
    from runner.execution.carry_out import carry_out  # noqa: PLC0415

    observer = _Observer(dask_key)
    result = carry_out(pickle.loads(assignment), observer)  # noqa: S301  (whoever submits may run anything here)
    if isinstance(result, LevelMade | PictureMade):
        result = replace(result, provenance=result.provenance.model_copy(update={"worker": observer.worker}))
    with _lock:
        _stopping.discard(dask_key)
    return pickle.dumps(result)


def ask_to_stop(dask_keys: list[str]) -> None:
    """Ask these tasks to stop after their epoch, if they are at work here."""
    with _lock:
        _stopping.update(dask_keys)


class _Observer:
    """Passes on how far the task is; the training in progress is sent back only at the end of the leg."""

    def __init__(self, dask_key: str) -> None:
        from distributed import get_worker  # noqa: PLC0415  (there is one only while a task runs)

        self._key, self._worker = dask_key, get_worker()
        self.worker = str(self._worker.name)
        """The worker's name in the cluster."""

    def moved(self, fraction: float, detail: str) -> None:
        self._worker.log_event(TOPIC, {"key": self._key, "fraction": fraction, "detail": detail})

    def saved(self, data: bytes) -> None:
        pass

    def wants_stop(self) -> bool:
        with _lock:
            return self._key in _stopping
