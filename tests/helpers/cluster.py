"""A real scheduler and real workers on loopback, each a process in a folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from helpers.shell import SINGAN

Process = subprocess.Popen[str]

_READY_WITHIN_s = 120
"""A worker imports torch, and the machine may be busy."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], object], within_s: float = 60) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@dataclass
class TestCluster:
    """Processes that end with the test."""

    __test__ = False

    folder: Path
    port: int = field(default_factory=free_port)
    processes: list[Process] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, *arguments: str, name: str, env: Mapping[str, str] | None = None) -> Process:
        """A `singan` command in a folder of its own, whose output goes to a file there."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        root = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, "PYTHONPATH": root, **(env or {})}
        with (folder / "log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*SINGAN, *arguments], cwd=folder, stdout=log, stderr=log, text=True, env=environment
            )
        self.processes.append(process)
        return process

    def log(self, name: str) -> str:
        return (self.folder / name / "log").read_text(encoding="utf-8")

    def scheduler(self, *, env: Mapping[str, str] | None = None) -> Process:
        process = self.start("scheduler", "--port", str(self.port), name="scheduler", env=env)
        until(lambda: "scheduler at" in self.log("scheduler"), _READY_WITHIN_s)
        return process

    def worker(self, name: str, *, env: Mapping[str, str] | None = None) -> Process:
        return self.start("worker", self.address, "--name", name, name=name, env=env)

    def workers(self, *names: str, env: Mapping[str, str] | None = None) -> list[Process]:
        started = [self.worker(name, env=env) for name in names]
        for name in names:
            until(lambda name=name: "offering" in self.log(name), _READY_WITHIN_s)  # type: ignore[misc]
        return started

    def end(self) -> None:
        for process in self.processes:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
            process.kill()
            process.wait()


@contextmanager
def cluster_in(folder: Path) -> Iterator[TestCluster]:
    folder.mkdir(parents=True, exist_ok=True)
    made = TestCluster(folder)
    try:
        yield made
    finally:
        made.end()


def worker_process(nanny: Process) -> psutil.Process:
    """The process that a nanny looks after, which is the one that trains."""
    found: list[psutil.Process] = []

    def look() -> bool:
        children = psutil.Process(nanny.pid).children(recursive=True)
        found[:] = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        return bool(found)

    until(look)
    return found[0]


def kill(process: psutil.Process | Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
