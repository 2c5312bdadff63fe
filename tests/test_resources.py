"""Where and how work is done: what is chosen, what is refused, and what the record is told."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from runner.execution import machine, resources
from runner.execution.resources import Resources, choose_device, choose_engine, choose_jobs, provenance
from singan.errors import UserError

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which PyTorch sees two GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "A GPU")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a CPU and nothing else."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def threads() -> Iterator[None]:
    """Whatever a test sets, the next finds the number it had."""
    before = torch.get_num_threads()
    resources._threads_of_the_machine.cache_clear()
    yield
    torch.set_num_threads(before)
    resources._threads_of_the_machine.cache_clear()


def without(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    """Make reading these files fail, as outside Linux."""
    read = Path.read_text

    def refuse(self: Path, *arguments: Any, **options: Any) -> str:
        if str(self) in paths:
            raise FileNotFoundError(self)
        return read(self, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", refuse)


@pytest.mark.usefixtures("two_gpus")
def test_auto_takes_the_gpu_the_graph_engine_and_several_processes_each() -> None:
    assert choose_device("auto") == CUDA
    assert choose_engine("auto", CUDA) == "graph"
    assert choose_jobs(None, CUDA) == 2 * resources.JOBS_PER_GPU


@pytest.mark.usefixtures("no_gpu")
def test_auto_falls_back_to_the_cpu_and_the_batched_engine() -> None:
    assert choose_device("auto") == CPU
    assert choose_engine("auto", CPU) == "batched"


@pytest.mark.usefixtures("no_gpu")
def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UserError, match=r'no device "cuda" on this machine.*usable: cpu'):
        choose_device("cuda")


def test_the_graph_engine_is_refused_without_cuda() -> None:
    with pytest.raises(UserError, match="needs CUDA, not cpu"):
        choose_engine("graph", CPU)


@pytest.mark.parametrize("name", ["batched", "plain"])
@pytest.mark.parametrize("device", [CPU, CUDA])
def test_an_engine_asked_for_is_taken(name: resources.EngineChoice, device: torch.device) -> None:
    assert choose_engine(name, device) == name


def test_every_engine_can_be_made() -> None:
    for name, kind in resources.ENGINES.items():
        assert isinstance(Resources(engine=name).make_engine(), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("device", [CPU, CUDA, MPS])
def test_jobs_asked_for_are_taken(device: torch.device) -> None:
    assert choose_jobs(3, device) == 3


def test_mps_has_one_process() -> None:
    assert choose_jobs(None, MPS) == 1


@pytest.mark.parametrize(("gibibytes", "jobs"), [(64, 8), (7, 3), (1, 1)])
def test_on_the_cpu_there_is_a_process_a_core_as_far_as_memory_goes(
    monkeypatch: pytest.MonkeyPatch, gibibytes: int, jobs: int
) -> None:
    monkeypatch.setattr(resources, "cores", lambda: 8)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"MemAvailable: {gibibytes * 2**20} kB\n")
    assert choose_jobs(None, CPU) == jobs


def test_where_the_system_does_not_tell_memory_only_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "cores", lambda: 5)
    without(monkeypatch, "/proc/meminfo")
    assert choose_jobs(None, CPU) == 5


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 3}, raising=False)
    assert machine.cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.cores() == 6


@pytest.mark.usefixtures("two_gpus")
def test_processes_take_the_gpus_in_turn() -> None:
    place = Resources(CUDA, "graph", jobs=4)
    assert [place.of_worker(index).device.index for index in range(4)] == [0, 1, 0, 1]
    assert place.of_worker(1).engine == "graph"
    assert place.of_worker(1).jobs == 4


def test_on_the_cpu_all_processes_have_the_same_place() -> None:
    place = Resources(jobs=2)
    assert place.of_worker(1) is place


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(("jobs", "left"), [(1, 8), (2, 4), (4, 2), (9, 1)])
def test_a_process_settles_for_its_share_of_the_threads(jobs: int, left: int) -> None:
    torch.set_num_threads(8)
    Resources(engine="plain", jobs=jobs).settle()
    assert torch.get_num_threads() == left
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(("has_numba", "there_are", "left"), [(True, 2, 1), (True, 3, 3), (False, 2, 2)])
def test_one_thread_with_compiled_loops_is_taken_for_two_without(
    monkeypatch: pytest.MonkeyPatch, has_numba: bool, there_are: int, left: int
) -> None:
    monkeypatch.setattr("singan.kernels.jit.is_available", lambda: has_numba)
    torch.set_num_threads(there_are)
    Resources().settle()
    assert torch.get_num_threads() == left


@pytest.mark.parametrize(("system", "asked"), [("darwin", 0), ("win32", 0), ("linux", 1)])
def test_keeping_freed_memory_is_for_linux_and_never_fails(
    monkeypatch: pytest.MonkeyPatch, system: str, asked: int
) -> None:
    libraries: list[str] = []

    def missing(name: str) -> None:
        libraries.append(name)
        raise OSError("no such library")

    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("ctypes.CDLL", missing)
    resources.keep_freed_memory()
    assert len(libraries) == asked


@pytest.mark.usefixtures("threads")
def test_provenance_says_what_the_work_was_done_with() -> None:
    torch.set_num_threads(1)
    said = provenance(Resources(engine="batched", jobs=2))
    assert (said.device, said.jobs, said.threads) == ("cpu", 2, 1)
    assert said.engine.startswith("batched")
    assert said.torch == torch.__version__
    assert said.machine


@pytest.mark.usefixtures("two_gpus")
def test_provenance_names_the_gpu() -> None:
    said = provenance(Resources(CUDA, "graph"))
    assert (said.machine, said.device, said.engine) == ("A GPU", "cuda", "graph")


def test_the_processor_is_named_by_whoever_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    named = machine.processor.__wrapped__
    monkeypatch.setattr(platform, "processor", lambda: "known elsewhere")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "model name\t: Fast 9000\nflags: fpu\n")
    assert named() == "Fast 9000"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "flags: fpu\n")
    assert named() == "x86_64"
    without(monkeypatch, "/proc/cpuinfo")
    assert named() == "known elsewhere"


@pytest.mark.parametrize(("changed", "mark"), [("", ""), (" M singan/level.py", "+")])
def test_a_changed_checkout_is_marked(
    monkeypatch: pytest.MonkeyPatch, changed: str, mark: str, tmp_path: Path
) -> None:
    (tmp_path / "runner" / "execution").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "runner" / "execution" / "resources.py"))

    def git(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(
            command, 0, "0123456789ab\n" if "rev-parse" in command else changed
        )

    monkeypatch.setattr(subprocess, "run", git)
    assert resources._commit.__wrapped__() == "0123456789ab" + mark


def test_outside_a_checkout_or_without_git_there_is_no_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit = resources._commit.__wrapped__
    (tmp_path / "runner" / "execution").mkdir(parents=True)
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "runner" / "execution" / "resources.py"))
    assert commit() is None
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() is None
