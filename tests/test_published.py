"""What the author published, taken in by commands: trained folders, and figures of pictures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from helpers.official_folders import trained_pyramid
from helpers.outcomes import done, imported_runs, refused, tree
from helpers.shell import TINY, Shell
from helpers.tiny_study import TinyStudy
from runner.images.download import PUBLISHED_VARIABLE
from runner.metrics.evaluate import evaluate
from runner.official.format import write_official
from runner.record.results import read_published
from singan.geometry import Size, pyramid_geometry
from singan.pyramid import Pyramid, build_pyramid

BASE = 'published_pictures = "https://example.org/state/"\n'
PICTURE = "images/exp_a/dots.png"


@pytest.fixture(autouse=True)
def cache_of_published_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PUBLISHED_VARIABLE, str(tmp_path / "site of the author"))


def name_in_study(tiny_study: TinyStudy, experiment: str, image: str, text: str) -> None:
    """Add what was published of an experiment on an image."""
    with tiny_study.path.open("a", encoding="utf-8") as file:
        file.write(f"\n[experiment.{experiment}.published.{image}]\n{text}\n")


# Trained folders


def train_elsewhere(tiny_study: TinyStudy, image: str, folder: Path, short: int = 1) -> None:
    """A folder trained on an image of the study, its picture some grey levels short here and there."""
    pixels = tiny_study.images[image].pixels.astype(int)
    here_and_there = short * (np.random.default_rng(0).random(pixels.shape) < 0.3)
    darker = np.maximum(pixels - here_and_there, 0).astype(np.uint8)
    size = Size(*pixels.shape[:2])
    pyramid = trained_pyramid(size, widths="4" * len(pyramid_geometry(size, 8).sizes))
    import torch

    picture = torch.from_numpy(darker).permute(2, 0, 1)[None].float() / 127.5 - 1
    reals = build_pyramid(picture, pyramid.geometry).reals
    folder.parent.mkdir(parents=True)
    write_official(Pyramid(pyramid.geometry, reals, pyramid.levels), folder)


@pytest.fixture
def clone(tiny_study: TinyStudy, tmp_path: Path) -> Path:
    """A clone of an author's repository with two folders, of which the study names three."""
    root = tmp_path / "clone"
    for image in ("dots", "stripes"):
        folder = f"TrainedModels/{image}/scale_factor=0.79,alpha=100"
        train_elsewhere(tiny_study, image, root / folder)
        name_in_study(tiny_study, "original", image, f'trained = "{folder}"')
    name_in_study(tiny_study, "real", "dots", 'trained = "TrainedModels/real"')
    return root


def test_every_folder_that_the_study_names_is_imported_and_a_missing_one_named(
    singan: Shell, tmp_path: Path, clone: Path
) -> None:
    status, out, _ = singan("import-published", "clone", *TINY)
    assert status == 0
    lines = out.splitlines()
    assert [line.split(": ")[0] for line in lines if "levels of" in line or "missing," in line][:3] == [
        "original on dots",
        "original on stripes",
        "real on dots",
    ]
    assert 'taken for image "dots"' in out
    assert lines[-1] == "2 folders imported, 1 missing, 0 refused"
    assert [(run.experiment, run.image) for run in imported_runs(tmp_path)] == [
        ("original", "dots"),
        ("original", "stripes"),
    ]


def test_importing_all_of_them_twice_changes_nothing(singan: Shell, tmp_path: Path, clone: Path) -> None:
    done(singan("import-published", "clone", *TINY))
    before = tree(tmp_path / "results")
    done(singan("import-published", "clone", *TINY))
    assert tree(tmp_path / "results") == before


def test_a_folder_that_is_refused_keeps_no_other_out(singan: Shell, tmp_path: Path, clone: Path) -> None:
    (clone / "TrainedModels/dots/scale_factor=0.79,alpha=100/NoiseAmp.pth").write_bytes(b"")
    status, out, _ = singan("import-published", "clone", *TINY)
    assert status == 1
    (line,) = (line for line in out.splitlines() if line.startswith("original on dots: refused"))
    assert "NoiseAmp.pth" in line
    assert [run.image for run in imported_runs(tmp_path)] == ["stripes"]


