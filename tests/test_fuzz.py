"""Whatever is fed in works or is refused in one line: spoilt studies, records, pictures, stores, commands.

The suite tries a few hundred cases, always the same, so that what turns red is what was changed. `make fuzz`
sets SINGAN_FUZZ_CASES and tries that many fresh ones.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import re
import shutil
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.fuzzing import FUZZ_CASES, REFUSED, TRIED, cases, counts
from helpers.lab import Lab
from helpers.mutations import ODD_TEXT, as_toml, spoilt_bytes, spoilt_text, spoilt_tree
from helpers.pictures import noise
from helpers.records import small_study, write_results
from helpers.tiny_study import write_tiny_study
from runner import cli
from runner.commands import exit_status
from runner.execution.status import pending_levels, run_states
from runner.images.download import NotAvailableError
from runner.images.load import LoadedImage
from runner.images.own import load_folder, load_own
from runner.publish.output import render
from runner.publish.site import build_site
from runner.store.maintenance import disk_use, remove, rubbish, size_of, verify
from runner.store.store import KINDS, WEIGHTS, DamagedError, Store
from runner.study.load import load_study
from runner.study.schema import Study
from singan.errors import UserError

SHIPPED = Path(__file__).parents[1] / "experiments.toml"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def told(request: pytest.FixtureRequest) -> Iterator[None]:
    """Says at the end how many cases each target got."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    if FUZZ_CASES and capture is not None:
        with capture.global_and_fixture_disabled():
            sys.stdout.write(counts())


def works_or_is_refused(target: str, action: Callable[[], Any]) -> Any:
    """What the action gives, or None when it is refused in one line; anything else it raises is a bug."""
    TRIED[target] += 1
    try:
        return action()
    except UserError as error:
        REFUSED[target] += 1
        (line,) = str(error).splitlines()
        assert line.isprintable() or line.strip()
        return None


# Studies


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def use(study: Study) -> None:
    """All that `singan list` needs of a study."""
    for experiment in study.experiment.values():
        assert study.images_of(experiment)
        assert experiment.in_words
    for image in study.image.values():
        assert str(image.cropped_size)


def check_study(target: str, path: Path, data: bytes) -> Study | None:
    path.write_bytes(data)
    study: Study | None = works_or_is_refused(target, lambda: load_study(path))
    if study is not None:
        use(study)
    return study


@cases("study text")
@given(spoilt_text(SHIPPED.read_text(encoding="utf-8")))
def test_a_study_of_spoilt_text_loads_or_is_refused(folder: Path, text: str) -> None:
    check_study("study text", folder / "text.toml", text.encode(errors="replace"))


@cases("study bytes")
@given(spoilt_bytes(SHIPPED.read_bytes()))
def test_a_study_of_spoilt_bytes_loads_or_is_refused(folder: Path, data: bytes) -> None:
    check_study("study bytes", folder / "bytes.toml", data)


# Records


UNESCAPED = re.compile(rb'<script>alert|" onload="alert')
"""Odd text of `mutations` as it must never stand in a page."""


class Record:
    """A small record that one file at a time is spoilt of, and the site built from it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.study = small_study(("original", "real-b"), ("colosseum",))
        write_results(self.results, self.study)
        self.files = {path: path.read_bytes() for path in self.results.rglob("*") if path.is_file()}
        build_site(self.study, self.results, self.site)
        self.around = self.outside()

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def site(self) -> Path:
        return self.root / "site"

    def outside(self) -> set[Path]:
        """All that lies around the site."""
        return set(self.results.rglob("*")) | set(self.root.iterdir())

    def texts(self) -> list[Path]:
        return sorted(path for path in self.files if path.suffix == ".json")

    def build(self, target: str) -> None:
        """Build the site; it must stay inside its folder, and show nothing unescaped."""
        around = self.outside()
        report = works_or_is_refused(target, lambda: build_site(self.study, self.results, self.site))
        assert self.outside() == around
        if report is not None:
            for page in self.site.rglob("*.html"):
                assert not UNESCAPED.search(page.read_bytes())

    def of_another_study(self, study: Study) -> None:
        """Every study that loads has a site, whatever it calls its things."""
        build_site(study, self.results, self.root / "other")

    def put_back(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.write_bytes(self.files[path])


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """Templates are compiled once instead of for every site."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "_environment", cache(render._environment))
        yield Record(tmp_path_factory.mktemp("record"))


@cases("study values")
@given(spoilt_tree(tomllib.loads(SHIPPED.read_text(encoding="utf-8"))))
def test_a_study_of_odd_values_has_a_site_or_is_refused(folder: Path, record: Record, tables: Any) -> None:
    text = as_toml(tables)
    study = check_study("study values", folder / "values.toml", text.encode(errors="replace"))
    if study is not None:
        record.of_another_study(study)


