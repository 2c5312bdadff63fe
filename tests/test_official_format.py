from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.official_folders import (
    FILES,
    ONE_OF_EACH,
    PYRAMID,
    SMALL,
    assert_equal_pyramids,
    assert_refused,
    change,
    holding,
    loaded,
    saved,
    trained_pyramid,
)
from helpers.tiny import CPU, same_state, state_of, tiny_pyramid, trained_level
from runner.official import format as official_format
from runner.official import tensor_files
from runner.official.format import read_official, write_official
from singan.errors import UserError
from singan.geometry import PyramidGeometry, Size
from singan.superres import super_resolve

BLOCKS = ("head", "body.block1", "body.block2", "body.block3")
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


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


# Round trip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("image", [SMALL, Size(26, 30)])
def test_round_trip_is_exact(tmp_path: Path, image: Size, dtype: torch.dtype) -> None:
    pyramid = trained_pyramid(image, dtype=dtype)
    write_official(pyramid, tmp_path / "trained")
    again = read_official(tmp_path / "trained", CPU)
    assert_equal_pyramids(pyramid, again)
    assert {real.dtype for real in again.reals} == {dtype}
    assert {level.anchor_noise.dtype for level in again.levels} == {dtype}


def test_pyramid_that_was_read_super_resolves_as_before(original: Path) -> None:
    again = read_official(original, CPU)
    pictures = [
        super_resolve(p.levels[-1], p.reals[-1], 2, torch.Generator().manual_seed(5))
        for p in (PYRAMID, again)
    ]
    assert torch.equal(*pictures)


def test_levels_are_ready_for_evaluation(original: Path) -> None:
    for level in read_official(original, CPU).levels:
        for network in (level.generator, level.discriminator):
            assert not network.training
            assert not any(parameter.requires_grad for parameter in network.parameters())
            assert not any(tensor.is_meta for tensor in network.state_dict().values())


def test_writing_changes_nothing(tmp_path: Path) -> None:
    before = [state_of(level.generator) for level in PYRAMID.levels]
    randomness = torch.get_rng_state()
    write_official(PYRAMID, tmp_path / "trained")
    read_official(tmp_path / "trained", CPU)
    for level, state in zip(PYRAMID.levels, before, strict=True):
        assert same_state(level.generator.state_dict(), state)
    assert torch.equal(torch.get_rng_state(), randomness)


def test_pyramid_that_was_read_does_not_follow_the_files(trained: Path) -> None:
    pyramid = read_official(trained, CPU)
    for name in FILES:
        (trained / name).write_bytes(b"")
    assert_equal_pyramids(pyramid, PYRAMID)


# Layout


def test_files_are_those_of_the_published_layout(original: Path) -> None:
    files = {str(path.relative_to(original)) for path in original.rglob("*") if path.is_file()}
    assert files == set(FILES)


@pytest.mark.parametrize(("name", "tail"), [("netG.pth", "tail.0"), ("netD.pth", "tail")])
def test_tensors_have_their_published_names(original: Path, name: str, tail: str) -> None:
    names = {f"{block}.conv.{part}" for block in BLOCKS for part in ("weight", "bias")}
    names |= {f"{block}.norm.{part}" for block in BLOCKS for part in NORM}
    names |= {f"{tail}.weight", f"{tail}.bias"}
    for level, trained in enumerate(PYRAMID.levels):
        state = loaded(original / str(level) / name)
        network = trained.generator if name == "netG.pth" else trained.discriminator
        assert set(state) == names
        assert same_state(dict(state), network.state_dict())


def test_noise_is_stored_with_five_zeros_on_each_side(original: Path) -> None:
    together = loaded(original / "Zs.pth")
    for level, trained in enumerate(PYRAMID.levels):
        height, width = trained.anchor_noise.shape[-2:]
        padded = loaded(original / str(level) / "z_opt.pth")
        assert tuple(padded.shape) == (1, 3, height + 10, width + 10)
        assert torch.equal(padded[..., 5 : height + 5, 5 : width + 5], trained.anchor_noise)
        assert padded.count_nonzero() == trained.anchor_noise.count_nonzero()
        assert torch.equal(together[level], padded)
    assert together[0].any()


