"""Trained folders of the public implementation on the command line: exported, imported, enlarged with."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch

from helpers.official_folders import change, loaded, saved, trained_pyramid, zipped
from helpers.outcomes import done, imported_runs, refused, tree
from helpers.shell import Shell
from helpers.tiny_study import TinyStudy
from runner.official.format import write_official
from runner.record.results import Results
from singan.geometry import Size

STUDY = ("--study", "study.toml")
TINY = (*STUDY, "--profile", "tiny")
DOTS = (*TINY, "--experiment", "original", "--image", "dots")

STAND_IN = 'stand_in = { photograph = "astronaut", crop = { x = 0, y = 0, width = 60, height = 52 } }\n'


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A folder as wide as the tiny profile says, trained on a picture that is none of the study's."""
    write_official(trained_pyramid(widths="44"), tmp_path / "Stranger's folder")
    return tmp_path / "Stranger's folder"


def pixels_of(path: Path) -> npt.NDArray[np.uint8]:
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


# There and back


@pytest.mark.parametrize("seed", ["0", "5"])
def test_what_was_exported_and_imported_super_resolves_to_the_same_pixels(
    singan: Shell, tmp_path: Path, seed: str
) -> None:
    done(singan("run", *DOTS, "--seed", seed))
    said = done(singan("export-official", *DOTS, "--seed", seed, "--out", "out"))
    assert said == "out: 3 levels of original on dots, profile tiny"
    said = done(singan("import-official", "out", *TINY, "--seed", seed))
    runs = tmp_path / "results" / "tiny" / "runs" / "original" / "dots"
    (imported,) = runs.glob("*-imported-*.webp")
    assert np.array_equal(pixels_of(imported), pixels_of(runs / f"x2-seed{seed}.webp"))
    assert said == (
        f"out: 3 levels imported as original on dots, profile tiny; "
        f"recorded in {imported.with_suffix('.json').relative_to(tmp_path)}"
    )
    done(singan("super-resolve", "--trained", "out", *STUDY, "--seed", seed, "-o", "big.png"))
    assert np.array_equal(pixels_of(tmp_path / "big.png"), pixels_of(imported))