@cases("record values")
@given(st.data())
def test_a_record_of_odd_values_becomes_a_site_or_is_refused(record: Record, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(record.texts()))
    values = data.draw(spoilt_tree(json.loads(record.files[path])))
    path.write_text(json.dumps(values), encoding="utf-8")
    try:
        record.build("record values")
    finally:
        record.put_back(path)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_dead_link(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def a_link_outside(path: Path) -> None:
    path.symlink_to(_elsewhere())


@cache
def _elsewhere() -> Path:
    """A file that nobody needs: some of the odd files are locked, which may empty what they lead to."""
    handle, name = tempfile.mkstemp()
    os.close(handle)
    atexit.register(Path(name).unlink, missing_ok=True)
    return Path(name)


def an_endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def nothing(path: Path) -> None:
    """The file is just gone."""


ODD_FILES = (a_folder, a_dead_link, a_link_to_itself, a_link_outside, an_endless_device, a_pipe, nothing)


@cases("record files")
@given(st.data())
def test_a_record_of_spoilt_files_becomes_a_site_or_is_refused(record: Record, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(record.files)))
    spoilt = data.draw(st.sampled_from(ODD_FILES) | spoilt_bytes(record.files[path]))
    path.unlink()
    if isinstance(spoilt, bytes):
        path.write_bytes(spoilt)
    else:
        spoilt(path)
    try:
        record.build("record files")
    finally:
        record.put_back(path)


# Pictures


def saved(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture.save(buffer, kind, **options)
    return buffer.getvalue()


def whole_pictures() -> list[bytes]:
    """Pictures in every format people have, and every mode that these keep."""
    colour = PIL.Image.fromarray(noise())
    grey, palette = colour.convert("L"), colour.convert("P")
    alpha = PIL.Image.fromarray(noise(channels=4))
    deep = PIL.Image.fromarray(noise()[:, :, 0].astype(np.uint16) * 257)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    pictures = [(one, "PNG") for one in (colour, grey, palette, alpha, deep, colour.convert("1"))]
    pictures += [
        (one, "TIFF") for one in (colour, deep, grey.convert("F"), grey.convert("I"), colour.convert("CMYK"))
    ]
    pictures += [(colour.convert("LAB"), "TIFF"), (colour, "WEBP"), (alpha, "WEBP"), (palette, "GIF")]
    pictures += [(colour, "BMP"), (colour, "PPM"), (grey, "TGA"), (colour, "ICO"), (colour, "JPEG2000")]
    pictures += [(colour, "SGI"), (colour, "PCX"), (colour, "DDS"), (colour, "IM"), (grey, "MSP")][:4]
    found = [saved(*one) for one in pictures]
    found.append(saved(colour, "JPEG", exif=exif.tobytes(), progressive=True))
    found.append(saved(colour.convert("CMYK"), "JPEG"))
    found.append(saved(colour, "TIFF", compression="tiff_lzw"))
    found.append(saved(colour, "TIFF", compression="tiff_adobe_deflate"))
    found.append(saved(palette, "GIF", save_all=True, append_images=[grey], transparency=3))
    found.append(saved(colour, "PNG", save_all=True, append_images=[colour], dpi=(72, 72)))
    return found


PICTURES = whole_pictures()

MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "I;16")
KINDS_OF_FILE = ("PNG", "TIFF", "WEBP", "JPEG", "GIF", "BMP", "PPM", "TGA", "JPEG2000", "PDF")


@st.composite
def a_picture(draw: st.DrawFn) -> bytes:
    """A picture of an odd mode and size, as far as its format can hold that; else nothing much."""
    width, height = (draw(st.sampled_from([1, 17, 18, 19, 64, 250, 251])) for _ in range(2))
    mode, kind = draw(st.sampled_from(MODES)), draw(st.sampled_from(KINDS_OF_FILE))
    try:
        return saved(PIL.Image.new(mode, (width, height)), kind)
    except (OSError, ValueError, KeyError):
        return kind.encode()


def check_own(image: LoadedImage) -> None:
    """What every other part relies on: pixels in bounds, a name for files, a title for pages."""
    assert image.pixels.dtype == np.uint8
    assert image.pixels.ndim == 3
    assert image.pixels.shape[2] == 3
    assert 18 <= min(image.size) <= max(image.size) <= 250
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", image.id)
    image.title.encode()


