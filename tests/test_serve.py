from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from runner.publish.serve import serve_folder
from singan.errors import UserError


def test_a_built_site_is_served_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>hello", encoding="utf-8")
    program = "from runner.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program, "serve", str(tmp_path), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}index.html") as page:
            assert page.read() == b"<p>hello"
        process.terminate()


def test_a_port_in_use_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>hello", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} cannot be used: .*; name another with --port"):
            serve_folder(tmp_path, port, print)


def test_a_folder_without_a_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no site.*build-site"):
        serve_folder(tmp_path, 0, print)
