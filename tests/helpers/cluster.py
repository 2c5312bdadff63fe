"""A real scheduler, real workers and clients on loopback, each a process in a folder of its own.

Workers keep a diary of their legs, and do what they are told in one: `helpers.diary` tells how.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import psutil

from helpers.shell import SINGAN
from helpers.tiny_study import TinyStudy
from runner.execution.execute import Execution
from runner.execution.resources import Resources
from runner.files import write_atomically
from runner.progress import PlainProgress
from runner.record.results import Results
from runner.store.store import WEIGHTS, Store

Process = subprocess.Popen[str]

Order = Literal["hold", "refuse", "die"]

ROOT = Path(__file__).resolve().parents[2]

FEW_EPOCHS = ("epochs = 2\n", "epochs = 6\n")
"""An edit of the tiny study after which there is something in the middle of a level."""

ONE = ("--experiment", "original", "--image", "dots")
"""A run of three levels, each on top of the one before, so one worker at a time has something to do."""

LEGS = 3 * 6 + 1
"""Of such a run with few epochs, in legs of one; the picture is the last."""

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


@dataclass(frozen=True)
class Leg:
    """Something that happened to a leg, as a worker wrote it down."""

    worker: str
    process: int
    key: str
    """Of the level or picture."""
    epochs: int
    """Done before the leg."""
    what: str
    """begun, held or ended."""

    @classmethod
    def of(cls, line: str) -> Leg:
        worker, process, key, epochs, what = line.split()
        return cls(worker, int(process), key, int(epochs), what)


@dataclass
class TestCluster:
    """Processes that end with the test."""

    __test__ = False

    folder: Path
    """Of its scheduler and workers."""
    clients: Path
    """Their folders are in there."""
    port: int = field(default_factory=free_port)
    processes: list[Process] = field(default_factory=list)
    legs_before: int = 0
    """Lines of the diary that are of no interest here."""

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, *arguments: str, name: str, env: Mapping[str, str] | None = None) -> Process:
        """A `singan` command in a folder of its own, whose output goes to a file there."""
        folder = self.of(name)
        folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        with (folder / "log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*SINGAN, *arguments], cwd=folder, stdout=log, stderr=log, text=True, env=environment
            )
        self.processes.append(process)
        return process

    def of(self, name: str) -> Path:
        """The folder of a process."""
        own = self.folder / name
        return own if own.exists() else self.clients / name

    def log(self, name: str) -> str:
        return (self.of(name) / "log").read_text(encoding="utf-8")

    def scheduler(self, *, env: Mapping[str, str] | None = None) -> Process:
        process = self.start("scheduler", "--port", str(self.port), name="scheduler", env=env)
        until(lambda: "scheduler at" in self.log("scheduler"), _READY_WITHIN_s)
        return process

    def worker(self, name: str, *, env: Mapping[str, str] | None = None) -> Process:
        diary = {"DASK_DISTRIBUTED__WORKER__PRELOAD": str(ROOT / "tests" / "helpers" / "diary.py")}
        return self.start("worker", self.address, "--name", name, name=name, env={**diary, **(env or {})})

    def workers(self, *names: str, env: Mapping[str, str] | None = None) -> list[Process]:
        started = [self.worker(name, env=env) for name in names]
        for name in names:
            until(lambda name=name: "offering" in self.log(name), _READY_WITHIN_s)  # type: ignore[misc]
        return started

    def client(self, tiny: TinyStudy, name: str, *arguments: str) -> Process:
        """`singan run` on the cluster, in legs of an epoch, with store and results in its own folder."""
        study = ("--study", str(tiny.path), "--profile", "tiny")
        return self.start("run", *study, "--cluster", self.address, "--leg", "0s", *arguments, name=name)

    def diary(self) -> list[Leg]:
        """What workers wrote down so far."""
        path = self.folder / "legs"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [Leg.of(line) for line in lines]

    def legs(self, what: Literal["begun", "held", "ended"] = "begun") -> list[Leg]:
        """The legs of which they wrote that."""
        return [leg for leg in self.diary()[self.legs_before :] if leg.what == what]

    def is_idle(self) -> bool:
        """Whether each leg that was begun has ended, but for those whose process died."""
        begun, ended = (
            [leg for leg in self.legs(what) if psutil.pid_exists(leg.process)] for what in ("begun", "ended")
        )
        return len(begun) == len(ended)

    def tell(self, what: Order, *workers: str, text: str = "") -> None:
        """What to do from the end of the next epoch on: see `helpers.diary`."""
        for worker in workers:
            write_atomically(self.folder / worker / what, text.encode())

    def tell_no_more(self, *workers: str) -> None:
        for worker in workers:
            for order in get_args(Order):
                (self.folder / worker / order).unlink(missing_ok=True)

    def end(self) -> None:
        for process in self.processes:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
            process.kill()
            process.wait()


def made_in(folder: Path) -> dict[str, bytes]:
    """Weights and pictures of a store."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in (WEIGHTS, "picture.webp")
        for path in folder.glob(f"store/*/*/{name}")
    }


_MADE_ALONE: dict[tuple[str, ...], dict[str, bytes]] = {}


def alone(tiny: TinyStudy, folder: Path, *experiments: str, on: Sequence[str] = ()) -> dict[str, bytes]:
    """What a worker's number of threads makes of it on this machine; made once of each study."""
    what = (tiny.path.read_text(encoding="utf-8"), *experiments, "on", *on)
    if what not in _MADE_ALONE:
        store = Store(folder / "store")
        store.prepare()
        plan = tiny.plan(*experiments, on=on, factors=(2.0,))
        execution = Execution(plan, tiny.images, store, Resources(threads=1), PlainProgress())
        execution.run_all(Results(folder / "results", "tiny"), str)
        _MADE_ALONE[what] = made_in(folder)
    return _MADE_ALONE[what]


def provenance_in(folder: Path) -> list[dict[str, Any]]:
    """Who made the levels and pictures of a store, and with what."""
    return [
        json.loads(path.read_text(encoding="utf-8"))["provenance"]
        for kind in ("levels", "outputs")
        for path in folder.glob(f"store/{kind}/*/entry.json")
    ]


def kept(folder: Path) -> list[Path]:
    """Trainings in progress in a store."""
    return list(folder.glob("store/partial/*"))


@contextmanager
def cluster_in(folder: Path) -> Iterator[TestCluster]:
    folder.mkdir(parents=True, exist_ok=True)
    made = TestCluster(folder, clients=folder)
    try:
        yield made
    finally:
        made.end()


def kill(process: Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