@cases("pictures")
@given(st.sampled_from(PICTURES).flatmap(spoilt_bytes) | a_picture())
def test_a_spoilt_picture_is_read_or_refused(folder: Path, data: bytes) -> None:
    (folder / "picture.png").write_bytes(data)
    image = works_or_is_refused("pictures", lambda: load_own(folder / "picture.png"))
    if image is not None:
        check_own(image)


FILE_NAMES = st.one_of(
    st.sampled_from(
        ["a.png", "A.PNG", "b.jpg", "\u00e9.webp", ".png", "...png", "a b.tif", "x.txt", "con.png"]
    ),
    st.binary(min_size=1, max_size=20).map(lambda raw: os.fsdecode(re.sub(rb"[\0/]", b"_", raw)) + ".png"),
    ODD_TEXT.map(lambda text: re.sub(r"[\0/]", "_", text)[:60] + ".png"),
)


@cases("folders")
@given(
    st.dictionaries(
        FILE_NAMES,
        st.one_of(
            st.sampled_from(PICTURES[:4]),
            st.sampled_from(PICTURES).flatmap(spoilt_bytes),
            st.sampled_from(ODD_FILES),
        ),
        max_size=3,
    )
)
def test_a_folder_of_odd_files_is_read_or_refused(folder: Path, files: dict[str, Any]) -> None:
    own = folder / "own"
    own.mkdir()
    try:
        for name, file in files.items():
            if isinstance(file, bytes):
                (own / name).write_bytes(file)
            else:
                file(own / name)
        found = works_or_is_refused("folders", lambda: load_folder(own))
        if found is not None:
            assert found
            for name, image in found.items():
                check_own(image)
                assert image.id == name
    finally:
        shutil.rmtree(own)


# The store


class Kept:
    """A store with one run in it, spoilt and put back for each case."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.plan = lab.tiny.plan("stopped")
        lab.run(self.plan)
        self.root = lab.store.root
        lab.store.keep_partial("0" * 32, b"a training in progress")
        lab.store.drop_partial("1" * 32)
        self.files = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}

    def descriptions(self) -> list[Path]:
        return sorted(path for path in self.files if path.suffix == ".json")

    def put_back(self) -> None:
        shutil.rmtree(self.root)
        for path, contents in self.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)

    def whole_weights(self, key: str) -> bytes | None:
        """A level's weights as far as the store vouches for them: what no run needed is not looked at."""
        entry = self.lab.store.find("levels", key)
        try:
            return None if entry is None else entry.read(WEIGHTS)
        except DamagedError:
            return None

    def look_after(self) -> None:
        """Everything a command does with a store short of training."""
        store = Store(self.root)
        for kind in KINDS:
            for folder in (self.root / kind).glob("*"):
                store.find(kind, folder.name)
        list(run_states(self.plan, store))
        pending_levels(self.plan, store)
        verify(store)
        disk_use(store)
        for unused in (False, True):
            found = rubbish(store, unused=unused)
            sum(size_of(path) for path in found)
            remove(found)
        assert rubbish(store, unused=True) == []


def unreachable(source: object) -> Path:
    raise NotAvailableError("tests do not use the network")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runner.record.measure.fetch", unreachable)
        home = tmp_path_factory.mktemp("kept")
        yield Kept(Lab(write_tiny_study(home, patch), home))


@st.composite
def spoilt_store(draw: st.DrawFn, kept: Kept) -> None:
    """Spoil one or two files, or leave some that no store has."""
    for _ in range(draw(st.integers(1, 2))):
        if draw(st.booleans()):
            path = draw(st.sampled_from(kept.descriptions()))
            spoilt: Callable[[Path], None] | bytes = json.dumps(
                draw(spoilt_tree(json.loads(kept.files[path])))
            ).encode()
        else:
            path = draw(st.sampled_from(sorted(kept.files)))
            spoilt = draw(st.sampled_from(ODD_FILES) | spoilt_bytes(kept.files[path]))
        if draw(st.integers(0, 9)) == 0:
            path = path.with_name(draw(FILE_NAMES))
        if path.is_dir():
            continue
        path.unlink(missing_ok=True)
        if isinstance(spoilt, bytes):
            path.write_bytes(spoilt)
        else:
            spoilt(path)


@cases("store")
@given(st.data())
def test_a_spoilt_store_is_looked_after_or_refused(kept: Kept, data: st.DataObject) -> None:
    try:
        data.draw(spoilt_store(kept))
        works_or_is_refused("store", kept.look_after)
    finally:
        kept.put_back()


