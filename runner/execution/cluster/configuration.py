"""Configuration of Dask for this program: quiet, and without what it does not use.

What the user has configured, in files or by `DASK_...` variables, takes precedence.
"""

from __future__ import annotations

import logging

import dask
import distributed  # noqa: F401  (brings its defaults)

_OURS = {
    "distributed": {
        "scheduler": {
            "work-stealing": False,  # at most one task a worker is ever handed out
            "active-memory-manager": {"start": False},
        },
        "nanny": {"pre-spawn-environ": {"DASK_LOGGING__DISTRIBUTED": "critical"}},  # read before a preload is
        "worker": {
            "profile": {"enabled": False},
            "memory": {"target": False, "spill": False, "pause": False, "terminate": False},
        },
        "admin": {
            "tick": {"interval": "500ms", "limit": "1h"},  # importing torch holds up a worker for seconds
            "system-monitor": {"interval": "10s", "disk": False, "gil": {"enabled": False}},
        },
        "comm": {"timeouts": {"connect": "10s"}},
        "diagnostics": {"nvml": False},
    },
}


def configure() -> None:
    """Configure Dask for this process, whether client, scheduler or worker."""
    dask.config.update_defaults(_OURS)
    _quieten()


def _quieten() -> None:
    """Silence Dask's and Tornado's tracebacks about lost connections; our messages say what matters."""
    for name in ("distributed", "tornado", "asyncio", *logging.root.manager.loggerDict):
        if name.split(".")[0] in {"distributed", "tornado", "asyncio"}:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
