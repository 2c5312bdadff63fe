"""A run on a cluster makes the bits of a run on one machine, whoever calls it, and through any line.

These tests have one scheduler and two workers together, and leave them as they found them.
What harms those is in `test_cluster_failures.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Client, Scheduler

from helpers.cluster import (
    FEW_EPOCHS,
    LEGS,
    ONE,
    ROOT,
    TestCluster,
    alone,
    cluster_in,
    free_port,
    kept,
    kill,
    made_in,
    provenance_in,
    until,
)
from helpers.line import Line
from helpers.outcomes import refused
from helpers.shell import SINGAN, TINY, Shell
from helpers.terminal import Terminal
from helpers.tiny_study import TinyStudy
from runner.commands import exit_status
from runner.store.store import HISTORY, WEIGHTS

pytestmark = pytest.mark.slow

WORKERS = ("ada", "bob")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCluster]:
    with cluster_in(tmp_path_factory.mktemp("cluster")) as made:
        made.scheduler()
        made.workers(*WORKERS)
        yield made


@pytest.fixture
def cluster(started: TestCluster, tmp_path: Path) -> Iterator[TestCluster]:
    """The cluster of all these tests, with clients of this one's own, and no leg in its diary yet."""
    found = replace(started, clients=tmp_path / "clients", processes=[], legs_before=len(started.diary()))
    yield found
    found.end()
    found.tell_no_more(*WORKERS)
    until(found.is_idle, 120)


