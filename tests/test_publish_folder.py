"""The folder a site is written to: never a user's files' loss, never half a site, always the same folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from helpers.records import small_study, write_results
from helpers.shell import SINGAN
from runner.publish.output import turns
from runner.publish.output.folder import LOCK, STAGING, site_folder
from runner.publish.output.manifest import MARKER, Manifest
from runner.publish.site import build_site
from singan.errors import UserError


def write_site(out: Path, files: dict[str, str], made_with: str = "1") -> int:
    """Write a site of these files as derived ones; returns how many were reused."""
    with site_folder(out, made_with) as folder:
        for name, text in files.items():
            folder.keep(name, text.encode)
    return folder.reused


def write_half_a_site(out: Path) -> None:
    with site_folder(out, "1") as folder:
        folder.write("index.html", b"half a site")
        raise ZeroDivisionError


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MARKER)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_a_folder_of_somebody_else_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds files, and is no site written here"):
        write_site(tmp_path, {"index.html": "new"})
    assert contents(tmp_path) == {"thesis.txt": "years of work"}


@pytest.mark.parametrize("marker", ["", "{}", "[]", '{"files": 3, "made_with": "1"}'])
def test_a_marker_that_says_nothing_is_no_permission(marker: str, tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text(marker)
    with pytest.raises(UserError, match="no site written here"):
        write_site(tmp_path, {})


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file")
    with pytest.raises(UserError, match="is a file"):
        write_site(tmp_path / "site", {})


def test_an_empty_folder_and_a_new_one_are_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "deep/new"):
        write_site(tmp_path / name, {"a/b": "c"})
        assert contents(tmp_path / name) == {"a/b": "c"}


def test_pages_no_longer_made_go_and_files_of_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"old.html": "old", "both.html": "old"})
    (out / "CNAME").write_text("example.org")
    (out / "both.html").write_text("edited by hand")
    write_site(out, {"both.html": "new"}, made_with="2")
    assert contents(out) == {"CNAME": "example.org", "both.html": "new"}


def test_a_users_file_is_never_overwritten_by_a_new_page(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"index.html": "x"})
    (out / "about.html").write_text("mine")
    with pytest.raises(UserError, match=r"about\.html: is in the way of a page"):
        write_site(out, {"index.html": "y", "about.html": "ours"})
    assert contents(out) == {"about.html": "mine", "index.html": "x"}


def test_files_are_reused_only_while_their_makers_are_the_same(tmp_path: Path) -> None:
    out = tmp_path / "site"
    assert [write_site(out, {"a": "x"}, made_with) for made_with in ("1", "1", "2", "2")] == [0, 1, 0, 1]


def test_a_failed_build_leaves_the_old_site_as_it_was(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    out = tmp_path / "site"
    build_site(study, tmp_path / "results", out)
    before = contents_of_bytes(out)
    (results.folder / "images/colosseum.json").write_text("{}")
    with pytest.raises(UserError, match=r"colosseum\.json"):
        build_site(study, tmp_path / "results", out)
    with pytest.raises(ZeroDivisionError):
        write_half_a_site(out)
    assert contents_of_bytes(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "site"], "nothing left lying about"


def everything(folder: Path) -> list[str]:
    """Every path in a folder, empty folders included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_empty_folders_of_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"index.html": "old", "pages/old.html": "old"})
    for name in (".git/refs/tags", ".git/objects/info", "pages/drafts", "empty"):
        (out / name).mkdir(parents=True)
    before = set(everything(out))
    write_site(out, {"index.html": "new"})
    assert set(everything(out)) == before - {"pages/old.html"}


def test_a_repository_in_the_folder_outlives_a_rebuild(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"index.html": "old"})
    subprocess.run(["git", "init", "-q", str(out)], check=True)
    write_site(out, {"index.html": "new"})
    told = subprocess.run(
        ["git", "-C", str(out), "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True
    )
    assert sorted(told.stdout.split()) == sorted(["??", f"{MARKER}", "??", "index.html"])


def test_folders_that_held_only_pages_go_with_them(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"index.html": "x", "a/b/c.html": "x", "a/d.html": "x"})
    write_site(out, {"index.html": "x", "a/d.html": "x"})
    assert everything(out) == [MARKER, "a", "a/d.html", "index.html"]
    write_site(out, {"index.html": "x"})
    assert everything(out) == [MARKER, "index.html"]


