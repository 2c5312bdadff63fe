"""Pictures: odd ones read right, bad ones refused, the study's fetched, verified or stood in for."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from helpers import pictures
from runner.images.decode import Pixels, read_picture
from runner.images.download import CACHE_VARIABLE, NotAvailableError, cache_folder
from runner.images.load import LoadedImage, load_images
from runner.images.own import load_folder, load_own
from runner.study.load import load_study
from runner.study.schema import Image, Study
from singan.errors import UserError


def _nobody(line: str) -> None:
    """Is told of stand-ins where a test does not care."""


SHIPPED = Path(__file__).parents[1] / "experiments.toml"


@pytest.mark.parametrize("kind", pictures.READABLE)
def test_an_odd_picture_is_read_as_a_person_sees_it(kind: str, tmp_path: Path) -> None:
    suffix, write = pictures.READABLE[kind]
    expected = write(tmp_path / f"odd{suffix}")
    pixels = read_picture(tmp_path / f"odd{suffix}")
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    error = np.abs(pixels.astype(int) - expected.astype(int)).max()
    assert error <= (pictures.JPEG_ERROR if suffix == ".jpg" else 0)


@pytest.mark.parametrize("kind", pictures.REFUSED)
def test_a_bad_picture_is_refused_in_one_line_naming_it(kind: str, tmp_path: Path) -> None:
    write, reason = pictures.REFUSED[kind]
    path = tmp_path / "bad.png"
    write(path)
    with pytest.raises(UserError) as refused:
        load_own(path)
    assert str(refused.value).startswith(f"{path}: {reason}")
    assert len(str(refused.value).splitlines()) == 1


def test_a_name_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    name = tmp_path / ("long" * 100)
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        read_picture(name)
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        load_folder(name)


@pytest.mark.parametrize("size", [(250, 18), (18, 250), (250, 250), (18, 18)])
def test_the_smallest_and_largest_sides_are_accepted(size: tuple[int, int], tmp_path: Path) -> None:
    PIL.Image.new("RGB", size).save(tmp_path / "a.png")
    assert load_own(tmp_path / "a.png").pixels.shape[1::-1] == size


@pytest.mark.parametrize("size", [(251, 18), (18, 251), (250, 17), (17, 250)])
def test_a_pixel_beyond_them_is_refused(size: tuple[int, int], tmp_path: Path) -> None:
    PIL.Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=f"a picture of {size[0]}x{size[1]} pixels is too"):
        load_own(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("My Cat (2).PNG", "my-cat-2"), ("a_b.png", "a-b"), ("é.png", "e")],
)
def test_ones_own_picture_gets_an_id_fit_for_files_and_keeps_its_name(
    name: str, expected: str, tmp_path: Path
) -> None:
    pictures.rgb_png(tmp_path / name)
    image = load_own(tmp_path / name)
    assert (image.id, image.title) == (expected, Path(name).stem)


def test_a_name_in_another_encoding_still_makes_a_title_that_can_be_written(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + "/K\u00f6ln.png".encode("latin-1")))
    pictures.rgb_png(path)
    image = load_own(path)
    assert (image.id, image.title) == ("k-ln", "K\N{REPLACEMENT CHARACTER}ln")


def test_the_digest_knows_pixels_and_shape_but_no_name() -> None:
    pixels = pictures.noise()
    image = LoadedImage("a", "A", pixels)
    assert image.digest == LoadedImage("b", "B", pixels.copy()).digest
    assert image.digest != LoadedImage("a", "A", pixels.reshape(32, 24, 3)).digest
    changed = pixels.copy()
    changed[0, 0, 0] ^= 1
    assert image.digest != LoadedImage("a", "A", changed).digest


def test_a_folder_gives_its_pictures_and_skips_the_rest(tmp_path: Path) -> None:
    pictures.rgb_png(tmp_path / "b.png")
    pictures.gif(tmp_path / "a.gif")
    pictures.no_picture(tmp_path / "notes.txt")
    pictures.no_picture(tmp_path / "._b.png")  # macOS leaves such files on memory sticks
    (tmp_path / "more").mkdir()
    assert list(load_folder(tmp_path)) == ["a", "b"]


def test_a_folder_that_is_missing_or_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        load_folder(tmp_path / "missing")
    with pytest.raises(UserError, match="holds no picture; put PNG or JPEG files there"):
        load_folder(tmp_path)
    pictures.rgb_png(tmp_path / "a.png")
    with pytest.raises(UserError, match="there is no such folder"):
        load_folder(tmp_path / "a.png")


def test_two_pictures_with_one_id_are_refused(tmp_path: Path) -> None:
    pictures.rgb_png(tmp_path / "my cat.png")
    pictures.rgb_png(tmp_path / "my-cat.png")
    with pytest.raises(UserError, match='a second picture gets the id "my-cat"; rename one'):
        load_folder(tmp_path)


def test_a_bad_picture_in_a_folder_is_named(tmp_path: Path) -> None:
    pictures.rgb_png(tmp_path / "a.png")
    pictures.truncated(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"b\.png: cannot be decoded"):
        load_folder(tmp_path)


@dataclass
class Web:
    """What can be downloaded, by address; an address it lacks is out of reach."""

    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def download(self, url: str, output_file: str, pooch: object) -> None:
        self.asked.append(url)
        if url not in self.pages:
            raise ConnectionError("no network here")
        Path(output_file).write_bytes(self.pages[url])


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    web = Web()
    monkeypatch.setattr("pooch.HTTPDownloader", lambda **options: web.download)
    return web


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


URL, TRUTH_URL = "https://example.org/dots.png", "https://example.org/large.png"


@dataclass(frozen=True)
class Scene:
    """A study's image of 40x60 pixels, cropped to 20x30, with a ground truth at x2, and the files' bytes."""

    image: Image
    file: bytes
    truth_file: bytes
    pixels: Pixels
    truth: Pixels


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    pixels, truth = pictures.noise(60, 40), pictures.noise(60, 40)[::-1]
    PIL.Image.fromarray(pixels).save(tmp_path / "dots.png")
    PIL.Image.fromarray(truth).save(tmp_path / "large.png")
    file, truth_file = (tmp_path / "dots.png").read_bytes(), (tmp_path / "large.png").read_bytes()
    image = Image.model_validate(
        {
            "id": "dots",
            "title": "<b>Dots</b> & more",  # a title may hold anything
            "file": "dots.png",
            "url": URL,
            "sha256": hashlib.sha256(file).hexdigest(),
            "size": {"width": 40, "height": 60},
            "crop": {"x": 3, "y": 7, "width": 20, "height": 30},
            "ground_truth": {
                "file": "large.png",
                "url": TRUTH_URL,
                "sha256": hashlib.sha256(truth_file).hexdigest(),
                "size": {"width": 40, "height": 60},
                "factor": 2,
            },
            "stand_in": {
                "photograph": "astronaut",
                "crop": {"x": 0, "y": 10, "width": 60, "height": 90},
            },
        }
    )
    return Scene(image, file, truth_file, pixels[7:37, 3:23], truth)


def test_an_image_is_downloaded_once_verified_and_cropped(scene: Scene, web: Web, cache: Path) -> None:
    web.pages = {URL: scene.file, TRUTH_URL: scene.truth_file}
    for _ in range(2):
        loaded = load_images([scene.image])["dots"]
        assert np.array_equal(loaded.pixels, scene.pixels)
        assert np.array_equal(loaded.ground_truth[2], scene.truth)
        assert (loaded.title, loaded.stand_in) == (scene.image.title, None)
    assert web.asked == [URL, TRUTH_URL]
    assert sorted(path.name for path in cache.iterdir()) == ["dots.png", "large.png"]


def test_a_file_put_there_by_hand_needs_no_network(scene: Scene, web: Web, cache: Path) -> None:
    cache.mkdir()
    (cache / "dots.png").write_bytes(scene.file)
    (cache / "large.png").write_bytes(scene.truth_file)
    assert np.array_equal(load_images([scene.image])["dots"].pixels, scene.pixels)
    assert web.asked == []


def test_without_network_the_address_and_the_place_for_the_file_are_named(
    scene: Scene, web: Web, cache: Path
) -> None:
    with pytest.raises(NotAvailableError) as refused:
        load_images([scene.image])
    assert str(refused.value) == (
        f"cannot download {URL} (no network here); fetch it by hand and put it at {cache / 'dots.png'}, "
        "or name a folder that has it in SINGAN_IMAGES"
    )


def test_a_corrupted_file_is_fetched_again(scene: Scene, web: Web, cache: Path) -> None:
    cache.mkdir()
    (cache / "dots.png").write_bytes(b"corrupted")
    web.pages = {URL: scene.file, TRUTH_URL: scene.truth_file}
    assert np.array_equal(load_images([scene.image])["dots"].pixels, scene.pixels)


def test_a_corrupted_file_without_network_is_named_and_left_alone(
    scene: Scene, web: Web, cache: Path
) -> None:
    cache.mkdir()
    (cache / "dots.png").write_bytes(b"corrupted")
    with pytest.raises(NotAvailableError) as refused:
        load_images([scene.image])
    assert str(refused.value) == (
        f"cannot download {URL} (no network here); the file at {cache / 'dots.png'} has another checksum: "
        "replace it, or name a folder that has it in SINGAN_IMAGES"
    )
    assert (cache / "dots.png").read_bytes() == b"corrupted"


def test_another_file_at_the_address_is_not_taken(scene: Scene, web: Web, cache: Path) -> None:
    web.pages = {URL: scene.truth_file}
    with pytest.raises(NotAvailableError, match="the file there has another checksum"):
        load_images([scene.image])
    assert list(cache.iterdir()) == []


def test_an_address_with_hash_in_it_is_not_mistaken_for_a_wrong_checksum(
    scene: Scene, web: Web, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(url: str, output_file: str, pooch: object) -> None:
        raise ConnectionError("cannot reach /hash.png")

    monkeypatch.setattr("pooch.HTTPDownloader", lambda **options: unreachable)
    with pytest.raises(NotAvailableError, match=r"\(cannot reach /hash\.png\)"):
        load_images([scene.image])


def test_a_cache_that_cannot_be_a_folder_is_refused(
    scene: Scene, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    web.pages = {URL: scene.file}
    with pytest.raises(NotAvailableError, match="Not a directory"):
        load_images([scene.image])


def test_a_picture_of_another_size_than_declared_is_refused(scene: Scene, web: Web, cache: Path) -> None:
    declared = {"width": 41, "height": 60}
    image = scene.image.model_copy(update={"size": scene.image.size.model_validate(declared)})
    web.pages = {URL: scene.file}
    with pytest.raises(UserError, match="is 40x60 pixels, not 41x60 as the study says"):
        load_images([image])


@pytest.mark.parametrize("lost", [URL, TRUTH_URL])
def test_without_the_image_or_its_ground_truth_a_photograph_stands_in_for_both(
    lost: str, scene: Scene, web: Web, cache: Path
) -> None:
    web.pages = {URL: scene.file, TRUTH_URL: scene.truth_file}
    del web.pages[lost]
    with pytest.raises(NotAvailableError, match=f"cannot download {lost}"):
        load_images([scene.image], "never")
    told: list[str] = []
    loaded = load_images([scene.image], "offline", told.append)["dots"]
    assert loaded.stand_in == 'the photograph "astronaut" of scikit-image'
    assert told == [f"{scene.image.title}: {loaded.stand_in} stands in for it"]
    assert loaded.pixels.shape == (30, 20, 3)
    assert {factor: truth.shape for factor, truth in loaded.ground_truth.items()} == {3: (90, 60, 3)}


def test_offline_stand_ins_are_not_used_where_the_image_can_be_had(
    scene: Scene, web: Web, cache: Path
) -> None:
    web.pages = {URL: scene.file, TRUTH_URL: scene.truth_file}
    told: list[str] = []
    assert load_images([scene.image], "offline", told.append)["dots"].stand_in is None
    assert told == []


def test_stand_ins_asked_for_never_touch_the_network(scene: Scene, web: Web, cache: Path) -> None:
    assert load_images([scene.image], "always", _nobody)["dots"].stand_in is not None
    assert web.asked == []


def test_an_image_without_stand_in_is_refused_whatever_is_allowed(
    scene: Scene, web: Web, cache: Path
) -> None:
    image = scene.image.model_copy(update={"stand_in": None})
    with pytest.raises(NotAvailableError, match="cannot download"):
        load_images([image], "offline")
    with pytest.raises(UserError, match="image dots has no stand-in"):
        load_images([image], "always")


def test_a_stand_in_outside_its_photograph_is_refused(scene: Scene) -> None:
    assert scene.image.stand_in is not None
    crop = scene.image.stand_in.crop.model_copy(update={"x": 500})
    image = scene.image.model_copy(
        update={"stand_in": scene.image.stand_in.model_copy(update={"crop": crop})}
    )
    with pytest.raises(UserError, match=r"\[image\.dots\] stand_in\.crop: ends outside the photograph"):
        load_images([image], "always")


@pytest.fixture(scope="module")
def shipped() -> Study:
    return load_study(SHIPPED)


def test_the_shipped_stand_ins_have_the_studys_sizes_and_truths_of_exact_multiples(shipped: Study) -> None:
    loaded = load_images(shipped.image.values(), "always", _nobody)
    for name, image in shipped.image.items():
        assert loaded[name].size == image.cropped_size
        ((factor, truth),) = loaded[name].ground_truth.items()
        assert truth.shape == (factor * image.cropped_size.height, factor * image.cropped_size.width, 3)


def test_a_stand_in_is_its_ground_truth_made_smaller(scene: Scene) -> None:
    loaded = load_images([scene.image], "always", _nobody)["dots"]
    truth = loaded.ground_truth[3].astype(float)
    averaged = truth.reshape(30, 3, 20, 3, 3).mean(axis=(1, 3))
    assert np.abs(averaged - loaded.pixels).mean() < 5  # bicubic weighs neighbours in, but little


def test_the_cache_is_the_named_folder_or_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv(CACHE_VARIABLE, "")
    assert cache_folder().parts[-2:] == ("singan-lab", "images")
