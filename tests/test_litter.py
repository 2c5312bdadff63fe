"""What file managers, offices and Git LFS leave beside people's files is no picture, record or level."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import PIL.Image
import pytest

from helpers.lab import Lab
from helpers.outcomes import refused
from helpers.pictures import noise
from helpers.records import small_study, write_results
from helpers.shell import STUDY, TINY, Shell
from runner.files import LFS_POINTER
from runner.images.own import load_folder
from runner.publish.site import build_site
from runner.record.results import Results
from runner.store.maintenance import rubbish, verify
from runner.store.store import Store

LITTER = ("Thumbs.db", "desktop.ini", ".DS_Store", "._mine.png", "~$mine.png", ".~lock.mine.png#")
POINTER = LFS_POINTER + b"spec/v1\noid sha256:0\nsize 3\n"


def litter(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in LITTER:
        (folder / name).write_bytes(b"litter")
    return folder


def test_a_folder_of_one_s_own_pictures_may_hold_it(tmp_path: Path) -> None:
    PIL.Image.fromarray(noise()).save(litter(tmp_path) / "mine.png")
    assert list(load_folder(tmp_path)) == ["mine"]


def test_a_store_with_it_is_whole_and_keeps_it(lab: Lab) -> None:
    lab.run(lab.tiny.plan("stopped"))
    whole = verify(lab.store).whole
    for name in ("levels", "outputs", "partial"):
        litter(lab.store.root / name)
    found = verify(lab.store)
    assert (found.whole, found.damaged, found.incomplete) == (whole, (), ())
    assert not [path for path in rubbish(lab.store, unused=True) if path.name in {"Thumbs.db", "desktop.ini"}]


def test_a_folder_that_holds_nothing_else_is_empty(singan: Shell, lab: Lab, tmp_path: Path) -> None:
    Store(litter(tmp_path / "new")).prepare()
    lab.run(lab.tiny.plan("stopped"))
    one = ("--experiment", "stopped", "--image", "stripes")
    litter(tmp_path / "exported")
    assert singan("export-official", *TINY, *one, "--out", "exported")[0] == 0
    litter(tmp_path / "site")
    assert singan("build-site", *STUDY)[0] == 0
    assert all((tmp_path / "site" / name).exists() for name in LITTER)


def test_a_record_with_it_is_read_and_so_is_one_that_an_editor_marked(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    build_site(study, tmp_path / "results", tmp_path / "before")
    for folder in (results.folder, results.folder / "levels", results.folder.parent):
        litter(folder)
    for path in results.folder.rglob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert build_site(study, tmp_path / "results", tmp_path / "after").notes == ()
    index = [(tmp_path / site / "index.html").read_bytes() for site in ("before", "after")]
    assert index[0] == index[1]


def test_a_newer_record_that_an_editor_marked_is_still_a_newer_one(singan: Shell, lab: Lab) -> None:
    lab.run(lab.tiny.plan("stopped"))
    path = Results(lab.results.folder.parent, "tiny").folder / "profile.json"
    whole = json.loads(path.read_text(encoding="utf-8")) | {"version": 2}
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(whole).encode())
    assert "is a record of version 2" in refused(singan("build-site", *STUDY))


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("mine.png", ("super-resolve", "mine.png", *TINY, "-o", "x.png")),
        ("own/mine.png", ("run", *TINY, "--dry-run", "--images-from", "own")),
        ("results/tiny/profile.json", ("build-site", *STUDY)),
        ("pointer.toml", ("run", "--study", "pointer.toml", "--dry-run")),
    ],
)
def test_a_pointer_of_git_lfs_is_called_so_and_not_to_be_deleted(
    file: str, command: tuple[str, ...], singan: Shell, tmp_path: Path
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(POINTER)
    line = refused(singan(*command))
    assert file in line
    assert "is a Git LFS pointer" in line
    assert "git lfs pull" in line
    assert "delete" not in line


def test_templates_with_it_make_the_same_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small_study(("original",), ("colosseum",))
    write_results(tmp_path / "results", study)
    templates = tmp_path / "templates"
    shutil.copytree(Path(__file__).parents[1] / "site_templates", templates)
    litter(templates / "static")
    monkeypatch.setattr("runner.publish.output.render.TEMPLATES", templates)
    build_site(study, tmp_path / "results", tmp_path / "site")
    assert not {path.name for path in (tmp_path / "site").rglob("*")} & set(LITTER)
