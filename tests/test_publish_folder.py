"""The folder a site is written to: never a user's files' loss, never half a site."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.records import small_study, write_results
from runner.publish.output.folder import MARKER, site_folder
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


def test_a_swap_that_fails_puts_the_old_site_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "site"
    write_site(out, {"a": "old"})
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise PermissionError(13, "Permission denied", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(UserError, match="cannot be written: Permission denied"):
        write_site(out, {"a": "new"})
    assert contents(out) == {"a": "old"}


def contents_of_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