def test_lists_have_one_entry_a_level(original: Path) -> None:
    assert loaded(original / "NoiseAmp.pth") == [1.0, 0.25]
    reals = loaded(original / "reals.pth")
    assert isinstance(reals, list)
    assert [tuple(real.shape) for real in reals] == [(1, 3, 22, 18), (1, 3, 24, 20)]
    assert all(map(torch.equal, reals, PYRAMID.reals))


def test_only_what_is_meant_is_stored(tmp_path: Path) -> None:
    views = [torch.nn.functional.pad(real, (0, 600, 0, 600))[..., :-600, :-600] for real in PYRAMID.reals]
    write_official(replace(PYRAMID, reals=tuple(views)), tmp_path / "trained")
    assert (tmp_path / "trained" / "reals.pth").stat().st_size < 20_000


# What else the published code writes


def test_present_format_of_torch_is_read(trained: Path) -> None:
    for name in FILES:
        (trained / name).write_bytes(saved(loaded(trained / name), old_format=False))
    assert_equal_pyramids(read_official(trained, CPU), PYRAMID)


def test_state_dict_as_a_module_gives_it_is_read(trained: Path) -> None:
    level = PYRAMID.levels[1]
    (trained / "1/netG.pth").write_bytes(saved(level.generator.state_dict()))
    (trained / "1/netD.pth").write_bytes(saved(level.discriminator.state_dict(), old_format=False))
    assert_equal_pyramids(read_official(trained, CPU), PYRAMID)


def test_amplitudes_may_be_tensors_and_the_first_the_integer_1(trained: Path) -> None:
    (trained / "NoiseAmp.pth").write_bytes(saved([1, torch.tensor(0.25)]))
    assert_equal_pyramids(read_official(trained, CPU), PYRAMID)


def test_amplitude_keeps_every_bit(trained: Path) -> None:
    (trained / "NoiseAmp.pth").write_bytes(saved([1, torch.tensor(0.1)]))
    assert read_official(trained, CPU).levels[1].noise_amplitude == torch.tensor(0.1).item()


def test_uncounted_batches_of_old_checkpoints_are_zero(trained: Path) -> None:
    def uncounted(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in state.items() if "num_batches" not in name}

    for name in ("0/netG.pth", "0/netD.pth"):
        change(trained / name, uncounted)
    level = read_official(trained, CPU).levels[0]
    for network, before in zip(
        (level.generator, level.discriminator),
        (PYRAMID.levels[0].generator, PYRAMID.levels[0].discriminator),
        strict=True,
    ):
        for name, tensor in before.state_dict().items():
            expected = torch.zeros_like(tensor) if "num_batches" in name else tensor
            assert torch.equal(network.state_dict()[name], expected)


def test_checkpoint_saved_on_a_gpu_is_read_without_one(trained: Path) -> None:
    for name in FILES:
        data = (trained / name).read_bytes()
        moved = data.replace(b"\x03\0\0\0cpu", b"\x06\0\0\0cuda:0")
        assert moved != data or name == "NoiseAmp.pth"
        (trained / name).write_bytes(moved)
    assert_equal_pyramids(read_official(trained, CPU), PYRAMID)


def test_pictures_and_other_files_beside_are_no_matter(trained: Path) -> None:
    (trained / "0/real_scale.png").write_bytes(b"no picture")
    (trained / "2").with_suffix(".png").write_bytes(b"")
    (trained / "SR").mkdir()
    assert_equal_pyramids(read_official(trained, CPU), PYRAMID)


def test_channels_may_double_every_four_levels(tmp_path: Path) -> None:
    pyramid = trained_pyramid(Size(46, 50), widths="111122")
    write_official(pyramid, tmp_path / "trained")
    assert_equal_pyramids(read_official(tmp_path / "trained", CPU), pyramid)


