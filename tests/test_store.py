from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import threading
from pathlib import Path

import pytest

from helpers.store import PROVENANCE
from runner.store.store import DamagedError, Entry, Store
from singan.errors import UserError


def add(store: Store, key: str = "k", data: bytes = b"weights") -> Entry:
    return store.add(
        "levels", key, {"a": data}, fields={"level": 0}, facts={"seconds": 1.5}, provenance=PROVENANCE
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def test_an_entry_is_found_as_it_was_added(store: Store) -> None:
    add(store)
    entry = store.find("levels", "k")
    assert entry is not None
    assert entry.read("a") == b"weights"
    assert (entry.fields, entry.facts, entry.provenance) == ({"level": 0}, {"seconds": 1.5}, PROVENANCE)


def test_a_folder_that_another_process_is_just_making_a_store_of_is_one(tmp_path: Path) -> None:
    (tmp_path / ".format.k2x9").write_bytes(b"")  # before it is renamed
    Store(tmp_path).prepare()
    assert (tmp_path / "format").is_file()


def test_what_was_not_added_is_not_there(store: Store) -> None:
    assert store.find("levels", "k") is None
    add(store)
    assert store.find("outputs", "k") is None


def test_adding_again_replaces(store: Store) -> None:
    add(store)
    add(store, data=b"other")
    entry = store.find("levels", "k")
    assert entry is not None
    assert entry.read("a") == b"other"


def test_an_entry_with_a_missing_or_cut_file_is_not_there(store: Store) -> None:
    folder = add(store).folder
    (folder / "a").write_bytes(b"wei")
    assert store.find("levels", "k") is None
    (folder / "a").unlink()
    assert store.find("levels", "k") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}}', "[" * 100_000, "\x00", "1" * 5000])
def test_an_unreadable_description_means_not_there(store: Store, text: str) -> None:
    folder = add(store).folder
    (folder / "entry.json").write_text(text, encoding="utf-8")
    assert store.find("levels", "k") is None


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("fields", []),
        ("facts", None),
        ("provenance", {"machine": "m"}),
        ("files", []),
        ("files", {"a": 3}),
        ("files", {"a": {"bytes": 7}}),
        ("files", {"a": {"bytes": -7, "sha256": ""}}),
        ("files", {"../k/a": {"bytes": 7, "sha256": ""}}),
        ("files", {"a\0b": {"bytes": 7, "sha256": ""}}),
    ],
)
def test_a_description_of_another_shape_means_not_there(store: Store, part: str, value: object) -> None:
    path = add(store).folder / "entry.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), part: value}), encoding="utf-8")
    assert store.find("levels", "k") is None


def test_a_file_the_description_has_lost_is_damage(store: Store) -> None:
    entry = add(store)
    with pytest.raises(DamagedError, match="is not among the entry's files"):
        entry.read("b")


def test_a_link_in_place_of_an_entry_is_replaced_and_what_it_led_to_stays(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").touch()
    (store.root / "levels").mkdir()
    (store.root / "levels" / "k").symlink_to(tmp_path / "other")
    add(store)
    assert store.find("levels", "k") is not None
    assert not (store.root / "levels" / "k").is_symlink()
    assert (tmp_path / "other" / "precious").exists()


def test_where_a_store_has_gone_no_half_store_begins(store: Store) -> None:
    damaged = DamagedError(add(store).folder, "torn")
    shutil.rmtree(store.root)
    for action in (
        lambda: add(store),
        lambda: store.keep_partial("k", b""),
        lambda: store.write_note("a", {"failure": None, "levels": {}}),
        lambda: store.set_aside(damaged),
        lambda: store.lock("k").__enter__(),
    ):
        with pytest.raises(UserError, match="the store has gone; bring it back"):
            action()
    assert not store.root.exists()


def test_a_lock_that_cannot_be_had_is_told_in_one_line(store: Store) -> None:
    (store.root / "locks" / "k.lock").mkdir(parents=True)
    with pytest.raises(UserError, match=r"k\.lock: cannot be locked"), store.lock("k"):
        pytest.fail("went on without the lock")


def test_a_folder_in_place_of_a_training_in_progress_is_damage_and_can_be_dropped(store: Store) -> None:
    (store.root / "partial" / "k").mkdir(parents=True)
    with pytest.raises(DamagedError, match="Is a directory"):
        store.read_partial("k")
    store.drop_partial("k")
    assert store.read_partial("k") is None


def test_a_flipped_byte_is_noticed_on_reading_and_can_be_set_aside(store: Store) -> None:
    entry = add(store)
    (entry.folder / "a").write_bytes(b"weighty"[:7])
    with pytest.raises(DamagedError, match="wrong checksum") as caught:
        entry.read("a")
    aside = store.set_aside(caught.value)
    assert store.find("levels", "k") is None
    assert (aside / "a").exists()


def test_a_failed_addition_leaves_the_old_entry_and_no_rubbish(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store)

    def full(path: Path, data: bytes) -> None:
        raise UserError("cannot be written: No space left on device", where=str(path))

    monkeypatch.setattr("runner.store.store.write_atomically", full)
    with pytest.raises(UserError, match="No space left"):
        add(store, data=b"other")
    entry = store.find("levels", "k")
    assert entry is not None
    assert entry.read("a") == b"weights"
    assert [path.name for path in (store.root / "levels").iterdir()] == ["k"]


def test_another_format_is_refused_with_what_to_do(store: Store) -> None:
    (store.root / "format").write_text("99\n", encoding="utf-8")
    with pytest.raises(UserError, match=r'has format "99".*use another --store'):
        Store(store.root)


def test_a_folder_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years of work", encoding="utf-8")
    with pytest.raises(UserError, match="is no store"):
        Store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_opening_a_store_writes_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "new").find("levels", "k")
    assert not (tmp_path / "new").exists()


def test_a_key_is_worked_on_by_one_at_a_time(store: Store) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with store.lock("k"):
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.02)
            inside -= 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most == 1


def test_notes_come_back_and_damaged_ones_are_none(store: Store) -> None:
    store.write_note("tiny/original/dots", {"failure": None, "levels": {}})
    assert store.read_note("tiny/original/dots") == {"failure": None, "levels": {}}
    for text in (
        "{",
        "[]",
        "{}",
        '{"failure": 1, "levels": {}}',
        '{"failure": null, "levels": {"0": 1}}',
        "[" * 9**5,
    ):
        (store.root / "runs" / "tiny" / "original" / "dots.json").write_text(text, encoding="utf-8")
        assert store.read_note("tiny/original/dots") is None


def test_whoever_waits_for_a_lock_is_told_who_holds_it_and_may_stop_waiting(store: Store) -> None:
    class EnoughError(Exception):
        pass

    told: list[str] = []

    def once_is_enough(holder: str) -> None:
        told.append(holder)
        raise EnoughError

    with store.lock("k"), pytest.raises(EnoughError), store.lock("k", once_is_enough):
        pass
    assert told == [f"process {os.getpid()} on {platform.node()}"]
    with store.lock("k", once_is_enough):
        pass


def test_a_file_system_that_gives_no_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(descriptor: object, how: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("fcntl.flock", denied)
    with pytest.raises(UserError, match="files cannot be locked there"):
        Store(tmp_path / "store").prepare()


def test_many_that_put_the_same_entry_at_once_all_succeed(store: Store) -> None:
    failures: list[BaseException] = []

    def put_often() -> None:
        try:
            for _ in range(40):
                add(store)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=put_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    entry = store.find("levels", "k")
    assert entry is not None
    assert entry.read("a") == b"weights"
