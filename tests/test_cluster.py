"""A run on a cluster: the bits of a run on one machine, whatever happens to workers, scheduler or line."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from helpers.cluster import Process, TestCluster, cluster_in, free_port, kill, until, worker_process
from helpers.shell import SINGAN, TINY, Shell
from helpers.tiny_study import TinyStudy
from runner.commands import exit_status
from runner.execution.execute import Execution
from runner.execution.resources import Resources
from runner.progress import PlainProgress
from runner.record.results import Results
from runner.store.store import HISTORY, WEIGHTS, Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]

LONG = ("epochs = 2\n", "epochs = 80\n")
"""An edit of the tiny study after which its levels take some legs."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TestCluster]:
    with cluster_in(tmp_path / "cluster") as made:
        made.scheduler()
        yield made


def client(cluster: TestCluster, tiny: TinyStudy, name: str, *arguments: str) -> Process:
    """`singan run` on the cluster, with store and results in the client's own folder."""
    return cluster.start(
        *("run", "--study", str(tiny.path), "--profile", "tiny", "--cluster", cluster.address, "--leg", "1s"),
        *arguments,
        name=name,
    )


def made_in(folder: Path) -> dict[str, bytes]:
    """Weights, losses, snapshots and pictures of a store."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in (WEIGHTS, "picture.webp")
        for path in folder.glob(f"store/*/*/{name}")
    }


def alone(tiny: TinyStudy, folder: Path, *experiments: str) -> dict[str, bytes]:
    """What a worker's number of threads makes of it on this machine."""
    store = Store(folder / "store")
    store.prepare()
    plan = tiny.plan(*experiments, factors=(2.0,))
    execution = Execution(plan, tiny.images, store, Resources(threads=1), PlainProgress())
    execution.run_all(Results(folder / "results", "tiny"), str)
    return made_in(folder)


def kept(folder: Path) -> list[Path]:
    return list(folder.glob("store/partial/*"))


