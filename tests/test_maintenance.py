from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from helpers.store import PROVENANCE
from runner.planning.plan import digest
from runner.store.maintenance import disk_use, remove, rubbish, size_of, verify
from runner.store.store import Kind, Store

FIELDS: dict[str, object] = {"level": 0}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A level that a run needs with its output, and one level that none does."""
    store = Store(tmp_path / "store")
    store.prepare()
    needed = digest(FIELDS)
    entries: tuple[tuple[Kind, str, dict[str, object]], ...] = (
        ("levels", needed, FIELDS),
        ("levels", "unneeded", {"level": 1}),
        ("outputs", "picture", {"top": needed}),
    )
    for kind, key, fields in entries:
        store.add(kind, key, {"a": b"12345"}, fields=fields, facts={}, provenance=PROVENANCE)
    store.write_note("tiny/original/dots", {"failure": None, "levels": {"0": FIELDS}})
    return store


def names(paths: list[Path]) -> set[str]:
    return {path.name for path in paths}


def test_a_whole_store_is_told_whole_and_has_no_rubbish(store: Store) -> None:
    found = verify(store)
    assert (found.whole, found.damaged, found.incomplete) == (3, (), ())
    assert rubbish(store) == []


def test_damage_is_found_without_changing_anything(store: Store) -> None:
    (store.root / "levels" / "unneeded" / "a").write_bytes(b"54321")
    (store.root / "outputs" / "picture" / "a").unlink()
    store.keep_partial("training", b"state")
    (store.root / "partial" / "training").write_bytes(b"x" * 40)
    before = size_of(store.root)
    found = verify(store)
    assert found.whole == 1
    assert [error.path.name for error in found.damaged] == ["unneeded", "training"]
    assert [path.name for path in found.incomplete] == ["picture"]
    assert size_of(store.root) == before


def test_leftovers_of_killed_writes_and_finished_trainings_are_rubbish(store: Store) -> None:
    (store.root / "levels" / ".unneeded.x1").mkdir()
    (store.root / "partial").mkdir()
    (store.root / "partial" / ".other.x2").write_bytes(b"")
    store.keep_partial("unneeded", b"state of a level that is finished")
    store.keep_partial("other", b"state of one that is not")
    assert names(rubbish(store)) == {".unneeded.x1", ".other.x2", "unneeded"}


def test_a_write_in_progress_is_not_rubbish(store: Store) -> None:
    (store.root / "levels" / ".busy.x1").mkdir()
    with store.lock("busy"):
        assert rubbish(store) == []
    assert names(rubbish(store)) == {".busy.x1"}


def test_only_on_request_work_that_no_run_needs_is_rubbish(store: Store) -> None:
    found = rubbish(store, unused=True)
    assert names(found) == {"unneeded"}
    remove(found)
    assert store.find("levels", "unneeded") is None
    assert verify(store).whole == 2


def test_notes_and_entries_that_say_odd_things_make_nothing_needed(store: Store) -> None:
    store.write_note("tiny/original/odd", {"failure": None, "levels": {"0": {"seconds": math.nan}}})
    path = store.root / "outputs" / "picture" / "entry.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "fields": {"top": ["no", "key"]}}), encoding="utf-8"
    )
    assert names(rubbish(store, unused=True)) == {"unneeded"}


def test_removing_a_link_leaves_what_it_led_to(store: Store, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").touch()
    (store.root / "damaged").mkdir()
    (store.root / "damaged" / "link").symlink_to(tmp_path / "other")
    remove(rubbish(store))
    assert rubbish(store) == []
    assert (tmp_path / "other" / "precious").exists()


def test_a_lock_nobody_can_have_keeps_what_it_guards(store: Store) -> None:
    (store.root / "levels" / ".busy.x1").mkdir()
    (store.root / "locks" / "busy.lock").mkdir(parents=True)
    assert rubbish(store) == []


def test_disk_use_adds_up(store: Store) -> None:
    use = disk_use(store)
    assert sum(use.values()) == size_of(store.root) - size_of(store.root / "format")
    assert list(use.values()) == sorted(use.values(), reverse=True)