def test_the_record_tells_what_is_known_and_no_more(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    done(singan("import-official", str(stranger), *TINY, "--experiment", "real"))
    (run,) = imported_runs(tmp_path)
    assert run.imported_from == "Stranger's folder"
    assert (run.experiment, run.image, run.factor, run.seed) == ("real", "stranger-s-folder", "x2", 0)
    assert run.levels == ()
    assert run.output is not None
    assert run.output.metrics["lr_psnr"] is not None
    assert run.settings["adversarial"] == "lower rand, last real_train"
    assert str(tmp_path) not in "".join(map(str, tree(tmp_path / "results").values()))
    assert not (tmp_path / "results" / "tiny" / "levels").exists()
    (image,) = Results(tmp_path / "results", "tiny").images()
    assert image.is_own
    assert image.baselines["x2"].keys() == {"nearest", "bicubic", "lanczos"}
    profile = Results(tmp_path / "results", "tiny").profile()
    assert profile is not None
    assert profile.base_width == 4


def test_the_recorded_command_does_it_again(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    done(singan("import-official", str(stranger), *TINY, "--seed", "3"))
    before = tree(tmp_path / "results")
    (run,) = imported_runs(tmp_path)
    assert run.command == (
        "singan import-official FOLDER --experiment original --profile tiny --name stranger-s-folder "
        "--factor 2 --seed 3"
    )
    again = [str(stranger) if part == "FOLDER" else part for part in run.command.split()[1:]]
    done(singan(*again, *STUDY))
    assert tree(tmp_path / "results") == before


def test_importing_twice_changes_nothing(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    done(singan("import-official", str(stranger), *TINY))
    first = tree(tmp_path / "store"), tree(tmp_path / "results")
    said = done(singan("import-official", str(stranger), *TINY))
    assert (tree(tmp_path / "store"), tree(tmp_path / "results")) == first
    assert "super-resolved" not in said
    assert len(list((tmp_path / "store" / "levels").iterdir())) == 2


def test_a_folder_elsewhere_with_the_same_content_has_the_same_keys(
    singan: Shell, tmp_path: Path, stranger: Path
) -> None:
    done(singan("import-official", str(stranger), *TINY, "--name", "mine"))
    keys = sorted(path.name for path in (tmp_path / "store" / "levels").iterdir())
    for name in ("0/netG.pth", "1/netD.pth", "reals.pth"):  # and written by another torch
        (stranger / name).write_bytes(saved(loaded(stranger / name), old_format=False))
    stranger.rename(tmp_path / "moved")
    done(singan("import-official", "moved", *TINY, "--name", "mine"))
    assert sorted(path.name for path in (tmp_path / "store" / "levels").iterdir()) == keys


def test_another_folder_for_the_same_cell_stands_beside_it(
    singan: Shell, tmp_path: Path, stranger: Path
) -> None:
    done(singan("import-official", str(stranger), *TINY, "--name", "mine"))
    change(stranger / "NoiseAmp.pth", lambda amplitudes: [amplitudes[0], amplitudes[1] / 2])
    stranger.rename(tmp_path / "other")
    done(singan("import-official", "other", *TINY, "--name", "mine"))
    assert {run.imported_from for run in imported_runs(tmp_path)} == {"Stranger's folder", "other"}


def test_what_was_imported_is_kept_by_the_store(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    done(singan("import-official", str(stranger), *TINY))
    assert done(singan("store", "verify")).startswith("7 entries whole, 0 not")
    assert done(singan("store", "gc", "--unused")) == "0 paths, 0.0 MB removed"


def test_what_is_damaged_in_the_store_is_made_again(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    done(singan("import-official", str(stranger), *TINY))
    first = tree(tmp_path / "results")
    spoilt = [*(tmp_path / "store").glob("levels/*/level.safetensors")]
    spoilt += (tmp_path / "store").glob("outputs/*/picture.webp")
    for path in spoilt:
        path.write_bytes(b"x" * path.stat().st_size)
    for path in (tmp_path / "results").rglob("*.webp"):
        path.unlink()
    done(singan("import-official", str(stranger), *TINY))
    assert done(singan("store", "verify")).startswith("7 entries whole, 0 not")
    again = tree(tmp_path / "results")
    assert again.keys() == first.keys()
    pictures = [name for name in first if name.endswith(".webp")]
    assert all(again[name] == first[name] for name in pictures)


def test_draws_are_those_of_the_study(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path, stranger: Path
) -> None:
    tiny_study.edit("seeds = [0]\n", "seeds = [0]\ndraws = 3\n")
    done(singan("import-official", str(stranger), *TINY))
    (run,) = imported_runs(tmp_path)
    assert run.output is not None
    assert [draw.draw for draw in run.output.draws] == [1, 2]


def test_pages_show_an_imported_run(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    done(singan("import-official", str(stranger), *TINY))
    done(singan("build-site", *STUDY))
    page = (tmp_path / "site" / "experiments" / "original.html").read_text(encoding="utf-8")
    assert "Imported: trained elsewhere; no losses or snapshots." in page
    assert "Stranger&#39;s folder" in page
    assert (tmp_path / "site" / "images" / "stranger-s-folder.html").is_file()


# Which picture it is


def test_the_studys_own_image_is_known_where_stand_ins_may_be(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    tiny_study.edit('title = "dots"\n', f'title = "dots"\n{STAND_IN}')
    done(singan("run", *DOTS))
    done(singan("export-official", *DOTS, "--out", "out"))
    done(singan("import-official", "out", *TINY, "--stand-ins", "always"))
    (run,) = imported_runs(tmp_path)
    assert run.image == "dots"
    assert "stand-ins" not in run.command


def test_ones_own_picture_that_is_recorded_is_known_again(singan: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    random = np.random.default_rng(1).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    PIL.Image.fromarray(random).save(tmp_path / "mine" / "My Cat.png")
    own = (*TINY, "--experiment", "original", "--images-from", "mine")
    done(singan("run", *own))
    done(singan("export-official", *own, "--image", "my-cat", "--out", "out"))
    before = tree(tmp_path / "results")
    done(singan("import-official", "out", *TINY))
    assert before.items() <= tree(tmp_path / "results").items()
    (run,) = imported_runs(tmp_path)
    assert run.image == "my-cat"


def test_a_stand_in_is_one_only_if_it_may_be(singan: Shell, tiny_study: TinyStudy, tmp_path: Path) -> None:
    tiny_study.edit('title = "dots"\n', f'title = "dots"\n{STAND_IN}')
    done(singan("run", *DOTS, "--stand-ins", "always"))
    done(singan("export-official", *DOTS, "--stand-ins", "always", "--out", "out"))
    done(singan("import-official", "out", *TINY, "--stand-ins", "always"))
    (run,) = imported_runs(tmp_path)
    assert run.image == "dots"
    assert run.command.endswith("--stand-ins always")
    done(singan("import-official", "out", *TINY, "--stand-ins", "always", "--image", "dots"))
    assert "another picture" in refused(singan("import-official", "out", *TINY, "--image", "dots"))
    shutil.rmtree(tmp_path / "results")
    done(singan("import-official", "out", *TINY))
    assert imported_runs(tmp_path)[0].image == "out"


def test_folders_of_the_public_code_are_called_after_their_picture(
    singan: Shell, tmp_path: Path, stranger: Path
) -> None:
    folder = tmp_path / "TrainedModels" / "My Cows" / "scale_factor=0.793701,alpha=10"
    folder.parent.mkdir(parents=True)
    stranger.rename(folder)
    done(singan("import-official", str(folder), *TINY))
    (run,) = imported_runs(tmp_path)
    assert run.image == "my-cows"
    assert run.imported_from == "My Cows"


def test_the_image_demanded_is_compared(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    done(singan("run", *DOTS))
    done(singan("export-official", *DOTS, "--out", "out"))
    done(singan("import-official", "out", *TINY, "--image", "dots"))
    before = tree(tmp_path / "results"), tree(tmp_path / "store")
    line = refused(singan("import-official", "out", *TINY, "--image", "stripes"))
    assert 'was trained on another picture than image "stripes" (of 30x26 pixels, not 20x18)' in line
    line = refused(singan("import-official", str(stranger), *TINY, "--image", "dats"))
    assert line == 'singan: --image: there is no "dats"; did you mean "dots"?'
    assert (tree(tmp_path / "results"), tree(tmp_path / "store")) == before


def test_an_image_that_cannot_be_had_is_passed_over(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    done(singan("run", *DOTS))
    done(singan("export-official", *DOTS, "--out", "out"))
    shutil.rmtree(tmp_path / "results")
    (tmp_path / "cache" / "dots.png").unlink()
    done(singan("import-official", "out", *TINY))
    assert imported_runs(tmp_path)[0].image == "out"
    assert "cannot download" in refused(singan("import-official", "out", *TINY, "--image", "dots"))


@pytest.mark.parametrize(
    ("name", "saying"),
    [
        ("dots", '--name: "dots" is an image of the study'),
        ("My Cat", "--name: 'My Cat' cannot be an id"),
        ("con", "--name: 'con' cannot be an id"),
        ("../x", "--name: '../x' cannot be an id"),
        ("", "--name: '' cannot be an id"),
        ("x\n\x1b[31m", r"--name: 'x\n\x1b[31m' cannot be an id"),
        ("taken", '--name: another picture is recorded as "taken"'),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    singan: Shell, tmp_path: Path, stranger: Path, name: str, saying: str
) -> None:
    write_official(trained_pyramid(Size(26, 30), widths="444"), tmp_path / "first")
    done(singan("import-official", "first", *TINY, "--name", "taken"))
    before = tree(tmp_path / "results"), tree(tmp_path / "store")
    assert saying in refused(singan("import-official", str(stranger), *TINY, "--name", name))
    assert (tree(tmp_path / "results"), tree(tmp_path / "store")) == before


def test_a_folder_called_like_an_image_of_the_study_asks_for_a_name(
    singan: Shell, tmp_path: Path, stranger: Path
) -> None:
    stranger.rename(tmp_path / "Dots")
    line = refused(singan("import-official", "Dots", *TINY))
    assert line.startswith('singan: Dots: "dots" is an image of the study, and this is another picture')
    assert line.endswith("give the picture another id with --name")
    done(singan("import-official", "Dots", *TINY, "--name", "my-dots"))


def test_an_image_of_the_study_needs_no_name(singan: Shell, tmp_path: Path) -> None:
    done(singan("run", *DOTS))
    done(singan("export-official", *DOTS, "--out", "out"))
    line = refused(singan("import-official", "out", *TINY, "--name", "mine"))
    assert line == 'singan: --name: the picture is image "dots" of the study; leave --name out'
    line = refused(singan("import-official", "out", *TINY, "--name", "mine", "--image", "dots"))
    assert line.startswith("singan: --name: cannot go with --image")


# Refused, and nothing written


class Payload:
    """Writes a file when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch '{self.marker}'",)


def spoil(path: Path, how: Callable[[bytes], bytes]) -> None:
    path.write_bytes(how(path.read_bytes()))


def flipped(data: bytes) -> bytes:
    """One bit of the structure, at the start."""
    return data[:5] + bytes([data[5] ^ 1]) + data[6:]


def replaced_by_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")


SPOILT: dict[str, Callable[[Path, Path], object]] = {
    "no folder": lambda folder, marker: shutil.rmtree(folder),
    "a file": lambda folder, marker: replaced_by_a_file(folder),
    "incomplete": lambda folder, marker: (folder / "1/netD.pth").unlink(),
    "truncated": lambda folder, marker: spoil(folder / "0/netG.pth", lambda data: data[:-9]),
    "flipped": lambda folder, marker: spoil(folder / "reals.pth", flipped),
    "flipped network": lambda folder, marker: spoil(folder / "1/netG.pth", flipped),
    "another noise": lambda folder, marker: change(folder / "0/z_opt.pth", lambda noise: noise * 2),
    "payload": lambda folder, marker: (folder / "Zs.pth").write_bytes(pickle.dumps(Payload(marker), 2)),
    "zipped payload": lambda folder, marker: (folder / "reals.pth").write_bytes(
        zipped(pickle.dumps(Payload(marker), 2))
    ),
    "payload among tensors": lambda folder, marker: (folder / "0/netG.pth").write_bytes(
        saved({**loaded(folder / "0/netG.pth"), "head.conv.bias": Payload(marker)})
    ),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("command", ["import-official", "super-resolve"])
def test_a_spoilt_folder_is_refused_in_one_line(
    singan: Shell, tmp_path: Path, stranger: Path, how: str, command: str
) -> None:
    marker = tmp_path / "marker"
    SPOILT[how](stranger, marker)
    before = tree(tmp_path)
    if command == "import-official":
        line = refused(singan(command, str(stranger), *TINY))
    else:
        line = refused(singan(command, "--trained", str(stranger), *STUDY, "-o", "big.png"))
    assert line.startswith(f"singan: {stranger}/")
    assert not marker.exists()
    assert tree(tmp_path) == before
    assert not (tmp_path / "store").exists()


def test_the_payload_would_have_worked(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


def test_pickled_modules_beside_are_no_matter(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    (stranger / "Gs.pth").write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    done(singan("import-official", str(stranger), *TINY))
    assert not (tmp_path / "marker").exists()


def in_float64(folder: Path) -> None:
    shutil.rmtree(folder)
    write_official(trained_pyramid(widths="44", dtype=torch.float64), folder)


def overflowing(folder: Path) -> None:
    change(folder / "NoiseAmp.pth", lambda amplitudes: [1.0, 1e38])


@pytest.mark.parametrize(
    ("how", "options", "saying"),
    [
        (overflowing, (), "the super-resolved picture is not finite"),
        (in_float64, (), "reals.pth: holds float64 numbers; the public implementation saves float32"),
        (None, ("--experiment", "orignal"), '--experiment: there is no "orignal"; did you mean "original"?'),
        (None, ("--profile", "paper"), '--profile: there is no "paper"'),
        (None, ("--factor", "99"), "--factor: factor 99 is too large"),
        (None, ("--seed", "-1"), "--seed"),
        (None, ("--device", "mps"), '--device: no device "mps" on this machine'),
        (None, ("--results", "study.toml"), "study.toml: cannot be a folder"),
        (None, ("--store", "cache"), "cache: is no store"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_nothing_written(
    singan: Shell,
    tmp_path: Path,
    stranger: Path,
    how: Callable[[Path], None] | None,
    options: tuple[str, ...],
    saying: str,
) -> None:
    if how is not None:
        how(stranger)
    before = tree(tmp_path)
    assert saying in refused(singan("import-official", str(stranger), *TINY, *options))
    assert tree(tmp_path) == before
    assert not (tmp_path / "store").exists()


def test_a_picture_larger_than_the_published_limit_is_refused(
    singan: Shell, tmp_path: Path, stranger: Path
) -> None:
    numbers = [torch.zeros(1, 3, 18, 234), torch.zeros(1, 3, 20, 260)]
    (stranger / "reals.pth").write_bytes(saved(numbers))
    anchors = [torch.zeros(1, 3, real.shape[2] + 10, real.shape[3] + 10) for real in numbers]
    (stranger / "Zs.pth").write_bytes(saved(anchors))
    for level, anchor in enumerate(anchors):
        (stranger / str(level) / "z_opt.pth").write_bytes(saved(anchor))
    line = refused(singan("import-official", str(stranger), *TINY))
    assert "its picture of 260x20 pixels is too large; at most 250 px a side" in line


def test_a_profile_of_another_width_cannot_be_claimed(singan: Shell, tmp_path: Path, stranger: Path) -> None:
    shutil.rmtree(stranger)
    write_official(trained_pyramid(widths="33"), stranger)
    line = refused(singan("import-official", str(stranger), *TINY))
    assert 'is 3 channels wide at level 0, and profile "tiny" is 4; name the profile' in line


def test_a_record_that_cannot_be_read_is_told_before_anything_is_written(
    singan: Shell, tmp_path: Path, stranger: Path
) -> None:
    (tmp_path / "results" / "tiny").mkdir(parents=True)
    (tmp_path / "results" / "tiny" / "profile.json").write_bytes(b"{")
    before = tree(tmp_path)
    assert "profile.json: " in refused(singan("import-official", str(stranger), *TINY))
    assert tree(tmp_path) == before


# Exporting


def test_levels_that_are_missing_are_named_with_what_trains_them(singan: Shell, tmp_path: Path) -> None:
    line = refused(singan("export-official", *DOTS, "--out", "out"))
    assert line == (
        "singan: store: levels 0, 1, 2 of original on dots not in the store; train first: singan run "
        "--profile tiny --experiment original --image dots --factor 2 --seed 0 "
        "--study study.toml --store store"
    )
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "store").exists()
    done(singan(*line.partition("train first: singan ")[2].split()))
    done(singan("export-official", *DOTS, "--out", "out"))


def test_an_experiment_may_be_exported_where_the_study_does_not_run_it(singan: Shell, tmp_path: Path) -> None:
    real = (*TINY, "--experiment", "real", "--image", "stripes")
    line = refused(singan("export-official", *real, "--out", "out"))
    assert "--all-images" in line
    done(singan(*line.partition("train first: singan ")[2].split()))
    done(singan("export-official", *real, "--out", "out"))


def test_a_damaged_level_is_set_aside_and_named(singan: Shell, tmp_path: Path) -> None:
    done(singan("run", *DOTS))
    (weights, *_) = (tmp_path / "store" / "levels").glob("*/level.safetensors")
    weights.write_bytes(b"x" * weights.stat().st_size)
    line = refused(singan("export-official", *DOTS, "--out", "out"))
    assert "level.safetensors: wrong checksum; set aside; train first: singan run" in line
    assert not (tmp_path / "out").exists()
    done(singan(*line.partition("train first: singan ")[2].split()))
    done(singan("export-official", *DOTS, "--out", "out"))


@pytest.mark.parametrize(
    ("options", "saying"),
    [
        (("--experiment", "x"), '--experiment: there is no "x"'),
        (("--image", "dats"), '--image: there is no "dats"; did you mean "dots"?'),
        (("--profile", "x"), '--profile: there is no "x"'),
        (("--factor", "1"), "--factor: factor 1 does not enlarge"),
        (("--images-from", "nowhere"), "nowhere: there is no such folder"),
        (("--out", "cache"), "cache: is not empty; name an empty or a new folder"),
        (("--out", "study.toml"), "study.toml: cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    singan: Shell, tmp_path: Path, options: tuple[str, ...], saying: str
) -> None:
    done(singan("run", *DOTS))
    before = tree(tmp_path)
    assert saying in refused(singan("export-official", *DOTS, "--out", "out", *options))
    assert tree(tmp_path) == before


# Enlarging with levels trained elsewhere


def test_the_picture_may_be_named_if_it_is_the_one(singan: Shell, tmp_path: Path) -> None:
    done(singan("run", *DOTS))
    done(singan("export-official", *DOTS, "--out", "out"))
    trained = ("--trained", "out", *STUDY, "-o", "big.png")
    said = done(singan("super-resolve", "cache/dots.png", *trained))
    assert said == "big.png: 60x52, by the levels in out"
    first = pixels_of(tmp_path / "big.png")
    (tmp_path / "big.png").unlink()
    line = refused(singan("super-resolve", "cache/stripes.png", *trained))
    assert line.startswith(
        "singan: cache/stripes.png: is not the picture that out was trained on; that one has"
    )
    assert not (tmp_path / "big.png").exists()
    store = tree(tmp_path / "store")
    done(singan("super-resolve", *trained))
    assert np.array_equal(pixels_of(tmp_path / "big.png"), first)
    assert tree(tmp_path / "store") == store


def test_a_picture_is_needed_unless_something_trained_has_it(singan: Shell) -> None:
    assert "PICTURE is missing" in refused(singan("super-resolve", *TINY, "-o", "big.png"))


@pytest.mark.parametrize(
    "option", [("--experiment", "original"), ("--profile", "tiny"), ("--store", "elsewhere")]
)
def test_options_of_training_cannot_go_with_what_is_trained(
    singan: Shell, stranger: Path, option: tuple[str, str]
) -> None:
    line = refused(singan("super-resolve", "--trained", str(stranger), *STUDY, *option, "-o", "big.png"))
    assert line == f"singan: {option[0]} cannot apply; leave it out: with --trained nothing is trained"


def test_a_store_named_in_the_environment_is_no_matter(
    singan: Shell, stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINGAN_STORE", "elsewhere")
    done(singan("super-resolve", "--trained", str(stranger), *STUDY, "-o", "big.png"))


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (("-o", "big.xyz"), 'cannot write a ".xyz" picture'),
        (("-o", "nowhere/big.png"), "lies in no folder that can be written"),
        (("-o", "big.png", "--factor", "1"), "--factor: factor 1 does not enlarge"),
        (("-o", "cache/dots.png", "cache/dots.png"), "is the picture itself"),
        (("-o", "big.png", "nowhere.png"), "nowhere.png: there is no such picture"),
        (("-o", "big.png", "study.toml"), "study.toml: is no picture"),
    ],
)
def test_what_cannot_be_enlarged_is_refused(
    singan: Shell, tmp_path: Path, stranger: Path, arguments: tuple[str, ...], saying: str
) -> None:
    before = tree(tmp_path)
    assert saying in refused(singan("super-resolve", "--trained", str(stranger), *STUDY, *arguments))
    assert tree(tmp_path) == before


def test_status_tells_what_is_only_imported(singan: Shell, tiny_study: TinyStudy, tmp_path: Path) -> None:
    done(singan("run", *DOTS, "--store", "other", "--results", "other-results"))
    done(singan("export-official", *DOTS, "--store", "other", "--out", "out"))
    done(singan("import-official", "out", *TINY))
    status, out, _ = singan("status", *TINY, "--experiment", "original")
    assert status == 0
    assert "imported  original on dots     trained elsewhere; 0 of 3 levels trained here" in out
    assert out.splitlines()[-1] == "tiny: 0 done, 1 imported, 0 failed, 1 missing of 2 runs"
    done(singan("run", *DOTS))
    assert "done      original on dots" in singan("status", *TINY, "--experiment", "original")[1]