def test_a_page_somebody_edited_is_theirs_once_it_is_no_longer_made(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"index.html": "x", "old.html": "x"})
    (out / "old.html").write_text("notes of mine")
    write_site(out, {"index.html": "x"})
    assert contents(out) == {"index.html": "x", "old.html": "notes of mine"}


def test_the_folder_itself_stays_so_that_a_shell_or_a_mount_goes_on_seeing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"
    out.mkdir()
    before = out.stat().st_ino
    monkeypatch.chdir(out)
    for text in ("old", "new"):
        write_site(Path(), {"index.html": text}, made_with=text)
        assert Path("index.html").read_text() == text
    assert out.stat().st_ino == before
    assert everything(tmp_path) == ["site", f"site/{MARKER}", "site/index.html"], "nothing left lying about"


def test_nothing_is_renamed_out_of_the_folder_or_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mount point is a file system of its own: between it and what is beside it nothing can be renamed."""
    out = tmp_path / "site"
    replace = Path.replace

    def within(self: Path, target: Path) -> Path:
        assert self.is_relative_to(out)
        assert target.is_relative_to(out)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", within)
    monkeypatch.setattr(Path, "rename", lambda self, target: pytest.fail(f"renames {self}"))
    for text in ("old", "new"):
        write_site(out, {"index.html": text}, made_with=text)
    assert contents(out) == {"index.html": "new"}


def test_a_new_file_system_is_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    write_site(tmp_path, {"index.html": "x"})
    assert everything(tmp_path) == [MARKER, "index.html", "lost+found"]


def test_files_that_did_not_change_are_not_touched(tmp_path: Path) -> None:
    out = tmp_path / "site"
    files = {"index.html": "same", "a/b.html": "same"}
    write_site(out, {**files, "c.html": "old"})
    before = {name: (out / name).stat() for name in files}
    write_site(out, {**files, "c.html": "new"}, made_with="2")
    for name, stat in before.items():
        after = (out / name).stat()
        assert (after.st_ino, after.st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    assert contents(out)["c.html"] == "new"


def test_a_folder_built_anew_and_one_built_over_are_the_same(tmp_path: Path) -> None:
    write_site(tmp_path / "over", {"index.html": "old", "gone/old.html": "old"})
    for name in ("over", "anew"):
        write_site(tmp_path / name, {"index.html": "new", "a/b": "c"}, made_with="2")
    over, anew = (tree_of(tmp_path / name) for name in ("over", "anew"))
    assert over == anew


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """Every path with its content; None is a folder."""
    return {
        name: None if (folder / name).is_dir() else (folder / name).read_bytes()
        for name in everything(folder)
    }


def test_an_outside_file_named_by_a_marker_is_not_ours_to_remove(tmp_path: Path) -> None:
    out, precious = tmp_path / "site", tmp_path / "thesis.txt"
    precious.write_text("x")
    write_site(out, {"index.html": "x"})
    digest = hashlib.sha256(b"x").hexdigest()
    for name in ("../thesis.txt", str(precious), "a/../../thesis.txt", "", "."):
        (out / MARKER).write_bytes(Manifest("1", {name: digest}).encoded())
        with pytest.raises(UserError, match="no site written here"):
            write_site(out, {"index.html": "y"})
    assert precious.read_text() == "x"


def test_a_link_in_the_place_of_a_folder_of_pages_is_not_followed(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    write_site(out, {"index.html": "x"})
    elsewhere.mkdir()
    (out / "pages").symlink_to(elsewhere)
    with pytest.raises(UserError, match=r"pages: is in the way of a page"):
        write_site(out, {"pages/a.html": "x"})
    assert everything(elsewhere) == []


def test_a_folder_in_the_place_of_a_page_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"index.html": "x"})
    (out / "index.html").unlink()
    (out / "index.html").mkdir()
    with pytest.raises(UserError, match=r"index\.html: is in the way of a page"):
        write_site(out, {"index.html": "y"})


KILLED_WHILE_RENAMING = """
import os, sys
from pathlib import Path
from runner.publish.output.folder import site_folder
replace, left = Path.replace, [int(sys.argv[2])]
def killed(self, target):
    if not left[0]:
        os._exit(9)
    left[0] -= 1
    return replace(self, target)
Path.replace = killed
with site_folder(Path(sys.argv[1]), "2") as folder:
    for name in sys.argv[3:]:
        folder.write(name, b"new")