# Geometry


def sized(folder: Path, *sizes: tuple[int, int]) -> None:
    """Real images and noise of these sizes, as many levels as before."""
    (folder / "reals.pth").write_bytes(saved([torch.zeros(1, 3, *size) for size in sizes]))
    anchors = [torch.zeros(1, 3, height + 10, width + 10) for height, width in sizes]
    (folder / "Zs.pth").write_bytes(saved(anchors))
    for level, anchor in enumerate(anchors):
        (folder / str(level) / "z_opt.pth").write_bytes(saved(anchor))


def test_shrink_ratio_is_that_of_18_pixels(original: Path) -> None:
    assert read_official(original, CPU).geometry == PyramidGeometry((Size(22, 18), Size(24, 20)), 18 / 20)


def test_another_smallest_size_gives_another_ratio(trained: Path) -> None:
    sized(trained, (25, 26), (30, 31))
    assert read_official(trained, CPU).geometry.shrink == 25 / 30


def test_side_that_rounding_noise_made_longer_is_accepted(trained: Path) -> None:
    sized(trained, (22, 19), (24, 20))
    geometry = read_official(trained, CPU).geometry
    assert geometry == PyramidGeometry((Size(22, 19), Size(24, 20)), 18 / 20)


@pytest.mark.parametrize(
    "sizes",
    [
        [(22, 16), (24, 20)],  # one side shrinks more than the other
        [(24, 20), (22, 18)],  # grows towards level 0
        [(0, 18), (24, 20)],
        [(22, 18), (24, 0)],
        [(22, 18), (24, 20), (24, 20)],
    ],
)
def test_sizes_that_no_ratio_gives_are_refused(trained: Path, sizes: list[tuple[int, int]]) -> None:
    (trained / "reals.pth").write_bytes(saved([torch.zeros(1, 3, *size) for size in sizes]))
    assert_refused(trained, "reals.pth")


# Incomplete folders


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(trained: Path, name: str) -> None:
    (trained / name).unlink()
    assert_refused(trained, name, "is missing")


@pytest.mark.parametrize("name", FILES)
def test_folder_or_pipe_in_place_of_a_file_is_refused(trained: Path, name: str) -> None:
    (trained / name).unlink()
    (trained / name).mkdir()
    assert_refused(trained, name, "is no file")
    (trained / name).rmdir()
    os.mkfifo(trained / name)  # opening it would wait forever
    assert_refused(trained, name, "is no file")


@pytest.mark.parametrize("name", FILES)
def test_empty_file_is_refused(trained: Path, name: str) -> None:
    (trained / name).write_bytes(b"")
    assert_refused(trained, name, "damaged")


def test_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "nowhere", "reals.pth", "is missing")
    assert_refused(tmp_path, "reals.pth", "is missing")
    (tmp_path / "file").write_bytes(b"")
    assert_refused(tmp_path / "file", "reals.pth", "is missing")
    with pytest.raises(UserError, match="cannot be read"):
        read_official(tmp_path / ("x" * 300), CPU)


def test_missing_level_is_refused(trained: Path) -> None:
    shutil.rmtree(trained / "1")
    assert_refused(trained, "1/z_opt.pth", "is missing")


def test_level_too_many_is_refused(trained: Path) -> None:
    shutil.copytree(trained / "1", trained / "2")
    assert_refused(trained, "2", "one level more than the 2")


@pytest.mark.parametrize("name", ["NoiseAmp.pth", "Zs.pth"])
@pytest.mark.parametrize("how", [lambda entries: entries[:1], lambda entries: [*entries, entries[0]]])
def test_list_that_is_too_short_or_too_long_is_refused(
    trained: Path, name: str, how: Callable[[list[Any]], list[Any]]
) -> None:
    copies = [entry.clone() if isinstance(entry, Tensor) else entry for entry in how(loaded(trained / name))]
    (trained / name).write_bytes(saved(copies))
    assert_refused(trained, name, "entries, not one for each of 2 levels")