@cases("runs on a spoilt store")
@given(st.data())
def test_a_run_mends_a_spoilt_store(kept: Kept, data: st.DataObject) -> None:
    weights = kept.lab.weights()
    try:
        data.draw(spoilt_store(kept))

        def run() -> None:
            kept.lab.store = Store(kept.root)
            outcome = kept.lab.run(kept.plan)
            # A folder in a lock's place is all that is nobody's to remove.
            assert all("cannot be locked" in reason for reason in outcome.failures.values())
            for key, before in weights.items():
                assert kept.whole_weights(key) in {None, before}

        works_or_is_refused("runs on a spoilt store", run)
    finally:
        kept.put_back()


# Commands


COMMANDS = (
    ("list", "--study", "study.toml"),
    ("status", "--study", "study.toml", "--profile", "tiny"),
    ("run", "--dry-run", "--study", "study.toml", "--profile", "tiny"),
    ("build-site", "--study", "study.toml"),
    ("import-official", "own", "--study", "study.toml", "--profile", "tiny"),
    ("export-official", "--study", "study.toml", "--profile", "tiny", "--out", "exported"),
    ("store", "verify"),
    ("store", "du"),
    ("store", "gc"),
    ("store",),
    ("serve", "own"),
    (),
)
"""None that trains, or that would not end."""

LIKELY = {
    "--study": ("study.toml", "own", "store/format"),
    "--profile": ("tiny", "tyni"),
    "--experiment": ("original", "stopped", "real", "sr"),
    "--image": ("dots", "stripes", "mine"),
    "--images-from": ("own", "store"),
    "--name": ("mine",),
    "--stand-ins": ("never", "offline", "always"),
    "--factor": ("2", "8", "1.5", "16", "1", "nan", "1e9", "2,4"),
    "--seed": ("0", "7", "0,1", "4294967295", "4294967296", "-1"),
    "--draws": ("1", "3", "0"),
    "--store": ("store", "new", "own"),
    "--results": ("results", "missing"),
    "--out": ("site", "own", "new", "study.toml"),
    "--device": ("cpu", "auto", "tpu"),
}
"""Values of options that a person may well give."""

SAFE = ODD_TEXT.map(lambda text: re.sub(r"[\0/]|^\.+$", "_", text))
"""Odd words in which no system's zeros and no way out of the test's folder are."""
ELSEWHERE = st.sampled_from(
    ["missing", ".", "..", "/", "/dev/null", "/proc/nope", "\udcff", "-", "--", "a\nb"]
)


def arguments_of(command: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """Options that the command has, with values likely and odd, and now and then something else."""
    options = [option for option in _parameters(command) if option.opts[-1] not in {"--port", "folder"}]
    pairs = [_with_value(option) for option in options]
    anything = st.one_of(
        SAFE, st.sampled_from(["--help", "-h", "--version", "--", "-x", "--dry-run", "--port=99999"])
    )
    chosen = st.lists(st.one_of(*pairs, st.tuples(anything)) if pairs else st.tuples(anything), max_size=3)
    return chosen.map(lambda found: [*command, *(argument for arguments in found for argument in arguments)])


def _parameters(command: tuple[str, ...]) -> list[click.Parameter]:
    found: click.Command = cli.cli
    for word in command:
        if isinstance(found, click.Group):
            found = found.commands[word]
    return found.params


def _with_value(option: click.Parameter) -> st.SearchStrategy[tuple[str, ...]]:
    name = option.opts[-1]
    if getattr(option, "is_flag", False):
        return st.just((name,))
    likely = st.sampled_from(LIKELY.get(name, ("1", "auto")))
    odd = SAFE if name == "--out" else SAFE | ELSEWHERE
    return st.tuples(st.just(name), st.one_of(likely, likely, likely, odd))


def ended(arguments: list[str]) -> tuple[int, str]:
    """Exit status of a command run here, and what it said of its failure."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    status: object = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["singan", *arguments])
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
    assert isinstance(status, int)
    return status, err.buffer.getvalue().decode(errors="replace")


@cases("commands")
@given(st.sampled_from(COMMANDS).flatmap(arguments_of))
def test_a_command_of_odd_arguments_works_or_is_refused(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    home = kept.root.parent
    monkeypatch.chdir(home)
    (home / "own").mkdir(exist_ok=True)
    (home / "own" / "mine.png").write_bytes(PICTURES[0])
    TRIED["commands"] += 1
    try:
        status, said = ended(arguments)
        assert status in {0, exit_status.FAILED, exit_status.USAGE}
        REFUSED["commands"] += status == exit_status.USAGE
        if status == exit_status.USAGE and not said.startswith("Usage: "):
            assert (
                len([line for line in said.splitlines() if not line.startswith(("STAND-IN: ", "note: "))])
                == 1
            )
            assert "singan: " in said
    finally:
        kept.put_back()
