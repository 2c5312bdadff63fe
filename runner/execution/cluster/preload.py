"""Loaded by every worker process before it offers itself (Dask's `preload`)."""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:  # noqa: ARG001  (what Dask calls)
    """Leave Ctrl-C to the parent, keep quiet, and load torch now: later it would hold up the worker."""
    import runner.execution.carry_out  # noqa: F401, PLC0415
    from runner.execution.cluster.configuration import configure  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure()
