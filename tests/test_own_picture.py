"""Enlarging one's own picture: the result is whole and loses nothing, and training is that of `run`."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import PIL.Image
import pytest
import torch

from helpers import pictures
from helpers.official_folders import trained_pyramid
from helpers.shell import STUDY, TINY, Shell
from runner.execution.own_picture import check_output
from runner.execution.resources import Resources
from runner.official.format import write_official
from runner.official.trained_folder import TrainedFolder
from runner.progress import PlainProgress
from singan.engines.batched import BatchedEngine
from singan.errors import UserError

SUPER_RESOLVE = ("super-resolve", "mine.png", *TINY, "--factor", "1.5", "-o")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    PIL.Image.new("RGB", (21, 19), (90, 120, 30)).save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


@pytest.fixture
def reference(singan: Shell, mine: Path) -> pictures.Pixels:
    """The enlarged picture as PNG has it; what it took is in the store from now on."""
    assert singan(*SUPER_RESOLVE, "reference.png")[0] == 0
    return _pixels(mine.with_name("reference.png"))


def _pixels(path: Path) -> pictures.Pixels:
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_lossless_formats_keep_every_pixel(singan: Shell, reference: pictures.Pixels, tmp_path: Path) -> None:
    for suffix in (".webp", ".tif", ".bmp", ".PNG", ".ppm", ".jp2", ".tga"):
        status, out, _ = singan(*SUPER_RESOLVE, f"big{suffix}")
        assert (status, out.splitlines()[-1].partition(",")[0]) == (0, f"big{suffix}: 31x28")
        assert np.array_equal(_pixels(tmp_path / f"big{suffix}"), reference)


def test_a_jpeg_is_as_good_as_is_usual_at_best(
    singan: Shell, reference: pictures.Pixels, tmp_path: Path
) -> None:
    assert singan(*SUPER_RESOLVE, "big.jpg")[0] == 0
    with PIL.Image.open(tmp_path / "big.jpg") as picture:
        assert [layer[1:3] for layer in picture.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
        quantised = picture.quantization  # type: ignore[attr-defined]
    PIL.Image.fromarray(reference).save(tmp_path / "95.jpg", quality=95, subsampling=0)
    with PIL.Image.open(tmp_path / "95.jpg") as picture:
        assert quantised == picture.quantization  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.ico", 'a ".ico" picture would have another size'),
        ("a.icns", 'a ".icns" picture would have another size'),
        ("a.gif", 'a ".gif" picture would have other colours'),
        ("a.mpo", 'a ".mpo" picture would have other colours'),
        ("a.pdf", 'cannot write a ".pdf" picture'),
        ("a.msp", 'cannot write a ".msp" picture'),
    ],
)
def test_a_format_that_would_not_hold_the_picture_is_refused_before_training(
    name: str, said: str, singan: Shell, mine: Path
) -> None:
    status, _, err = singan(*SUPER_RESOLVE, name)
    assert (status, err) == (2, f"singan: {name}: {said}; end it in .png or .webp\n")
    assert not mine.with_name("store").exists()


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    singan: Shell, reference: pictures.Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (tmp_path / "old.png", b"the old picture")
    old[0].write_bytes(old[1])
    before = sorted(tmp_path.iterdir())

    def full(handle: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("runner.files.os.fsync", full)
    status, _, err = singan(*SUPER_RESOLVE, "old.png")
    assert (status, "No space left on device" in err, len(err.splitlines())) == (2, True, 1)
    assert old[0].read_bytes() == old[1]
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_that_is_a_link_stays_one(
    singan: Shell, reference: pictures.Pixels, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.png").symlink_to("elsewhere/big.png")
    assert singan(*SUPER_RESOLVE, "link.png")[0] == 0
    assert (tmp_path / "link.png").is_symlink()
    assert np.array_equal(_pixels(tmp_path / "elsewhere" / "big.png"), reference)


def _hard_link(output: Path, mine: Path) -> None:
    output.hardlink_to(mine)


def _symbolic_link(output: Path, mine: Path) -> None:
    output.symlink_to(mine)


def _pipe(output: Path, mine: Path) -> None:
    os.mkfifo(output)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_hard_link, "is the picture itself, which would be lost"),
        (_symbolic_link, "is the picture itself, which would be lost"),
        (_pipe, "is no ordinary file"),
    ],
)
def test_an_output_that_is_something_else_already_is_refused(
    make: object, said: str, mine: Path, tmp_path: Path
) -> None:
    assert callable(make)
    make(tmp_path / "big.png", mine)
    with pytest.raises(UserError, match=f"{said}; name a file in an existing folder"):
        check_output(tmp_path / "big.png", mine)


def test_a_name_with_no_room_for_a_file_beside_it_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written: File name too long"):
        check_output(tmp_path / ("x" * 250 + ".png"), None)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens in which order: the work is told, the process settles, a step is made."""
    order: list[str] = []

    def noting(kind: type, name: str, word: str) -> None:
        method = getattr(kind, name)

        def noted(*arguments: Any, **options: Any) -> Any:
            order.append(f"{word} {arguments[1]:g}" if word == "work" else word)
            return method(*arguments, **options)

        monkeypatch.setattr(kind, name, noted)

    noting(PlainProgress, "begin", "work")
    noting(Resources, "settle", "settle")
    noting(BatchedEngine, "train_epoch", "train")
    noting(TrainedFolder, "enlarge", "enlarge")
    return order


def test_super_resolve_settles_and_tells_its_work_before_it_trains(
    singan: Shell, mine: Path, begun: list[str]
) -> None:
    assert singan(*SUPER_RESOLVE, "big.png")[0] == 0
    assert begun[0].startswith("work ")
    assert float(begun[0].removeprefix("work ")) > 0
    assert begun[1] == "settle"
    assert set(begun[2:]) == {"settle", "train"}
    assert begun[2] == "settle", "whoever trains settles first, though it is the same process here"


def test_super_resolve_trains_where_run_would(
    singan: Shell, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str] = []

    def choose(name: str, device: torch.device) -> str:
        chosen.append(f"{name} on {device}")
        return "plain"

    monkeypatch.setattr("runner.execution.resources.choose_engine", choose)
    assert singan(*SUPER_RESOLVE, "big.png", "--device", "cpu")[0] == 0
    assert chosen == ["auto on cpu"]


def test_with_levels_trained_elsewhere_it_settles_too(
    singan: Shell, begun: list[str], tmp_path: Path
) -> None:
    write_official(trained_pyramid(widths="44"), tmp_path / "out")
    status, out, _ = singan("super-resolve", "--trained", "out", *STUDY, "--factor", "1.5", "-o", "big.png")
    assert status == 0
    assert begun == ["settle", "work 1", "enlarge"]
    assert "0.0 s left" not in out


@pytest.mark.parametrize(
    "command",
    [
        ("run", *TINY, "--dry-run", "--images-from", "own"),
        ("status", *TINY, "--images-from", "own"),
        ("super-resolve", "own/mine.png", *TINY, "--factor", "1.5", "-o", "mine.jpg.txt"),
    ],
    ids=lambda command: command[0],
)
def test_what_is_left_out_of_a_picture_is_told_once_where_errors_go(
    command: tuple[str, ...], singan: Shell, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    PIL.Image.new("RGBA", (21, 19), (90, 120, 30, 7)).save(tmp_path / "own/mine.png")
    _, out, err = singan(*command)
    assert "transparency" not in out
    path = Path("own/mine.png")
    assert err.splitlines()[0] == f"note: {path}: its transparency is left out"
    assert err.count("transparency") == 1