def test_a_folder_that_was_trained_on_another_image_is_refused(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path, clone: Path
) -> None:
    (clone / "TrainedModels/dots").rename(clone / "TrainedModels/real")
    tiny_study.edit('trained = "TrainedModels/real"', 'trained = "TrainedModels/stripes"')
    (clone / "TrainedModels/stripes").rename(clone / "x")
    tiny_study.edit("TrainedModels/stripes/scale", "TrainedModels/real/scale")
    status, out, _ = singan("import-published", "clone", *TINY)
    assert status == 1
    assert 'was trained on another picture than image "stripes"' in out


def test_minutes_in_the_folder_are_recorded(singan: Shell, tmp_path: Path, clone: Path) -> None:
    folder = clone / "TrainedModels/stripes/scale_factor=0.79,alpha=100"
    text = "level 0 time: 1.5 minuets\nlevel 1 time: 2.25 minuets\ntotal time: 3.75 minuets"
    (folder / "train times.txt").write_text(text, encoding="utf-8")
    done(singan("import-published", "clone", *TINY))
    minutes = {run.image: run.published_minutes for run in imported_runs(tmp_path)}
    assert minutes == {"dots": None, "stripes": (1.5, 2.25)}


def test_a_folder_that_holds_none_of_them_is_refused(singan: Shell, tmp_path: Path, clone: Path) -> None:
    line = refused(singan("import-published", "cache", *TINY))
    assert "cache: holds none of the 3 trained folders that the study names" in line
    assert "https://example.org/repository" in line
    assert not (tmp_path / "results").exists()


def test_a_study_that_names_none_is_refused(singan: Shell) -> None:
    assert "names no trained folders" in refused(singan("import-published", "cache", *TINY))


@pytest.mark.parametrize(("short", "image"), [(0, "dots"), (1, "dots"), (2, "dots"), (3, "elsewhere")])
def test_a_picture_up_to_two_grey_levels_short_is_the_studys_image(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path, short: int, image: str
) -> None:
    train_elsewhere(tiny_study, "dots", tmp_path / "some" / "elsewhere", short)
    status, out, _ = singan("import-official", "some/elsewhere", *TINY)
    assert status == 0
    (run,) = imported_runs(tmp_path)
    assert run.image == image
    assert ('taken for image "dots"' in out) == (short in {1, 2})
    assert ("no image of the study" in out) == (short == 3)


