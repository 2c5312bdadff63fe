from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from helpers.official_folders import SMALL, change, trained_pyramid
from helpers.tiny import CPU, picture, trained_level
from helpers.tiny_study import TinyStudy
from runner.official.format import write_official
from runner.official.trained_folder import FolderLevel, TrainedFolder, read_trained_folder
from runner.planning.plan import digest, super_resolution
from singan.geometry import Size, pyramid_geometry
from singan.pixels import to_pixels
from singan.pyramid import Pyramid, build_pyramid
from singan.randomness import stream
from singan.resize import truncate_to_8_bit
from singan.superres import super_resolve


def trained(folder: Path, pyramid: Pyramid | None = None) -> TrainedFolder:
    write_official(pyramid or trained_pyramid(widths="44"), folder)
    return read_trained_folder(folder)


def levels(found: TrainedFolder) -> tuple[FolderLevel, ...]:
    """As they are kept where the folder's own picture is taken."""
    return found.levels_on(found.picture)


def enlarged(found: TrainedFolder, seed: int = 3) -> npt.NDArray[np.uint8]:
    task = super_resolution(levels(found)[-1].key, 2, seed)
    return found.enlarge(task, found.picture, CPU, lambda done, steps: None).pixels


def test_the_picture_is_the_one_that_was_trained_on(tmp_path: Path) -> None:
    pixels = to_pixels(picture(SMALL)).numpy()
    assert np.array_equal(trained(tmp_path / "out").pixels, pixels)


def test_every_grey_level_survives(tmp_path: Path) -> None:
    ramp = torch.arange(24 * 20 * 3).reshape(1, 3, *SMALL) % 256 / 127.5 - 1
    pyramid = trained_pyramid(widths="44")
    again = Pyramid(pyramid.geometry, build_pyramid(ramp, pyramid.geometry).reals, pyramid.levels)
    assert np.array_equal(trained(tmp_path / "out", again).pixels, to_pixels(ramp).numpy())


def test_a_picture_between_grey_levels_is_truncated_and_super_resolves_as_it_did(tmp_path: Path) -> None:
    pyramid = trained_pyramid(widths="44")
    odd = (pyramid.reals[-1] * 0.97 + 0.0123).clamp(-1, 1)
    found = trained(tmp_path / "out", Pyramid(pyramid.geometry, (pyramid.reals[0], odd), pyramid.levels))
    assert np.array_equal(found.pixels, truncate_to_8_bit(odd)[0].permute(1, 2, 0).numpy())
    noise = stream(3, found.picture.digest, "super-resolution", device=CPU)
    directly = super_resolve(pyramid.levels[-1], odd, 2, noise)
    assert np.array_equal(enlarged(found), to_pixels(directly).numpy())


def test_keys_follow_content_and_the_level_below(tmp_path: Path) -> None:
    first = trained(tmp_path / "a")
    assert [level.key for level in levels(first)] == [level.key for level in levels(trained(tmp_path / "b"))]
    assert all(digest(level.fields) == level.key for level in levels(first))
    change(tmp_path / "b" / "0" / "netD.pth", lambda state: {n: t + 1 for n, t in state.items()})
    other = levels(read_trained_folder(tmp_path / "b"))
    assert [level.key for level in other] != [level.key for level in levels(first)]
    assert other[1].weights == levels(first)[1].weights
    assert other[1].key != levels(first)[1].key, "the level below is another"


def test_a_level_trained_here_has_another_key(tiny_study: TinyStudy, tmp_path: Path) -> None:
    planned = {name for level in tiny_study.plan("original").levels.values() for name in level.fields}
    (first, *_) = levels(trained(tmp_path / "out"))
    assert "weights" not in planned
    assert "epochs" in planned
    assert "epochs" not in first.fields


def test_a_larger_picture_is_known_by_what_it_was_shrunk_to(tmp_path: Path) -> None:
    size = Size(24, 300)
    image = picture(size, dtype=torch.float32)
    geometry = pyramid_geometry(size, 8)
    pyramid = build_pyramid(image, geometry)
    for n, level_size in enumerate(geometry.sizes):
        pyramid = pyramid.with_level(trained_level(n, level_size, dtype=torch.float32))
    found = trained(tmp_path / "out", pyramid)
    pixels = to_pixels(image).numpy()
    assert found.picture.size == Size(20, 250)
    assert found.was_trained_on(pixels)
    assert found.was_trained_on(found.pixels)
    assert not found.was_trained_on(np.ascontiguousarray(pixels[:, ::-1]))
    assert not found.was_trained_on(pixels[1:])
    nearly = TrainedFolder(found.folder, found.pyramid, found.pixels ^ np.uint8(1))
    assert nearly.was_trained_on(pixels), "another program's rounding"
    assert not nearly.was_trained_on(found.pixels), "nothing was shrunk"


@pytest.mark.parametrize(
    ("folder", "name", "image"),
    [
        ("Trained", "Trained", "trained"),
        ("my cows/scale_factor=0.79,alpha=10", "my cows", "my-cows"),
        ("a\n\u202e\x1b[31m", "a??\u003f[31m", "a-31m"),
        ("\udcff\udcfe", "??", "picture-e270ae"),  # (nothing is left of the name but its digest)
        ("-" * 80 + "x" * 80, "-" * 80 + "x" * 20, "x" * 20),
        ("x" * 59 + "-y", "x" * 59 + "-y", "x" * 59 + "-y"),
    ],
)
def test_names_are_those_of_the_folder_made_harmless(
    tmp_path: Path, folder: str, name: str, image: str
) -> None:
    (tmp_path / folder).parent.mkdir(exist_ok=True)
    found = trained(tmp_path / folder)
    assert found.name == name
    assert found.picture.id == image
    assert found.picture.is_own
