"""Standard streams that are closed, read by nobody, or a terminal that wants no colours."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.shell import SINGAN, STUDY, TINY, Shell
from helpers.tiny_study import TinyStudy

RUN = ("run", *TINY, "--experiment", "original", "--image", "stripes", "--engine", "plain")


def offline() -> dict[str, str]:
    """A run in a process of its own would look for NIQE's parameters; there is nobody at that port."""
    return {**os.environ, "https_proxy": "http://127.0.0.1:9"}


def in_shell(redirection: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command with its streams as a shell redirects them."""
    script = f'"$@" {redirection}'
    return subprocess.run(
        ["sh", "-c", script, "sh", *SINGAN, *command],
        cwd=folder,
        env=offline(),
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("command", "redirection"),
    [
        (("list", *STUDY), ">&-"),
        (("list", *STUDY), ">&- 2>&- <&-"),
        (("list", *STUDY, "--help"), "2>&-"),
    ],
)
def test_a_closed_stream_stops_no_command(
    command: tuple[str, ...], redirection: str, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    done = in_shell(redirection, tmp_path, *command)
    assert (done.returncode, done.stderr) == (0, "")


WORK = """
import os, sys
from runner import cli
from runner.progress import showing_progress
@cli.cli.command("work")
def work():
    with open("record", "w") as record, showing_progress() as progress:
        os.system("echo from a child; echo from a child >&2")
        progress.say("level 0")
        record.write(f"{record.fileno() > 2}")
cli.main()
"""


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_no_file_gets_the_number_of_a_closed_stream(redirection: str, tmp_path: Path) -> None:
    script = f'"$@" {redirection}'
    command = ["sh", "-c", script, "sh", sys.executable, "-c", WORK, "work"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert (tmp_path / "record").read_text() == "True"


@pytest.mark.parametrize("command", [("list", *STUDY), RUN], ids=lambda command: command[0])
def test_a_pipe_that_nobody_reads_ends_a_command_quietly(
    command: tuple[str, ...], tiny_study: TinyStudy, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [*SINGAN, *command], cwd=tmp_path, env=offline(), stdout=writing, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writing)
        _, told = process.communicate()
    assert (process.returncode, told) == (1, "")


WARNING = """
from runner import cli
from runner.commands.options import tell_stand_in
@cli.cli.command("warn")
def warn():
    tell_stand_in("a photograph")
cli.main()
"""


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_that_want_them(environment: dict[str, str], coloured: bool) -> None:
    terminal, end = pty.openpty()
    without = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run(
        [sys.executable, "-c", WARNING, "warn"],
        check=True,
        stdin=end,
        stdout=end,
        stderr=end,
        env={**without, "TERM": "xterm", **environment},
    )
    os.close(end)
    told = os.read(terminal, 1000)
    os.close(terminal)
    assert b"STAND-IN: a photograph" in told
    assert (b"\x1b[" in told) == coloured


def test_no_title_or_name_tells_a_terminal_what_to_do(singan: Shell, tiny_study: TinyStudy) -> None:
    tiny_study.edit('title = "Original"', r'title = "\u001b[31mred\u0007"')
    tiny_study.edit('title = "dots"', r'title = "\u001b]0;window\u0007"')
    status, out, _ = singan("list", *STUDY)
    assert status == 0
    assert "\u241b[31mred\u2407" in out
    for arguments in (("list", "--\x1b[31m"), ("run", *STUDY, "--profile", "\x1b[31m")):
        status, _, err = singan(*arguments)
        assert status == 2
        (line,) = err.splitlines()
        assert line.isprintable()


def test_a_home_that_cannot_be_written_gives_no_advice(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder: nobody can write into it, not even root")
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""}
    environment.pop("MPLCONFIGDIR", None)
    code = "import runner.publish.content.charts"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stderr == b""