def test_it_is_super_resolved_from_the_studys_own_pixels(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    train_elsewhere(tiny_study, "dots", tmp_path / "some" / "folder")
    done(singan("import-official", "some/folder", *TINY))
    (run,) = imported_runs(tmp_path)
    assert run.pixels_sha256 == tiny_study.images["dots"].digest


def test_a_picture_that_may_be_two_images_asks_which(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    pixels = tiny_study.images["dots"].pixels
    twin = tmp_path / "cache" / "twin.png"
    PIL.Image.fromarray(np.maximum(pixels, 1)).save(twin)  # lifts black only
    sha256 = hashlib.sha256(twin.read_bytes()).hexdigest()
    with tiny_study.path.open("a", encoding="utf-8") as file:
        file.write(
            f'\n[image.twin]\ntitle = "Twin"\nfile = "twin.png"\nurl = "https://example.org/twin.png"\n'
            f'sha256 = "{sha256}"\nsize = {{ width = 30, height = 26 }}\n'
        )
    train_elsewhere(tiny_study, "dots", tmp_path / "some" / "folder")
    line = refused(singan("import-official", "some/folder", *TINY))
    assert 'its picture may be image "dots" or "twin" of the study; say which with --image' in line
    done(singan("import-official", "some/folder", *TINY, "--image", "dots"))
    assert [run.image for run in imported_runs(tmp_path)] == ["dots"]


# Pictures


@pytest.fixture
def published(tiny_study: TinyStudy, tmp_path: Path) -> Path:
    """A picture that the study names, twice as large as its image."""
    path = tmp_path / "site of the author" / PICTURE
    path.parent.mkdir(parents=True)
    random = np.random.default_rng(5)
    PIL.Image.fromarray(random.integers(0, 256, (52, 60, 3), dtype=np.uint8)).save(path)
    tiny_study.edit(
        'repository = "https://example.org/repository"\n',
        f'repository = "https://example.org/repository"\n{BASE}',
    )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    name_in_study(tiny_study, "real", "dots", f'picture = "{PICTURE}"\npicture_sha256 = "{sha256}"')
    return path


def test_a_published_picture_is_measured_as_ours_are(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path, published: Path
) -> None:
    last = done(singan("measure-published", "--study", "study.toml"))
    assert last == "1 of 1 pictures measured; recorded in results/published.json"
    (found,) = read_published(tmp_path / "results").pictures
    image = tiny_study.images["dots"]
    with PIL.Image.open(published) as picture:
        expected = evaluate(np.asarray(picture), image.pixels, 2)
    assert found.metrics["lr_psnr"] == pytest.approx(expected.lr_psnr, rel=1e-5)
    assert found.metrics["blur"] == pytest.approx(expected.blur, rel=1e-5)
    assert (found.experiment, found.image, found.factor) == ("real", "dots", "x2")
    assert found.url == f"https://example.org/state/{PICTURE}"
    assert found.pixels_sha256 == image.digest


def test_only_figures_are_kept(singan: Shell, tmp_path: Path, published: Path) -> None:
    done(singan("measure-published", "--study", "study.toml"))
    assert list(tree(tmp_path / "results")) == ["published.json"]
    kept = b"".join([*tree(tmp_path / "results").values(), *tree(tmp_path / "store").values()])
    assert published.read_bytes()[100:200] not in kept


def test_measuring_twice_changes_nothing(singan: Shell, tmp_path: Path, published: Path) -> None:
    done(singan("measure-published", "--study", "study.toml"))
    before = tree(tmp_path)
    done(singan("measure-published", "--study", "study.toml"))
    assert tree(tmp_path) == before


def test_a_picture_that_cannot_be_had_keeps_its_figures(
    singan: Shell, tmp_path: Path, published: Path
) -> None:
    done(singan("measure-published", "--study", "study.toml"))
    before = tree(tmp_path / "results")
    published.unlink()
    status, out, _ = singan("measure-published", "--study", "study.toml")
    assert status == 1
    assert f"cannot download https://example.org/state/{PICTURE}" in out
    assert PUBLISHED_VARIABLE in out
    assert tree(tmp_path / "results") == before


def test_a_picture_of_another_size_is_no_enlargement(
    singan: Shell, tiny_study: TinyStudy, tmp_path: Path, published: Path
) -> None:
    before = hashlib.sha256(published.read_bytes()).hexdigest()
    PIL.Image.new("RGB", (61, 52)).save(published)
    tiny_study.edit(before, hashlib.sha256(published.read_bytes()).hexdigest())
    status, out, _ = singan("measure-published", "--study", "study.toml")
    assert status == 1
    assert "is 61x52 pixels, not 60x52 as dots enlarged x2 is" in out
    assert json.loads((tmp_path / "results" / "published.json").read_text()) == {"version": 1, "pictures": []}


def test_a_study_that_names_no_picture_is_refused(singan: Shell) -> None:
    assert "names no published pictures" in refused(singan("measure-published", "--study", "study.toml"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "says nothing; leave it out"),
        ('picture = "images/a.png"', '"picture" and "picture_sha256" go together'),
        (f'picture = "images/a.png"\npicture_sha256 = "{"0" * 64}"', "is a path without an address"),
        ('trained = "../elsewhere"', "trained"),
        ('trained = "/etc"', "trained"),
        ('trained = "a//b"', "trained"),
        ('trained = "C:\\\\a"', "trained"),
    ],
)
def test_what_the_study_says_of_published_results_is_checked(
    singan: Shell, tiny_study: TinyStudy, text: str, reason: str
) -> None:
    name_in_study(tiny_study, "real", "dots", text)
    assert reason in refused(singan("list", "--study", "study.toml"))


def test_an_address_has_to_end_where_paths_begin(
    singan: Shell, tiny_study: TinyStudy, published: Path
) -> None:
    tiny_study.edit(BASE, BASE.replace("state/", "state"))
    assert "must end with a /" in refused(singan("list", "--study", "study.toml"))