@pytest.mark.parametrize("count", [0, 1])
def test_pyramid_of_fewer_than_two_levels_is_refused(trained: Path, count: int) -> None:
    change(trained / "reals.pth", lambda reals: reals[:count])
    assert_refused(trained, "reals.pth", "at least 2")


# Contents that do not fit


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize(
    "numbers",
    [None, 3, "text", {}, [], [None, None], {"a": 1}, {0: torch.zeros(1)}, torch.zeros(2), (1, 2)],
    ids=str,
)
def test_something_else_is_refused(original: Path, name: str, numbers: object) -> None:
    with holding(original, name, saved(numbers)):
        assert_refused(original, name)


OTHER_PRECISIONS = (torch.float16, torch.bfloat16, torch.float64, torch.complex64, torch.bool)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, dtype) for name in ONE_OF_EACH if name != "NoiseAmp.pth" for dtype in OTHER_PRECISIONS),
        *((name, torch.int64) for name in ("0/netG.pth", "0/netD.pth", "reals.pth")),
    ],
    ids=str,
)
def test_other_precision_is_refused(original: Path, name: str, dtype: torch.dtype) -> None:
    numbers = loaded(original / name)
    if isinstance(numbers, dict):
        numbers["body.block2.conv.weight"] = numbers["body.block2.conv.weight"].to(dtype)
    elif isinstance(numbers, list):
        numbers[1] = numbers[1].to(dtype)
    else:
        numbers = numbers.to(dtype)
    with holding(original, name, saved(numbers)):
        assert_refused(original, name, f"is {dtype}, not torch.float32".replace("torch.", ""))


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.uint8], ids=str)
def test_noise_may_be_whole_numbers(trained: Path, kind: torch.dtype) -> None:
    # The published code writes the zeros above level 0 by torch.full(shape, 0), which torch 1.5 made int64.
    anchors = loaded(trained / "Zs.pth")
    assert not anchors[1].any()
    change(trained / "Zs.pth", lambda noise: [noise[0], noise[1].to(kind)])
    change(trained / "1" / "z_opt.pth", lambda noise: noise.to(kind))
    anchor = read_official(trained, CPU).levels[1].anchor_noise
    assert anchor.dtype == torch.float32
    assert not anchor.any()


def test_half_precision_throughout_is_refused(trained: Path) -> None:
    change(trained / "reals.pth", lambda reals: [real.half() for real in reals])
    assert_refused(trained, "reals.pth", "image 0 is float16, not float32")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", [name for name in ONE_OF_EACH if name != "NoiseAmp.pth"])
def test_number_that_is_not_finite_is_refused(original: Path, name: str, value: float) -> None:
    numbers = loaded(original / name)
    spoilt = numbers
    if isinstance(numbers, dict):
        spoilt = numbers["head.norm.running_mean"]
    elif isinstance(numbers, list):
        spoilt = numbers[1]
    spoilt.view(-1)[-1] = value
    with holding(original, name, saved(numbers)):
        assert_refused(original, name, "not finite")


@pytest.mark.parametrize(
    "amplitude",
    [
        float("nan"),
        float("inf"),
        -0.1,
        1e300,
        10**100,
        True,
        None,
        "1",
        1j,
        [0.1],
        torch.tensor(float("nan")),
        torch.tensor([0.1]),
        torch.tensor(0.1, dtype=torch.float16),
        torch.tensor(True),
    ],
    ids=repr,
)
def test_amplitude_that_is_none_is_refused(original: Path, amplitude: object) -> None:
    with holding(original, "NoiseAmp.pth", saved([1.0, amplitude])):
        assert_refused(original, "NoiseAmp.pth")