def test_a_cluster_makes_the_bits_of_one_machine_and_says_who_made_them(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    process = cluster.client(tiny_study, "client")
    assert process.wait(300) == 0, cluster.log("client")
    assert made_in(cluster.of("client")) == alone(tiny_study, tmp_path / "alone")
    entries = provenance_in(cluster.of("client"))
    assert {entry["worker"] for entry in entries} <= set(WORKERS)
    assert {entry["threads"] for entry in entries} == {1}


def test_a_client_killed_and_started_again_goes_on_from_its_legs(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*FEW_EPOCHS)
    cluster.tell("hold", *WORKERS, text="2")
    first = cluster.client(tiny_study, "client", *ONE)
    until(lambda: cluster.legs("held"), 120)
    kill(first)
    first.wait()
    cluster.tell_no_more(*WORKERS)
    second = cluster.client(tiny_study, "client", *ONE)
    assert second.wait(300) == 0, cluster.log("client")
    assert made_in(cluster.of("client")) == alone(tiny_study, tmp_path / "alone", "original", on=["dots"])
    begun = [(leg.key, leg.epochs) for leg in cluster.legs()]
    assert len(set(begun)) == LEGS
    assert len(begun) <= LEGS + 1, "more is lost than the leg in which the client was killed"


def test_ctrl_c_in_a_terminal_keeps_what_the_cluster_is_at_and_leaves_nothing_running(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*FEW_EPOCHS)
    command = ("run", "--study", str(tiny_study.path), "--profile", "tiny", *ONE)
    on_cluster = ("--cluster", cluster.address, "--leg", "1h")
    cluster.tell("hold", *WORKERS)
    first = Terminal(*command, *on_cluster, folder=tmp_path)
    until(lambda: cluster.legs("held"), 120)
    first.press_ctrl_c()
    assert first.wait(120) == exit_status.INTERRUPTED, first.said
    until(lambda: not first.children(), 10)
    until(cluster.is_idle, 10)
    assert kept(tmp_path)
    cluster.tell_no_more(*WORKERS)
    second = Terminal(*command, *on_cluster, folder=tmp_path)
    assert second.wait(300) == 0, second.said
    assert made_in(tmp_path) == alone(tiny_study, tmp_path / "alone", "original", on=["dots"])
    assert [leg.epochs for leg in cluster.legs()] == [0, 1, 0, 0, 0], (
        "the second goes on after the epoch kept"
    )
    for said in (first.said, second.said, *map(cluster.log, WORKERS)):
        assert "Traceback" not in said


def test_what_a_worker_refuses_is_not_tried_again(cluster: TestCluster, tiny_study: TinyStudy) -> None:
    cluster.tell("refuse", *WORKERS)
    process = cluster.client(tiny_study, "client", *ONE)
    assert process.wait(300) == exit_status.FAILED, cluster.log("client")
    assert cluster.log("client").splitlines()[-1] == "  original on dots: level 0: told to refuse"
    assert len(cluster.legs()) == 1


def test_two_clients_with_stores_of_their_own_share_the_work(
    cluster: TestCluster, tiny_study: TinyStudy
) -> None:
    def wanted(dask_scheduler: Scheduler) -> list[int]:  # in here, it travels by value
        return [len(task.who_wants or ()) for task in dask_scheduler.tasks.values()]

    cluster.tell("hold", *WORKERS)
    both = [cluster.client(tiny_study, name, *ONE, "--leg", "1h") for name in ("first", "second")]
    with Client(cluster.address, set_as_default=False) as onlooker:
        until(lambda: onlooker.run_on_scheduler(wanted) == [2], 120)
        until(lambda: cluster.legs("held"))
    (held,) = {leg.key for leg in cluster.legs("held")}
    cluster.tell_no_more(*WORKERS)
    assert [process.wait(300) for process in both] == [0, 0]
    assert [leg.key for leg in cluster.legs()].count(held) == 1
    first, second = (cluster.of(name) for name in ("first", "second"))
    entry = f"store/levels/{held}/entry.json"
    assert (first / entry).read_bytes() == (second / entry).read_bytes(), "times differ, so there were two"
    assert made_in(first) == made_in(second)


def test_two_clients_with_one_store_begin_nothing_twice(cluster: TestCluster, tiny_study: TinyStudy) -> None:
    shared = ("--store", str(cluster.clients / "shared"))
    both = [cluster.client(tiny_study, name, *shared) for name in ("first", "second")]
    assert [process.wait(300) for process in both] == [0, 0], cluster.log("first") + cluster.log("second")
    counts = [
        int(cluster.log(name).splitlines()[-1].split("; ")[1].split()[0]) for name in ("first", "second")
    ]
    assert sum(counts) == len(tiny_study.plan().levels)


def test_damage_below_is_made_again_by_the_cluster(cluster: TestCluster, tiny_study: TinyStudy) -> None:
    assert cluster.client(tiny_study, "client", *ONE).wait(300) == 0
    levels = cluster.of("client") / "store" / "levels"
    _, first, second = tiny_study.plan("original", on=["dots"]).runs[0].levels
    before = (levels / first / WEIGHTS).read_bytes()
    (levels / first / WEIGHTS).write_bytes(before[:-1] + b"\x55")
    (levels / second / HISTORY).unlink()
    assert cluster.client(tiny_study, "client", *ONE).wait(300) == 0, cluster.log("client")
    assert (levels / first / WEIGHTS).read_bytes() == before
    assert "wrong checksum; set aside, doing it again" in cluster.log("client")
    entry = json.loads((levels / first / "entry.json").read_text())
    assert entry["provenance"]["worker"] in WORKERS


def test_nothing_listens_off_loopback(
    cluster: TestCluster, started: TestCluster, tiny_study: TinyStudy
) -> None:
    cluster.tell("hold", *WORKERS)
    cluster.client(tiny_study, "client", *ONE)
    until(lambda: cluster.legs("held"), 120)
    parents = [psutil.Process(process.pid) for process in (*started.processes, *cluster.processes)]
    sockets = [
        connection
        for parent in parents
        for process in (parent, *parent.children(recursive=True))
        for connection in process.net_connections(kind="inet")
    ]
    assert {connection.laddr.ip for connection in sockets} == {"127.0.0.1"}


@pytest.mark.parametrize("how", ["cut", "silent"])
def test_a_line_that_is_dead_for_a_while_is_no_end(
    how: str, cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*FEW_EPOCHS)
    line = Line(cluster.port)
    cluster.tell("hold", *WORKERS, text="2")
    process = cluster.client(tiny_study, "client", *ONE, "--cluster", line.address)
    until(lambda: cluster.legs("held"), 120)
    if how == "cut":
        line.cut()
    else:
        line.is_silent = True
    cluster.tell_no_more(*WORKERS)
    time.sleep(15)  # longer than it takes to notice
    if how == "cut":
        line.mend()
    else:
        line.is_silent = False
    assert process.wait(300) == 0, cluster.log("client")
    assert made_in(cluster.of("client")) == alone(tiny_study, tmp_path / "alone", "original", on=["dots"])


def test_a_line_that_is_slow_is_no_end(cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path) -> None:
    tiny_study.edit("base_width = 4", "base_width = 32")
    line = Line(cluster.port, delay_s=0.1, bytes_per_s=1e6)
    process = cluster.client(tiny_study, "client", *ONE, "--cluster", line.address)
    assert process.wait(300) == 0, cluster.log("client")
    assert made_in(cluster.of("client")) == alone(tiny_study, tmp_path / "alone", "original", on=["dots"])
    assert line.carried_bytes > 2e6, "a training in progress is too small to take its time"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("example.org", '--cluster: "example.org" is no address of a scheduler; as tls://HOST:8786'),
        ("tcp://127.0.0.1:99999", '--cluster: "tcp://127.0.0.1:99999" is no address of a scheduler'),
        ("tcp://192.0.2.7:8786", "--cluster: tcp://192.0.2.7:8786 is not encrypted"),
        ("tls://192.0.2.7:8786", "--cluster: tls needs a certificate for the client"),
    ],
)
def test_an_address_that_is_wrong_or_unsafe_is_refused_in_one_line(
    address: str, why: str, singan: Shell
) -> None:
    status, out, err = singan("run", *TINY, "--cluster", address)
    assert (status, out) == (exit_status.USAGE, "")
    assert err.startswith(f"singan: {why}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("scheduler", "--host", "0.0.0.0"), "--host: tls needs a certificate for the scheduler"),
        (("scheduler", "--tls"), "--host: tls needs a certificate for the scheduler"),
        (("worker", "tls://192.0.2.7:8786"), "ADDRESS: tls needs a certificate for the worker"),
        (("worker", "tcp://192.0.2.7:8786"), "ADDRESS: tcp://192.0.2.7:8786 is not encrypted"),
    ],
)
def test_nobody_listens_or_joins_unprotected(
    command: tuple[str, ...], why: str, singan: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(*request: object) -> None:
        pytest.fail("was not refused")

    monkeypatch.setattr("runner.execution.cluster.scheduler.run_scheduler", begin)
    monkeypatch.setattr("runner.execution.cluster.worker.run_worker", begin)
    assert refused(singan(*command)).startswith(f"singan: {why}")


@pytest.mark.parametrize("damage", [None, b"", b"garbage"], ids=["missing", "empty", "garbage"])
def test_a_certificate_that_cannot_be_used_is_told_in_one_line(
    damage: bytes | None, singan: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "cert.pem"
    if damage is not None:
        file.write_bytes(damage)
    named = ("ca-file", "client.cert", "client.key")
    with dask.config.set({f"distributed.comm.tls.{name}": str(file) for name in named}):
        line = refused(singan("run", *TINY, "--cluster", "tls://192.0.2.7:8786"))
    assert line.startswith("singan: --cluster: certificates cannot be used: ")


@pytest.mark.parametrize("option", [("--jobs", "2"), ("--estimate",)])
def test_what_is_of_this_machine_does_not_go_with_a_cluster(option: tuple[str, ...], singan: Shell) -> None:
    status, _, err = singan("run", *TINY, "--cluster", "tcp://127.0.0.1:1", *option)
    assert status == exit_status.USAGE
    assert option[0] in err


def test_no_scheduler_is_told_in_one_line(tiny_study: TinyStudy, tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [*SINGAN, "run", *TINY, "--cluster", address],
        cwd=tiny_study.path.parent,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == exit_status.USAGE
    assert done.stderr == f"singan: {address}: no scheduler answers\n"
