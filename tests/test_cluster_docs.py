"""The scripts of docs/cluster do what they say, on this machine."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from helpers.cluster import TestCluster, cluster_in, free_port, until
from helpers.shell import SINGAN
from helpers.tiny_study import TinyStudy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "docs" / "cluster"


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Path]:
    """A folder for PATH with `singan`, and an `ssh` that stays on this machine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in (
        ("singan", f'exec {shlex.join(SINGAN)} "$@"'),
        ("ssh", 'shift; host=$1; shift; echo "ssh to $host"; exec "$@"'),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    yield folder
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and str(tmp_path) in process.environ().get("SINGAN_HERE", ""):
                process.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue


def environment(tools: Path, **others: str) -> dict[str, str]:
    path = f"{tools}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "SINGAN_HERE": str(tools.parent), **others}


def test_the_local_script_runs_a_study_and_leaves_no_process(
    tools: Path, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    script = ["sh", str(SCRIPTS / "local.sh"), "--study", str(tiny_study.path), "--profile", "tiny"]
    done = subprocess.run(
        [*script, "--experiment", "original"],
        cwd=tmp_path,
        env=environment(tools, SINGAN_PORT=str(free_port())),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "2 of 2 runs done; 5 levels trained now" in done.stdout
    until(lambda: not _left(tmp_path), 60)


def _left(folder: Path) -> list[int]:
    return [process.pid for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)]


def test_the_ssh_script_starts_a_worker_on_every_host_and_ends_with_them(
    tools: Path, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    with cluster_in(tmp_path / "cluster") as cluster:
        cluster.scheduler()
        hosts = environment(tools, SINGAN_HOSTS="ada bob", SINGAN_SCHEDULER=cluster.address)
        with (tmp_path / "ssh.log").open("w", encoding="utf-8") as log:
            script = subprocess.Popen(["sh", str(SCRIPTS / "ssh.sh")], env=hosts, stdout=log, stderr=log)
        until(lambda: (tmp_path / "ssh.log").read_text().count("offering") == 2, 120)
        _run(cluster, tiny_study)
        script.terminate()
        script.wait(60)
    said = (tmp_path / "ssh.log").read_text()
    assert {"ssh to ada", "ssh to bob"} <= set(said.splitlines())


def _run(cluster: TestCluster, tiny: TinyStudy) -> None:
    arguments = ("--study", str(tiny.path), "--profile", "tiny", "--experiment", "original")
    process = cluster.start("run", *arguments, "--cluster", cluster.address, name="client")
    assert process.wait(300) == 0, cluster.log("client")


def test_a_cluster_with_certificates_lets_in_who_has_one_and_nobody_else(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    subprocess.run(
        shlex.split(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=singan -keyout key.pem -out cert.pem"
        ),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    secrets = {
        f"{prefix}CA_FILE": str(tmp_path / "cert.pem"),
        "DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME": "tls",
    }
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        secrets[f"{prefix}{role}__CERT"] = str(tmp_path / "cert.pem")
        secrets[f"{prefix}{role}__KEY"] = str(tmp_path / "key.pem")
    with cluster_in(tmp_path / "cluster") as cluster:
        address = f"tls://127.0.0.1:{cluster.port}"
        cluster.start("scheduler", "--port", str(cluster.port), "--tls", name="scheduler", env=secrets)
        until(lambda: f"scheduler at {address}" in cluster.log("scheduler"), 120)
        cluster.start("worker", address, name="ada", env=secrets)
        until(lambda: "offering" in cluster.log("ada"), 120)
        arguments = ("--study", str(tiny_study.path), "--profile", "tiny", "--experiment", "original")
        process = cluster.start("run", *arguments, "--cluster", address, name="client", env=secrets)
        assert process.wait(300) == 0, cluster.log("client")
        stranger = cluster.start("run", *arguments, "--cluster", address, name="stranger")
        assert stranger.wait(120) == 2
        assert cluster.log("stranger").startswith("singan: --cluster: tls needs a certificate for the client")
        plain = cluster.start("run", *arguments, "--cluster", cluster.address, name="plain", env=secrets)
        assert plain.wait(120) == 2
        assert cluster.log("plain").splitlines()[-1] == f"singan: {cluster.address}: no scheduler answers"