@pytest.mark.parametrize("missing", sorted(PYRAMID.levels[0].generator.state_dict()))
def test_missing_tensor_is_named(without_netd: Path, missing: str) -> None:
    state = loaded(without_netd / "0/netG.pth")
    del state[missing]
    with holding(without_netd, "0/netG.pth", saved(state)):
        if "num_batches" in missing:
            assert_refused(without_netd, "0/netD.pth", "is missing")
        else:
            assert_refused(without_netd, "0/netG.pth", f"{missing} is missing")


@pytest.mark.parametrize("name", FILES[:2])
def test_unexpected_tensor_is_named(original: Path, name: str) -> None:
    state = {**loaded(original / name), "head.conv.stranger": torch.zeros(2)}
    with holding(original, name, saved(state)):
        assert_refused(original, name, "head.conv.stranger is unexpected")


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        ("head.conv.weight", torch.zeros(2, 3, 3, 2)),
        ("head.conv.weight", torch.zeros(0, 3, 3, 3)),
        ("head.conv.weight", torch.tensor(1.0)),
        ("head.conv.weight", "text"),
        ("head.conv.bias", torch.zeros(3)),
        ("body.block3.norm.weight", torch.zeros(2, 1)),
        ("head.norm.num_batches_tracked", torch.zeros(1, dtype=torch.int64)),
        ("head.norm.num_batches_tracked", torch.tensor(1.0)),
        ("head.norm.num_batches_tracked", 3),
        ("head.norm.running_var", torch.tensor([1.0, -1e-3])),
        ("tail.0.weight", torch.zeros(1, 2, 3, 3)),
        ("tail.0.bias", None),
        ("tail.0.bias", torch.zeros([1] * 40)),
    ],
    ids=str,
)
def test_tensor_that_does_not_fit_is_named(original: Path, tensor: str, value: object) -> None:
    state = {**loaded(original / "1/netG.pth"), tensor: value}
    with holding(original, "1/netG.pth", saved(state)):
        assert_refused(original, "1/netG.pth", tensor)


@pytest.mark.parametrize("name", ["a b", "\x1b[31m", "x\ny", "ä", "x" * 10_000, 3, None, (1, 2)], ids=str)
def test_name_that_no_tensor_has_is_not_repeated(original: Path, name: object) -> None:
    state = {**loaded(original / "0/netG.pth"), name: torch.zeros(1)}
    with holding(original, "0/netG.pth", saved(state)):
        assert_refused(original, "0/netG.pth", "not named like a tensor")


def test_network_of_unexpected_width_is_refused(original: Path) -> None:
    wide = trained_level(1, SMALL, width=3, dtype=torch.float32)
    with holding(original, "1/netG.pth", saved(wide.generator.state_dict())):
        assert_refused(original, "1/netG.pth", "is 3 channels wide, not 2")
    with holding(original, "1/netD.pth", saved(wide.discriminator.state_dict())):
        assert_refused(original, "1/netD.pth", "is 3 channels wide, not 2")
    with holding(original, "0/netG.pth", saved(wide.generator.state_dict())):
        assert_refused(original, "0/netD.pth", "is 2 channels wide, not 3")


def test_networks_in_each_others_place_are_refused(trained: Path) -> None:
    (trained / "0/netG.pth").rename(trained / "other")
    (trained / "0/netD.pth").rename(trained / "0/netG.pth")
    (trained / "other").rename(trained / "0/netD.pth")
    assert_refused(trained, "0/netG.pth", "tail")


@pytest.mark.parametrize(
    "shape", [(1, 3, 24, 20), (3, 34, 30), (2, 3, 34, 30), (1, 1, 34, 30), (1, 3, 30, 34)]
)
@pytest.mark.parametrize("name", ["Zs.pth", "1/z_opt.pth"])
def test_noise_of_another_shape_is_refused(original: Path, name: str, shape: tuple[int, ...]) -> None:
    noise = torch.zeros(shape)
    numbers = [loaded(original / "Zs.pth")[0], noise] if name == "Zs.pth" else noise
    with holding(original, name, saved(numbers)):
        assert_refused(original, name, "not [1, 3, 34, 30]")


