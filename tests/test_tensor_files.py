"""Files that strangers wrote, damaged and malicious ones, inside a folder that is otherwise whole."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.official_folders import (
    FILES,
    ONE_OF_EACH,
    PYRAMID,
    assert_equal_pyramids,
    assert_refused,
    holding,
    loaded,
    refusal_of,
    saved,
    zipped,
)
from helpers.tiny import CPU
from runner.official.format import read_official, write_official

few = settings(deadline=None, max_examples=15)
"""A whole folder is read for every example."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `write_official` leaves it; tests that change it put it back."""
    folder = tmp_path_factory.mktemp("official") / "trained"
    write_official(PYRAMID, folder)
    return folder


@pytest.fixture(scope="module")
def without_netd(tmp_path_factory: pytest.TempPathFactory, original: Path) -> Path:
    """A folder that is refused once all else but level 1's networks was read: for what needs many reads."""
    folder = tmp_path_factory.mktemp("without") / "trained"
    shutil.copytree(original, folder)
    (folder / "0/netD.pth").unlink()
    return folder


@pytest.fixture
def trained(original: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(original, tmp_path / "trained"))


# Damage


def positions(length: int, count: int) -> list[int]:
    """Places in a file: spread over it, and more of them at its start and end, where the structure is."""
    ends = {*range(0, 300, 29), length - 20, length - 1}
    return sorted({*range(0, length, max(1, length // count)), *(at for at in ends if at < length)})


QUICK = [name for name in ONE_OF_EACH if name != "0/netD.pth"]


@pytest.mark.parametrize("old_format", [True, False], ids=["old", "zip"])
@pytest.mark.parametrize("name", QUICK)
def test_flipped_byte_never_surprises(without_netd: Path, name: str, old_format: bool) -> None:
    data = saved(loaded(without_netd / name), old_format=old_format)
    for number, position in enumerate(positions(len(data), 8)):
        spoilt = bytearray(data)
        spoilt[position] ^= (0x01, 0x80, 0xFF)[number % 3]
        with holding(without_netd, name, bytes(spoilt)):
            assert refusal_of(without_netd) is not None


@few
@given(name=st.sampled_from(ONE_OF_EACH), at=st.floats(0, 1), mask=st.integers(1, 255))
def test_flipped_byte_is_refused_or_changes_a_number(original: Path, name: str, at: float, mask: int) -> None:
    spoilt = bytearray((original / name).read_bytes())
    spoilt[int(at * (len(spoilt) - 1))] ^= mask
    with holding(original, name, bytes(spoilt)):
        refusal_of(original)


@pytest.mark.parametrize("old_format", [True, False], ids=["old", "zip"])
@pytest.mark.parametrize("name", QUICK)
def test_truncated_file_is_refused(without_netd: Path, name: str, old_format: bool) -> None:
    data = saved(loaded(without_netd / name), old_format=old_format)
    for length in positions(len(data), 10):
        with holding(without_netd, name, data[:length]):
            assert_refused(without_netd, name)


@few
@given(
    name=st.sampled_from(ONE_OF_EACH), data=st.binary(max_size=300), start=st.sampled_from([b"", b"PK\3\4"])
)
def test_garbage_is_refused(original: Path, name: str, data: bytes, start: bytes) -> None:
    with holding(original, name, start + data):
        assert_refused(original, name)


@few
@given(
    name=st.sampled_from(["0/netG.pth", "NoiseAmp.pth", "Zs.pth", "reals.pth"]),
    at=st.floats(0, 1),
    inserted=st.binary(max_size=12),
    removed=st.integers(0, 12),
    old_format=st.booleans(),
)
def test_bytes_put_in_or_left_out_never_surprise(
    original: Path, name: str, at: float, inserted: bytes, removed: int, old_format: bool
) -> None:
    data = saved(loaded(original / name), old_format=old_format)
    position = int(at * len(data))
    with holding(original, name, data[:position] + inserted + data[position + removed :]):
        refusal_of(original)


structures = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner)
    ),
)


@few
@given(name=st.sampled_from(ONE_OF_EACH), numbers=structures, old_format=st.booleans())
def test_anything_else_that_torch_saves_is_refused(
    original: Path, name: str, numbers: object, old_format: bool
) -> None:
    with holding(original, name, saved(numbers, old_format=old_format)):
        assert_refused(original, name)


@few
@given(opcodes=st.binary(max_size=60))
def test_pickle_of_random_opcodes_is_refused(original: Path, opcodes: bytes) -> None:
    with holding(original, "reals.pth", zipped(b"\x80\x02" + opcodes + b".")):
        assert_refused(original, "reals.pth")


# Malice


class Payload:
    """Runs a command when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch '{self.marker}'",)


def payloads(marker: Path, like: object) -> dict[str, bytes]:
    """The same payload in every wrapping that might be unpickled, alone and among honest numbers."""
    wrapped = [like, Payload(marker)]
    return {
        "protocol 0": pickle.dumps(Payload(marker), 0),
        "protocol 2": pickle.dumps(Payload(marker), 2),
        "protocol 5": pickle.dumps(Payload(marker), 5),
        "protocol 2, zip": zipped(pickle.dumps(Payload(marker), 2)),
        "protocol 5, zip": zipped(pickle.dumps(Payload(marker), 5)),  # names what it runs in another way
        "old": saved(Payload(marker)),
        "zip": saved(Payload(marker), old_format=False),
        "old, among others": saved(wrapped),
        "zip, among others": saved(wrapped, old_format=False),
    }


@pytest.mark.parametrize("name", FILES)
def test_payload_is_refused_and_not_carried_out(original: Path, tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    for what, data in payloads(marker, loaded(original / name)).items():
        with holding(original, name, data):
            assert_refused(original, name, "damaged" if "protocol 5" in what else "'posix.system'")
        assert not marker.exists(), what


def test_the_payload_would_have_worked(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


def test_pickled_modules_are_never_opened(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "marker"
    (trained / "Gs.pth").write_bytes(saved(Payload(marker)))
    opened: list[str] = []
    open_path = Path.open

    def watched(path: Path, *args: Any, **kwargs: Any) -> Any:
        opened.append(str(path.relative_to(trained)))
        return open_path(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", watched)
        pyramid = read_official(trained, CPU)
    assert sorted(opened) == sorted(FILES)
    assert_equal_pyramids(pyramid, PYRAMID)
    assert not marker.exists()


def test_environment_cannot_make_it_unpickle(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    (trained / "reals.pth").write_bytes(saved(Payload(tmp_path / "marker")))
    assert_refused(trained, "reals.pth")
    with torch.serialization.safe_globals([os.system]):
        assert_refused(trained, "reals.pth")
    assert not (tmp_path / "marker").exists()


STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"
HOOKS = b"\x89ccollections\nOrderedDict\n)R"
LONG_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\0(%b%b%b%bt(%bt" + HOOKS + b"tR"
HUGE = LONG_TENSOR % (b"K\x01", b"K\x03", b"J\0\0\1\0", b"J\0\0\1\0", b"K\0K\0K\0K\0")
HONEST = LONG_TENSOR % (b"K\x01", b"K\x01", b"K\x02", b"K\x02", b"K\x04K\x04K\x02K\x01")


def test_the_hand_made_tensors_are_what_they_should_be() -> None:
    # 2^32 numbers, all of them the same four bytes.
    huge = torch.load(io.BytesIO(zipped(b"\x80\x02" + HUGE + b".")), weights_only=True)
    assert tuple(huge.shape) == (1, 3, 2**16, 2**16)
    honest = torch.load(io.BytesIO(zipped(b"\x80\x02" + HONEST + b".")), weights_only=True)
    assert honest.tolist() == [[[[0, 1], [2, 3]]]]


@pytest.mark.parametrize(
    ("pickled", "saying"),
    [
        # Hashing it overflows the stack of the process.
        pytest.param(b"})" + b"\x85" * 2**20 + b"K\1s.", "too complex", id="deep tuple as a key"),
        pytest.param(b"]" * 2**20 + b"a" * (2**20 - 1) + b".", "too complex", id="deep list"),
        # Each list holds the one before twice: writing it out, as an error message would, takes 2^60 steps.
        pytest.param(
            b"]q\0" + b"".join(b"](h%ch%ceq%c" % (n, n, n + 1) for n in range(60)) + b")R.",
            "in several places",
            id="doubling lists",
        ),
        pytest.param(b"]q\0h\0a.", "in several places", id="list in itself"),
        pytest.param(b"](" + HUGE + HUGE + b"e.", "more numbers than", id="huge tensor of four numbers"),
        pytest.param(
            b"cbuiltins\nbytearray\n\x8a\6" + (2**40).to_bytes(6, "little") + b"\x85R.",
            "'builtins.bytearray'",
            id="reserve a terabyte",
        ),
        pytest.param(b"cos\x1b[31m\nsystem\n)R.", r"\x1b[31m", id="escape sequence"),
        pytest.param(b"c" + b"a" * 9999 + b"\nb\n)R.", "'aaaa", id="long name"),
        pytest.param(b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n)R.", "'torch._utils._reb", id="meta"),
    ],
)
@pytest.mark.parametrize("name", ["reals.pth", "0/netG.pth"])
def test_malicious_structure_is_refused(original: Path, name: str, pickled: bytes, saying: str) -> None:
    for data in (zipped(b"\x80\x02" + pickled), b"\x80\x02" + pickled):
        if HUGE in pickled and not data.startswith(b"PK"):
            continue
        with holding(original, name, data):
            assert_refused(original, name, saying)


def test_records_that_unfold_into_more_are_refused(original: Path) -> None:
    bomb = zipped(b"\x80\x02]." + bytes(2**24), compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2**16
    with holding(original, "reals.pth", bomb):
        assert_refused(original, "reals.pth", "damaged")


def test_torchscript_is_refused(original: Path, recwarn: pytest.WarningsRecorder) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/module.py", "version"):
            archive.writestr(f"archive/{name}", b"\x80\x02]." if name == "data.pkl" else b"3\n")
    with holding(original, "reals.pth", buffer.getvalue()):
        assert_refused(original, "reals.pth", "damaged")
    assert not list(recwarn)


def test_absurdly_large_file_is_not_read(trained: Path) -> None:
    with (trained / "Zs.pth").open("wb") as file:
        file.truncate(2**40)
    assert_refused(trained, "Zs.pth", "is larger than 64 MiB")