def test_a_cluster_makes_the_bits_of_one_machine_and_says_who_made_them(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    cluster.workers("ada", "bob")
    process = client(cluster, tiny_study, "client")
    assert process.wait(300) == 0, cluster.log("client")
    assert made_in(cluster.folder / "client") == alone(tiny_study, tmp_path / "alone")
    entries = [
        json.loads(path.read_text())["provenance"]
        for path in (cluster.folder / "client/store/levels").glob("*/entry.json")
    ]
    assert {entry["worker"] for entry in entries} <= {"ada", "bob"}
    assert {entry["threads"] for entry in entries} == {1}


@pytest.mark.parametrize("names", [("ada",), ("ada", "bob")], ids=["one worker", "two workers"])
def test_a_worker_killed_in_its_leg_costs_a_leg_and_changes_nothing(
    names: tuple[str, ...], cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*LONG)
    ada, *_ = cluster.workers(*names)
    process = client(cluster, tiny_study, "client", "--experiment", "original", "--image", "dots")
    until(lambda: kept(cluster.folder / "client"), 120)
    kill(worker_process(ada))
    assert process.wait(300) == 0, cluster.log("client")
    expected = alone(tiny_study, tmp_path / "alone", "original")
    made = made_in(cluster.folder / "client")
    assert made
    assert made.items() <= expected.items()


def test_a_scheduler_that_comes_back_is_gone_on_with(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*LONG)
    cluster.workers("ada")
    process = client(cluster, tiny_study, "client", "--experiment", "original", "--image", "dots")
    until(lambda: kept(cluster.folder / "client"), 120)
    kill(cluster.processes[0])
    cluster.processes[0].wait()
    time.sleep(2)
    cluster.scheduler()
    assert process.wait(300) == 0, cluster.log("client")
    assert (
        made_in(cluster.folder / "client").items()
        <= alone(tiny_study, tmp_path / "alone", "original").items()
    )


def test_a_scheduler_that_stays_away_ends_in_one_line_and_nothing_counts_as_failed(
    cluster: TestCluster, tiny_study: TinyStudy
) -> None:
    tiny_study.edit(*LONG)
    cluster.workers("ada")
    process = client(
        cluster, tiny_study, "client", "--experiment", "original", "--image", "dots", "--patience", "2s"
    )
    folder = cluster.folder / "client"
    until(lambda: kept(folder), 120)
    kill(cluster.processes[0])
    assert process.wait(120) == exit_status.USAGE
    said = cluster.log("client")
    assert said.splitlines()[-1] == f"singan: {cluster.address}: no scheduler answers"
    assert "Traceback" not in said
    assert not list(folder.glob("results/*/*-original*.json"))
    assert kept(folder)


def test_a_client_killed_and_started_again_goes_on_from_its_legs(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*LONG)
    cluster.workers("ada")
    one = ("--experiment", "original", "--image", "dots")
    first = client(cluster, tiny_study, "client", *one)
    until(lambda: kept(cluster.folder / "client"), 120)
    kill(first)
    first.wait()
    second = client(cluster, tiny_study, "client", *one)
    assert second.wait(300) == 0, cluster.log("client")
    assert (
        made_in(cluster.folder / "client").items()
        <= alone(tiny_study, tmp_path / "alone", "original").items()
    )


def test_ctrl_c_in_a_terminal_keeps_what_the_cluster_is_at(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit("epochs = 2\n", "epochs = 400\n")
    cluster.workers("ada")
    ours, theirs = pty.openpty()
    command = [
        *SINGAN,
        "run",
        "--study",
        str(tiny_study.path),
        "--profile",
        "tiny",
        "--experiment",
        "original",
    ]
    command += ["--cluster", cluster.address, "--leg", "1h", "--store", str(tmp_path / "store")]
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=lambda: _control(theirs),  # noqa: PLW1509  (as a shell does it)
    )
    os.close(theirs)
    said = _reader(ours)
    until(lambda: re.search(rb"level 0 of 2 \(\S+\) [1-9]", b"".join(said)), 120)
    os.write(ours, b"\x03")
    assert process.wait(120) == exit_status.INTERRUPTED, b"".join(said).decode()
    assert kept(tmp_path)
    assert b"Traceback" not in b"".join(said)
    assert "Traceback" not in cluster.log("ada")


def _control(terminal: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def _reader(terminal: int) -> list[bytes]:
    """Everything that appears on a terminal, as it appears."""
    said: list[bytes] = []

    def read() -> None:
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                return
            said.append(data)

    threading.Thread(target=read, daemon=True).start()
    return said


def test_workers_of_another_version_get_no_work_and_are_named(
    cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for package in ("singan", "runner"):
        shutil.copytree(ROOT / package, other / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "singan" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    cluster.workers("stranger", env={"PYTHONPATH": str(other)})
    process = client(cluster, tiny_study, "client")
    assert process.wait(60) == exit_status.USAGE
    line = cluster.log("client").splitlines()[-1]
    offered = cluster.log("stranger").split("offering ")[1].split()[0]
    assert line.startswith(f"singan: {cluster.address}: its workers offer {offered}; needed: singan-")
    assert not kept(cluster.folder / "client")


def test_a_worker_without_torch_says_so_and_ends(cluster: TestCluster, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text('raise ImportError("no torch here")\n', encoding="utf-8")
    process = cluster.worker("poor", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    assert process.wait(60) == exit_status.USAGE
    assert cluster.log("poor") == (
        "singan: cannot train here: no torch here; install torch, as singan-lab does\n"
    )


def test_two_clients_with_stores_of_their_own_share_the_work(
    cluster: TestCluster, tiny_study: TinyStudy
) -> None:
    tiny_study.edit(*LONG)
    cluster.workers("ada", "bob")
    one = ("--experiment", "original", "--image", "dots", "--leg", "1h")
    both = [client(cluster, tiny_study, name, *one) for name in ("first", "second")]
    assert [process.wait(300) for process in both] == [0, 0]
    first, second = (
        {
            path.parent.name: path.read_bytes()
            for path in (cluster.folder / name / "store" / "levels").glob("*/entry.json")
        }
        for name in ("first", "second")
    )
    assert first == second, "the times of a training are equal only if there was but one"


def test_two_clients_with_one_store_begin_nothing_twice(cluster: TestCluster, tiny_study: TinyStudy) -> None:
    cluster.workers("ada", "bob")
    shared = ("--store", str(cluster.folder / "shared"))
    both = [client(cluster, tiny_study, name, *shared) for name in ("first", "second")]
    assert [process.wait(300) for process in both] == [0, 0], cluster.log("first") + cluster.log("second")
    counts = [
        int(cluster.log(name).splitlines()[-1].split("; ")[1].split()[0]) for name in ("first", "second")
    ]
    assert sum(counts) == len(tiny_study.plan().levels)


MURDER = """
import os
import runner.execution.carry_out as carry_out

train_level = carry_out.train_level


def kill(pyramid, task, *others):
    if task.feed.adversarial_upsample == "sr":
        os._exit(1)
    return train_level(pyramid, task, *others)


def dask_setup(worker):
    carry_out.train_level = kill
"""


def test_a_task_that_kills_its_workers_fails_and_all_others_are_done(
    cluster: TestCluster, tiny_study: TinyStudy
) -> None:
    (cluster.folder / "murder.py").write_text(MURDER, encoding="utf-8")
    preload = {"DASK_DISTRIBUTED__WORKER__PRELOAD": str(cluster.folder / "murder.py")}
    cluster.workers("ada", "bob", env=preload)
    process = client(cluster, tiny_study, "client")
    assert process.wait(500) == exit_status.FAILED, cluster.log("client")
    said = cluster.log("client")
    assert "5 of 6 runs done, 1 failed" in said
    assert "sr on dots: level 2: 4 workers died of it" in said


def test_damage_below_is_made_again_by_the_cluster(cluster: TestCluster, tiny_study: TinyStudy) -> None:
    cluster.workers("ada")
    one = ("--experiment", "original", "--image", "dots")
    assert client(cluster, tiny_study, "client", *one).wait(300) == 0
    store = cluster.folder / "client" / "store"
    levels = tiny_study.plan("original", factors=(2.0,)).runs[0].levels
    before = (store / "levels" / levels[1] / WEIGHTS).read_bytes()
    (store / "levels" / levels[1] / WEIGHTS).write_bytes(before[:-1] + b"\x55")
    (store / "levels" / levels[2] / HISTORY).unlink()
    assert client(cluster, tiny_study, "client", *one).wait(300) == 0, cluster.log("client")
    assert (store / "levels" / levels[1] / WEIGHTS).read_bytes() == before
    assert "wrong checksum; set aside, doing it again" in cluster.log("client")
    entry = json.loads((store / "levels" / levels[1] / "entry.json").read_text())
    assert entry["provenance"]["worker"] == "ada"


def test_nothing_listens_off_loopback(cluster: TestCluster) -> None:
    cluster.workers("ada")
    listening = {
        connection.laddr.ip
        for process in cluster.processes
        for one in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True))
        for connection in one.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


class Line:
    """A proxy before the scheduler, that can be cut, and that can swallow what it is given."""

    def __init__(self, port: int) -> None:
        self.target, self.port = port, free_port()
        self.is_silent = False
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        self.is_silent = False
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            one.close()
        self._sockets.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                theirs, _ = listener.accept()
                ours = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._sockets += [theirs, ours]
            for source, sink in ((theirs, ours), (ours, theirs)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                while self.is_silent:
                    time.sleep(0.1)
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            one.close()


@pytest.mark.parametrize("how", ["cut", "silent"])
def test_a_line_that_is_dead_for_a_while_is_no_end(
    how: str, cluster: TestCluster, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit(*LONG)
    cluster.workers("ada")
    line = Line(cluster.port)
    address = f"tcp://127.0.0.1:{line.port}"
    one = ("--experiment", "original", "--image", "dots", "--cluster", address)
    process = client(cluster, tiny_study, "client", *one)
    until(lambda: kept(cluster.folder / "client"), 120)
    if how == "cut":
        line.cut()
        time.sleep(15)
        line.mend()
    else:
        line.is_silent = True
        time.sleep(15)
        line.is_silent = False
    assert process.wait(300) == 0, cluster.log("client")
    assert (
        made_in(cluster.folder / "client").items()
        <= alone(tiny_study, tmp_path / "alone", "original").items()
    )


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