@pytest.mark.parametrize("place", [(0, 4, 12), (1, 12, 4), (2, -5, 12), (0, 12, -5), (0, 0, 0), (2, -1, -1)])
def test_noise_in_the_padding_is_refused(original: Path, place: tuple[int, int, int]) -> None:
    noise = loaded(original / "Zs.pth")
    noise[0][0][place] = 1
    with holding(original, "Zs.pth", saved(noise)):
        assert_refused(original, "Zs.pth", "noise 0 is not zero in its outer 5 pixels")


def test_noise_that_contradicts_itself_is_refused(trained: Path) -> None:
    change(trained / "0/z_opt.pth", lambda noise: noise * 2)
    assert_refused(trained, "0/z_opt.pth", "differs from its entry of Zs.pth")


def test_image_out_of_range_is_refused(trained: Path) -> None:
    change(trained / "reals.pth", lambda reals: [reals[0], reals[1] + 0.5])
    assert_refused(trained, "reals.pth", "image 1 is not within [-1, 1]")


# Writing


def test_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="is not empty; name an empty or a new folder"):
        write_official(PYRAMID, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_empty_or_nested_new_folder_is_written_to(tmp_path: Path) -> None:
    for folder in (tmp_path / "a" / "b", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        write_official(PYRAMID, folder)
        assert_equal_pyramids(read_official(folder, CPU), PYRAMID)


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(UserError, match="cannot be written"):
            write_official(PYRAMID, folder)
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("levels", [0, 1])
def test_pyramid_that_is_not_fully_trained_is_not_written(tmp_path: Path, levels: int) -> None:
    with pytest.raises(UserError, match=f"{levels} of 2 levels trained"):
        write_official(replace(PYRAMID, levels=PYRAMID.levels[:levels]), tmp_path / "trained")
    assert not (tmp_path / "trained").exists()


def test_pyramid_whose_ratio_would_be_lost_is_not_written(tmp_path: Path) -> None:
    sizes = PYRAMID.geometry.sizes
    for pyramid in (tiny_pyramid(trained=3), replace(PYRAMID, geometry=PyramidGeometry(sizes, 0.91))):
        with pytest.raises(UserError, match="ratio"):
            write_official(pyramid, tmp_path / "trained")
    assert not (tmp_path / "trained").exists()


@pytest.mark.parametrize("failing", FILES)
def test_interrupted_writing_leaves_whole_files_and_no_complete_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    folder = tmp_path / "trained"
    replace_path = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target == folder / failing:
            raise OSError(28, "No space left on device")
        return replace_path(path, target)

    monkeypatch.setattr(Path, "replace", full)
    monkeypatch.setattr(official_format, "_clear", lambda folder: None)  # as when it is killed
    with pytest.raises(UserError, match="cannot be written: No space left on device") as error:
        write_official(PYRAMID, folder)
    assert str(error.value).startswith(f"{folder / failing}: ")
    left = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    assert sorted(left) == sorted(FILES[: FILES.index(failing)])
    assert_refused(folder, "reals.pth", "is missing")


@pytest.mark.parametrize("fails_at", ["0/netD.pth", "Zs.pth", "reals.pth"])
def test_a_folder_that_could_not_be_written_whole_is_left_empty_to_be_written_again(
    fails_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "trained"
    write = tensor_files.write_numbers

    def full(path: Path, numbers: object) -> None:
        if path == folder / fails_at:
            raise UserError("cannot be written: No space left on device", where=str(path))
        write(path, numbers)

    folder.mkdir()
    (folder / "Thumbs.db").write_bytes(b"not ours")
    with monkeypatch.context() as patch:
        patch.setattr(official_format, "write_numbers", full)
        with pytest.raises(UserError, match="No space left"):
            write_official(PYRAMID, folder)
    assert [path.name for path in folder.iterdir()] == ["Thumbs.db"]
    write_official(PYRAMID, folder)
    assert (folder / "reals.pth").is_file()
