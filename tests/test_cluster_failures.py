"""Workers and schedulers that die, stand still, or are not what they should be; the bits stay the same.

Each of these tests has a cluster of its own, as none could be used again.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from helpers.cluster import (
    FEW_EPOCHS,
    LEGS,
    ONE,
    ROOT,
    Leg,
    Process,
    TestCluster,
    alone,
    cluster_in,
    kept,
    kill,
    made_in,
    provenance_in,
    until,
)
from helpers.tiny_study import TinyStudy
from runner.commands import exit_status
from runner.record.results import Results

pytestmark = pytest.mark.slow

TTL = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s"}
"""Who is not heard of for that long is given up."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TestCluster]:
    with cluster_in(tmp_path / "cluster") as made:
        made.scheduler(env=TTL)
        yield made


def held(cluster: TestCluster, worker: str | None = None) -> Leg:
    """Wait for the leg in which a worker is held."""
    until(lambda: [leg for leg in cluster.legs("held") if worker in {None, leg.worker}], 180)
    return [leg for leg in cluster.legs("held") if worker in {None, leg.worker}][-1]


def in_its_leg(
    cluster: TestCluster, study: TinyStudy, *workers: str, more: tuple[str, ...] = ()
) -> tuple[Process, Leg]:
    """A client whose one run is under way, and the leg in which the worker that has it is held."""
    study.edit(*FEW_EPOCHS)
    cluster.workers(*workers)
    cluster.tell("hold", *workers, text="2")
    process = cluster.client(study, "client", *ONE, *more)
    return process, held(cluster)


def assert_done_as_alone(cluster: TestCluster, process: Process, study: TinyStudy, folder: Path) -> None:
    """The client ends well, with the bits of one machine."""
    assert process.wait(300) == 0, cluster.log("client")
    assert made_in(cluster.of("client")) == alone(study, folder / "alone", "original", on=["dots"])


def assert_one_leg_was_lost(cluster: TestCluster, lost: Leg) -> None:
    begun = [(leg.key, leg.epochs) for leg in cluster.legs()]
    assert len(begun) == LEGS + 1
    assert begun.count((lost.key, lost.epochs)) == 2


