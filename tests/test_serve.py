from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from runner.publish import serve
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


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Where a small site is served, in this process."""
    (tmp_path / "index.html").write_text("<p>hello", encoding="utf-8")
    made: list[serve._Server] = []
    init = serve._Server.__init__

    def noted(self: serve._Server, *arguments: object, **options: object) -> None:
        init(self, *arguments, **options)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(serve._Server, "__init__", noted)
    ready = threading.Event()
    serving = threading.Thread(target=serve_folder, args=(tmp_path, 0, lambda line: ready.set()))
    serving.start()
    assert ready.wait(30)
    yield ("127.0.0.1", made[0].server_address[1])
    made[0].shutdown()
    serving.join()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.webp", "image/webp"),
        ("a.svg", "image/svg+xml"),
        ("a.js", "text/javascript"),
        ("a.css", "text/css"),
        ("a.csv", "text/csv"),
        ("a.json", "application/json"),
        ("a.PNG", "image/png"),
        ("a.html", "text/html"),
    ],
)
def test_types_of_files_are_right_whatever_the_system_says(
    name: str, kind: str, address: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mimetypes.guess_type", lambda *_, **__: ("application/x-wrong", None))
    (tmp_path / name).write_bytes(b"x")
    with urllib.request.urlopen(f"http://127.0.0.1:{address[1]}/{name}") as answer:
        assert answer.headers["Content-Type"] == kind


def test_a_browser_that_goes_away_is_nothing_to_tell_of(
    address: tuple[str, int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "large.webp").write_bytes(bytes(20_000_000))
    for request in (
        b"GET /large.webp HTTP/1.0\r\n\r\n",
        b"GET /index.html HTTP/1.0\r\n\r\n",
        b"GET /in",
        b"",
    ):
        with socket.create_connection(address) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset it
            connection.sendall(request)
    with urllib.request.urlopen(f"http://127.0.0.1:{address[1]}/") as page:
        assert page.read() == b"<p>hello"
    assert capfd.readouterr() == ("", "")


def test_an_address_that_can_be_no_file_is_not_found(
    address: tuple[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    for path in ("%00", "a%00.html", "x" * 5000):
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{address[1]}/{path}")
    assert capfd.readouterr() == ("", "")
