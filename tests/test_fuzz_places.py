"""Commands on mount points, full disks and read-only homes, with closed or broken streams.

Each works or is refused in one line, and loses nothing that was good before. Part of `make fuzz`.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.fuzzing import FUZZ_CASES, REFUSED, TRIED, cases, counts
from helpers.lab import Lab
from helpers.pictures import noise
from helpers.places import Ended, Place, Streams, carry_out
from helpers.tiny_study import write_tiny_study
from runner.commands import exit_status
from runner.publish.site import build_site
from runner.store.maintenance import verify
from runner.store.store import Store

TARGET = "commands in odd places"

pytestmark = pytest.mark.slow

TINY = ("--study", "study.toml", "--profile", "tiny")
ONE = ("--experiment", "stopped", "--image", "stripes")

COMMANDS = (
    ("list", "--study", "study.toml"),
    ("status", *TINY),
    ("run", *TINY, *ONE),
    ("run", *TINY, "--experiment", "original", "--image", "stripes"),
    ("run", *TINY, *ONE, "--engine", "plain", "--seed", "1"),
    ("super-resolve", "own/mine.png", *TINY, "--factor", "1.5", "-o", "own/large.png"),
    ("export-official", *TINY, *ONE, "--out", "exported"),
    ("build-site", "--study", "study.toml", "--check"),
    ("store", "verify"),
    ("store", "gc"),
)

FOLDERS = ("home", "tmp", "store", "results", "site", "own", "cache", "exported")

PLACES = st.dictionaries(
    st.sampled_from(FOLDERS),
    st.builds(
        Place,
        st.sampled_from([0, 0, 4, 8, 16, 64, 256, 1024, 1 << 16]),
        st.sampled_from([False, False, True]),
    ),
    max_size=3,
)

STREAMS = st.sampled_from([*[""] * 4, ">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full", "| true"])

QUIET = {"", "| true"}
"""Streams with which what went wrong can be told."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A study that was run once, with its site, one's own picture, and what it was enlarged to before."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("places") / "home"
        folder.mkdir()
        lab = Lab(write_tiny_study(folder, patch), folder)
        lab.run(lab.tiny.plan("stopped"))
        build_site(lab.tiny.study, folder / "results", folder / "site")
        for name in FOLDERS:
            (folder / name).mkdir(exist_ok=True)
        PIL.Image.fromarray(noise()).save(folder / "own/mine.png")
        PIL.Image.fromarray(noise()).save(folder / "own/large.png")
        yield folder
    if FUZZ_CASES:
        sys.stdout.write(counts())


def check_words(ended: Ended, streams: Streams) -> None:
    """It ended as commands end, and said why in a line where somebody could hear it."""
    assert "Traceback" not in ended.err
    assert "Exception ignored" not in ended.err
    assert "Error:" not in ended.err
    assert ended.status in {0, exit_status.FAILED, exit_status.USAGE}
    if ended.status == exit_status.USAGE and streams in QUIET:
        (line,) = (line for line in ended.err.splitlines() if not line.startswith("note: "))
        assert line.startswith("singan: ")


def check_files(before: Path, after: Path) -> None:
    """What was whole is whole: the same bytes, or a record or picture written anew."""
    assert verify(Store(after / "store")).damaged == ()
    for path in before.rglob("*"):
        name = path.relative_to(before)
        if path.is_file() and name.parts[0] not in {"home", "tmp"}:
            now = after / name
            assert now.is_file(), name
            if now.read_bytes() != path.read_bytes():
                if path.suffix == ".json":
                    json.loads(now.read_bytes())
                elif path.suffix in {".png", ".webp"}:
                    PIL.Image.open(now).load()
                elif path.suffix == ".html":
                    assert now.read_text(encoding="utf-8").endswith("</html>\n")


@cases(TARGET)
@given(st.sampled_from(COMMANDS), PLACES, STREAMS)
def test_a_command_in_odd_places_works_or_is_refused_and_loses_nothing(
    home: Path, command: tuple[str, ...], places: dict[str, Place], streams: Streams
) -> None:
    folder = home.with_name("case")
    TRIED[TARGET] += 1
    try:
        shutil.copytree(home, folder)
        ended = carry_out(folder, command, places, streams)
        check_words(ended, streams)
        check_files(home, ended.after)
        REFUSED[TARGET] += ended.status == exit_status.USAGE
    finally:
        for left in (folder, folder.with_name("case-after")):
            shutil.rmtree(left, ignore_errors=True)
        folder.with_name("case-after.status").unlink(missing_ok=True)


def test_places_are_what_they_are_called(home: Path) -> None:
    folder = home.with_name("other")
    shutil.copytree(home, folder)
    command = ("super-resolve", "own/mine.png", *TINY, "--factor", "1.5", "-o", "own/large.png")
    ended = carry_out(folder, command, {"own": Place(0)})
    check_words(ended, "")
    check_files(home, ended.after)