@pytest.mark.parametrize("names", [("ada",), ("ada", "bob")], ids=["one worker", "two workers"])
def test_a_worker_killed_in_its_leg_costs_a_leg_and_changes_nothing(
    names: tuple[str, ...], cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    process, lost = in_its_leg(cluster, tiny_study, *names)
    os.kill(lost.process, signal.SIGKILL)
    cluster.tell_no_more(*names)
    assert_done_as_alone(cluster, process, tiny_study, tmp_path)
    assert_one_leg_was_lost(cluster, lost)


def test_it_is_told_when_no_worker_is_left_and_when_one_has_come(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*FEW_EPOCHS)
    (nanny,) = cluster.workers("ada")
    cluster.tell("hold", "ada", text="2")
    process = cluster.client(tiny_study, "client", *ONE)
    left = "no worker is left that offers singan-"
    worker = held(cluster).process
    kill(nanny)
    os.kill(worker, signal.SIGKILL)
    until(lambda: left in cluster.log("client"))
    cluster.workers("bob")
    assert_done_as_alone(cluster, process, tiny_study, tmp_path)
    log = cluster.log("client")
    assert log.count(left) == log.count("a worker is there again") == 1


def test_a_worker_that_stands_still_is_given_up_and_its_successor_goes_on(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    process, lost = in_its_leg(cluster, tiny_study, "ada")
    os.kill(lost.process, signal.SIGSTOP)
    cluster.tell_no_more("ada")
    assert_done_as_alone(cluster, process, tiny_study, tmp_path)
    assert_one_leg_was_lost(cluster, lost)


def test_a_machine_that_stands_still_is_given_up_and_does_no_harm_when_it_wakes(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*FEW_EPOCHS)
    nannies = dict(zip(("ada", "bob"), cluster.workers("ada", "bob"), strict=True))
    cluster.tell("hold", *nannies, text="2")
    process = cluster.client(tiny_study, "client", *ONE)
    lost = held(cluster)
    nanny = psutil.Process(nannies[lost.worker].pid)
    asleep = [nanny, *nanny.children(recursive=True)]
    for one in asleep:
        one.suspend()
    (other,) = nannies.keys() - {lost.worker}
    assert (held(cluster, other).key, held(cluster, other).epochs) == (lost.key, lost.epochs)
    cluster.tell_no_more(lost.worker)
    for one in reversed(asleep):  # the nanny last: it was told to kill what it looks after
        with suppress(psutil.NoSuchProcess):
            one.resume()
    until(lambda: not psutil.pid_exists(lost.process), 120)  # it finishes its leg, or not, and starts anew
    cluster.tell_no_more(other)
    assert_done_as_alone(cluster, process, tiny_study, tmp_path)
    assert_one_leg_was_lost(cluster, lost)


def test_a_scheduler_that_comes_back_is_gone_on_with(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    process, lost = in_its_leg(cluster, tiny_study, "ada")
    kill(cluster.processes[0])
    cluster.processes[0].wait()
    until(lambda: "trying again" in cluster.log("ada"), 120)
    cluster.tell_no_more("ada")
    cluster.scheduler()
    assert_done_as_alone(cluster, process, tiny_study, tmp_path)
    assert_one_leg_was_lost(cluster, lost)


def test_a_scheduler_that_stays_away_ends_in_one_line_and_nothing_counts_as_failed(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    process, lost = in_its_leg(cluster, tiny_study, "ada", more=("--patience", "2s"))
    folder = cluster.of("client")
    before = [path.read_bytes() for path in kept(folder)]
    kill(cluster.processes[0])
    cluster.processes[0].wait()
    assert process.wait(120) == exit_status.USAGE
    said = cluster.log("client")
    assert said.splitlines()[-1] == f"singan: {cluster.address}: no scheduler answers"
    assert said.count("singan:") == 1
    assert "Traceback" not in said
    assert not list(Results(folder / "results", "tiny").runs())
    assert not list(folder.glob("store/runs/tiny/*"))
    assert [path.read_bytes() for path in kept(folder)] == before != []

    cluster.tell_no_more("ada")
    cluster.scheduler()
    again = cluster.client(tiny_study, "client", *ONE)
    assert_done_as_alone(cluster, again, tiny_study, tmp_path)
    assert_one_leg_was_lost(cluster, lost)


def other_version(folder: Path) -> dict[str, str]:
    """The environment in which this program is another version."""
    for package in ("singan", "runner"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "singan" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    return {"PYTHONPATH": str(folder)}


def test_workers_of_another_version_get_no_work_and_are_named(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    cluster.workers("stranger", env=other_version(tmp_path / "other"))
    process = cluster.client(tiny_study, "client")
    assert process.wait(60) == exit_status.USAGE
    line = cluster.log("client").splitlines()[-1]
    offered = cluster.log("stranger").split("offering ")[1].split()[0]
    assert line.startswith(f"singan: {cluster.address}: its workers offer {offered}; needed: singan-")
    assert not kept(cluster.of("client"))


def test_a_worker_of_another_version_that_comes_later_gets_no_work(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*FEW_EPOCHS)
    cluster.workers("ada")
    cluster.tell("hold", "ada", text="2")
    process = cluster.client(tiny_study, "client", "--experiment", "original")
    held(cluster)
    cluster.workers("stranger", env=other_version(tmp_path / "other"))
    cluster.tell_no_more("ada")
    assert process.wait(300) == 0, cluster.log("client")
    assert made_in(cluster.of("client")) == alone(tiny_study, tmp_path / "alone", "original")
    assert {leg.worker for leg in cluster.legs()} == {"ada"}
    assert {entry["worker"] for entry in provenance_in(cluster.of("client"))} == {"ada"}
    (line,) = cluster.log("stranger").splitlines()
    assert line.startswith(f"worker of {cluster.address}, offering singan-")


def test_a_worker_without_torch_says_so_and_ends(cluster: TestCluster, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text('raise ImportError("no torch here")\n', encoding="utf-8")
    process = cluster.worker("poor", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    assert process.wait(60) == exit_status.USAGE
    assert cluster.log("poor") == (
        "singan: cannot train here: no torch here; install torch, as singan-lab does\n"
    )


def test_a_task_that_kills_its_workers_fails_and_all_others_are_done(
    cluster: TestCluster, tiny_study: TinyStudy
) -> None:
    cluster.workers("ada", "bob")
    deadly = tiny_study.plan("sr").runs[0].levels[2]
    cluster.tell("die", "ada", "bob", text=deadly)
    process = cluster.client(tiny_study, "client")
    assert process.wait(500) == exit_status.FAILED, cluster.log("client")
    said = cluster.log("client")
    assert "5 of 6 runs done, 1 failed" in said
    assert "sr on dots: level 2: 4 workers died of it" in said
    assert [leg.key for leg in cluster.legs()].count(deadly) == 4