"""
NEW = ("index.html", "added.html", "b/c.html", "static/a.css")


def killed_while_renaming(out: Path, renames: int) -> bool:
    """A build that is killed after so many renames; whether it came to that."""
    command = [sys.executable, "-c", KILLED_WHILE_RENAMING, str(out), str(renames), *NEW]
    return subprocess.run(command, check=False).returncode == 9


@pytest.mark.parametrize("old", [{}, {"index.html": "old", "static/a.css": "old", "z/gone.html": "old"}])
def test_a_killed_build_leaves_a_site_and_the_next_one_clears_up(old: dict[str, str], tmp_path: Path) -> None:
    write_site(tmp_path / "anew", dict.fromkeys(NEW, "new"), made_with="3")
    renames = 0
    while True:
        out = tmp_path / str(renames)
        if old:
            write_site(out, old)
            (out / "CNAME").write_text("example.org")
        if not killed_while_renaming(out, renames):
            break
        there = contents(out)
        assert old.keys() <= there.keys() or "added.html" in there, "old pages go once the new ones are there"
        assert not ({"index.html"} <= there.keys() and there["index.html"] == "new") or "b/c.html" in there
        write_site(out, dict.fromkeys(NEW, "new"), made_with="3")
        expected = tree_of(tmp_path / "anew")
        assert tree_of(out) == ({**expected, "CNAME": b"example.org"} if old else expected)
        renames += 1
    assert renames >= 5, "each of the four files, the plan, and the manifest were in turn the last"


def test_a_file_put_there_after_a_killed_build_is_not_taken_for_ours(tmp_path: Path) -> None:
    assert killed_while_renaming(tmp_path / "site", 1)
    (tmp_path / "site" / "added.html").write_text("mine")
    with pytest.raises(UserError, match=r"added\.html: is in the way"):
        write_site(tmp_path / "site", dict.fromkeys(NEW, "new"))
    (tmp_path / "site" / "added.html").unlink()
    write_site(tmp_path / "site", dict.fromkeys(NEW, "new"))
    assert contents(tmp_path / "site") == dict.fromkeys(NEW, "new")


def test_a_rename_that_fails_is_told_and_the_next_build_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"
    write_site(out, {"a.html": "old", "z.html": "old"})
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if self.name == "z.html":
            raise PermissionError(13, "Permission denied", str(self))
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", failing)
        with pytest.raises(UserError, match="cannot be written: Permission denied"):
            write_site(out, {"a.html": "new", "new.html": "new", "z.html": "new"}, made_with="2")
    assert contents(out).keys() - {f"{STAGING}/{MARKER}"} == {"a.html", "new.html", "z.html"}
    write_site(out, {"a.html": "newer"})
    assert everything(out) == [MARKER, "a.html"]


def test_builds_into_one_folder_take_turns(tmp_path: Path) -> None:
    out = tmp_path / "site"
    second = threading.Thread(target=write_site, args=(out, {"index.html": "second"}, "2"))
    with site_folder(out, "1") as folder:
        second.start()
        second.join(0.3)
        assert second.is_alive(), "it waits"
        folder.write("index.html", b"first")
        folder.write("more.html", b"first")
    second.join(30)
    assert everything(out) == [MARKER, "index.html"]
    assert contents(out) == {"index.html": "second"}


def test_a_build_that_never_ends_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LONGEST_WAIT_s", 0.1)
    with FileLock(tmp_path / LOCK), pytest.raises(UserError, match=r"another build.*wait for it"):
        write_site(tmp_path, {"index.html": "x"})
    write_site(tmp_path, {"index.html": "x"})
    assert everything(tmp_path) == [MARKER, "index.html"], "the lock a killed build left goes too"


def test_two_commands_may_build_one_new_folder_at_once(tmp_path: Path) -> None:
    study = Path(__file__).parents[1] / "experiments.toml"
    write_results(tmp_path / "results", small_study(("original",), ("colosseum",)))
    command = [
        *SINGAN,
        "build-site",
        "--study",
        str(study),
        "--results",
        str(tmp_path / "results"),
        "--check",
    ]
    builds = [
        subprocess.Popen(
            [*command, "--out", str(tmp_path / "site")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for build in builds:
        told, _ = build.communicate()
        assert build.returncode == 0, told
    assert not {STAGING, LOCK} & set(everything(tmp_path / "site"))


def contents_of_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
