"""Bad input to the commands: one clear line on standard error, exit status 2, and nothing written."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from helpers import pictures
from helpers.tiny_study import TinyStudy
from runner import cli
from runner.commands import exit_status
from runner.store.store import Store

STUDY = ("--study", "study.toml")
TINY = (*STUDY, "--profile", "tiny")
RUN = ("run", *TINY)
SUPER_RESOLVE = ("super-resolve", *TINY, "-o", "large.png")

Command = Callable[..., str]


def files_in(folder: Path) -> set[tuple[str, bytes]]:
    """Every file and folder below, with its contents; the cache of pictures may fill."""
    return {
        (str(path), path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
        if "cache" not in path.relative_to(folder).parts
    }


@pytest.fixture
def folder(tiny_study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a study and a good picture of one's own."""
    monkeypatch.chdir(tmp_path)
    pictures.rgb_png(tmp_path / "mine.png")
    return tmp_path


@pytest.fixture
def ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process; returns exit status, standard output and error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["singan", *arguments])
        status: object = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        assert isinstance(status, int)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def refused(folder: Path, ended: Callable[..., tuple[int, str, str]]) -> Command:
    """Runs a command that must be refused without a trace; returns what it says."""

    def run(*arguments: str) -> str:
        before = files_in(folder)
        status, _, said = ended(*arguments)
        assert status == exit_status.USAGE
        assert files_in(folder) == before
        (line,) = said.splitlines()
        assert line.startswith("singan: ")
        return line.removeprefix("singan: ")

    return run


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*arguments: object, **options: object) -> NoReturn:
        raise ConnectionError("no network here")

    monkeypatch.setattr("requests.get", unreachable)


# The study


READS_THE_STUDY = [
    ("list",),
    ("run",),
    ("run", "--dry-run"),
    ("status",),
    ("build-site",),
    ("super-resolve", "mine.png", "-o", "large.png"),
]


@pytest.mark.parametrize("command", READS_THE_STUDY, ids=" ".join)
def test_every_command_refuses_a_missing_study(command: tuple[str, ...], refused: Command) -> None:
    assert refused(*command, "--study", "missing.toml") == (
        "missing.toml: cannot read the study: No such file or directory; name a TOML file with --study"
    )


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "cannot read the study: it is not UTF-8 text"),
        ('title = "Köln"'.encode("latin-1"), "cannot read the study: it is not UTF-8 text"),
        ('title = "Köln"'.encode("utf-16"), "cannot read the study: it is not UTF-8 text"),
        (b"a\0b", "line 1: is not valid TOML: "),
        (b"", '[study]: "study" is missing (and 4 more)'),
    ],
    ids=["binary", "Latin-1", "UTF-16", "zeros", "empty"],
)
def test_a_file_that_is_no_study_is_refused(
    contents: bytes, said: str, folder: Path, refused: Command
) -> None:
    (folder / "other.toml").write_bytes(contents)
    assert said in refused("list", "--study", "other.toml")


def test_a_folder_is_no_study(refused: Command) -> None:
    assert refused("list", "--study", ".") == (
        ".: cannot read the study: Is a directory; name a TOML file with --study"
    )


def test_a_study_name_too_long_for_the_system_is_refused(refused: Command) -> None:
    assert "cannot read the study: File name too long" in refused("list", "--study", "x" * 300)


@pytest.mark.parametrize("command", READS_THE_STUDY, ids=" ".join)
def test_every_command_refuses_a_mistake_in_the_study(
    command: tuple[str, ...], tiny_study: TinyStudy, refused: Command
) -> None:
    tiny_study.edit('last = "real_train_rec"', 'last = "real_trian_rec"')
    said = refused(*command, *STUDY)
    assert "[experiment.real] reconstruction.last" in said
    assert said.endswith('unknown value "real_trian_rec"; did you mean "real_train_rec"?')


# Names


@pytest.mark.parametrize("command", [("run",), ("run", "--dry-run"), ("status",)], ids=" ".join)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--profile", "tyni"), '--profile: there is no "tyni"; did you mean "tiny"?'),
        (("--profile", ""), '--profile: there is no ""; valid: "tiny"'),
        (("--experiment", "orignal"), '--experiment: there is no "orignal"; did you mean "original"?'),
        (("--experiment", "../x"), '--experiment: there is no "../x"; valid: "original", "stopped", '),
        (("--image", "dot"), '--image: there is no "dot"; did you mean "dots"?'),
        (
            ("--experiment", "real", "--image", "stripes"),
            "--image: the study runs real on dots only; add --all-images to run it elsewhere",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_unknown_name_is_refused_with_the_nearest(
    command: tuple[str, ...], options: tuple[str, ...], said: str, refused: Command
) -> None:
    assert refused(*command, *TINY, *options).startswith(said)


def test_super_resolve_refuses_an_unknown_experiment_and_profile(refused: Command) -> None:
    assert "--experiment: " in refused(*SUPER_RESOLVE, "mine.png", "--experiment", "orignal")
    assert "--profile: " in refused(*SUPER_RESOLVE, "mine.png", "--profile", "tyni")


def test_all_images_runs_an_experiment_where_the_study_does_not(
    ended: Callable[..., tuple[int, str, str]],
) -> None:
    status, said, _ = ended(*RUN, "--dry-run", "--experiment", "real", "--image", "stripes", "--all-images")
    assert (status, said.splitlines()[0].split(",")[0]) == (0, "tiny: 1 runs")


# Factors


BAD_FACTORS = {
    "1": "factor 1 does not enlarge the picture",
    "0": "factor 0 does not enlarge the picture",
    "-2": "factor -2 does not enlarge the picture",
    "nan": "factor nan does not enlarge the picture",
    "inf": "factor inf does not enlarge the picture",
    "1e9": "factor 1000000000 is too large",
    "16.01": "factor 16.01 is too large",
    "1.1": "factor 1.1 is less than half a super-resolution step",
}


@pytest.mark.parametrize(
    "command", [RUN, ("status", *TINY), (*SUPER_RESOLVE, "mine.png")], ids=lambda c: c[0]
)
@pytest.mark.parametrize("factor", BAD_FACTORS)
def test_a_factor_without_steps_is_refused(factor: str, command: tuple[str, ...], refused: Command) -> None:
    said = refused(*command, "--factor", factor)
    assert said.startswith(f"--factor: {BAD_FACTORS[factor]}")
    assert said.endswith("give a factor of at least 1.13 and at most 16")


@pytest.mark.parametrize("factor", ["1.13", "1.5", "16"])
def test_a_factor_in_between_is_accepted(factor: str, ended: Callable[..., tuple[int, str, str]]) -> None:
    assert ended(*RUN, "--dry-run", "--factor", factor)[0] == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [("--factor", "abc"), ("--factor", ""), ("--seed", "-1"), ("--seed", "1.5"), ("--seed", "4294967296"),
     ("--device", "tpu"), ("--stand-ins", "yes"), ("--imgae", "dots")],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_refused_by_name(
    option: str, value: str, folder: Path, ended: Callable[..., tuple[int, str, str]]
) -> None:
    before = files_in(folder)
    status, _, said = ended(*RUN, option, value)
    assert status == exit_status.USAGE
    (line,) = said.splitlines()
    assert option in line
    assert files_in(folder) == before


# Pictures of one's own


@pytest.mark.parametrize("kind", pictures.REFUSED)
def test_super_resolve_refuses_a_bad_picture(kind: str, folder: Path, refused: Command) -> None:
    write, reason = pictures.REFUSED[kind]
    write(folder / "bad.png")
    assert refused(*SUPER_RESOLVE, "bad.png").startswith(f"bad.png: {reason}")


@pytest.mark.parametrize("kind", pictures.READABLE)
def test_a_folder_of_odd_pictures_is_accepted(
    kind: str, folder: Path, ended: Callable[..., tuple[int, str, str]]
) -> None:
    (folder / "own").mkdir()
    suffix, write = pictures.READABLE[kind]
    write(folder / "own" / f"odd{suffix}")
    status, said, warned = ended(*RUN, "--dry-run", "--images-from", "own")
    assert status == 0
    assert not warned or re.fullmatch(r"note: own/odd\.\w+: [^\n]+\n", warned), "at most what was changed"
    assert "odd level 0" in said


def _nothing(own: Path) -> None:
    """The folder is not even made."""


def _a_file(own: Path) -> None:
    own.touch()


def _no_pictures(own: Path) -> None:
    own.mkdir()
    pictures.no_picture(own / "notes.txt")


def _one_id_twice(own: Path) -> None:
    own.mkdir()
    pictures.rgb_png(own / "A b.png")
    pictures.rgb_png(own / "a-b.png")


def _one_bad(own: Path) -> None:
    own.mkdir()
    pictures.rgb_png(own / "good.png")
    pictures.too_small(own / "small.png")


@pytest.mark.parametrize("command", [RUN, (*RUN, "--dry-run"), ("status", *TINY)], ids=lambda c: c[0])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_nothing, "own: there is no such folder"),
        (_a_file, "own: there is no such folder"),
        (_no_pictures, "own: holds no picture; put PNG or JPEG files there"),
        (_one_id_twice, 'own/a-b.png: a second picture gets the id "a-b"; rename one'),
        (_one_bad, "own/small.png: a picture of 10x10 pixels is too small"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    make: Callable[[Path], None], said: str, command: tuple[str, ...], folder: Path, refused: Command
) -> None:
    make(folder / "own")
    assert refused(*command, "--images-from", "own").startswith(said)


# The study's pictures


def test_a_corrupted_picture_without_network_is_refused_with_the_way_out(
    folder: Path, offline: None, refused: Command
) -> None:
    (folder / "cache" / "dots.png").write_bytes(b"corrupted")
    said = refused(*RUN, "--image", "dots")
    assert said == (
        "cannot download https://example.org/dots.png (no network here); the file at "
        f"{folder / 'cache' / 'dots.png'} has another checksum: replace it, or name a folder that has it in "
        "SINGAN_IMAGES"
    )


def test_a_missing_picture_without_network_is_refused_with_the_way_out(
    folder: Path, offline: None, refused: Command
) -> None:
    (folder / "cache" / "stripes.png").unlink()
    said = refused(*RUN)
    assert said.startswith("cannot download https://example.org/stripes.png (no network here)")
    assert f"put it at {folder / 'cache' / 'stripes.png'}" in said


@pytest.mark.parametrize("stand_ins", ["never", "offline", "always"])
def test_stand_ins_are_told_of_and_refused_unless_allowed(
    stand_ins: str,
    folder: Path,
    tiny_study: TinyStudy,
    offline: None,
    ended: Callable[..., tuple[int, str, str]],
) -> None:
    (folder / "cache" / "dots.png").unlink()
    stand_in = '{ photograph = "rocket", crop = { x = 0, y = 0, width = 60, height = 52 } }'
    tiny_study.edit('title = "dots"\n', f'title = "dots"\nstand_in = {stand_in}\n')
    status, _, said = ended(*RUN, "--image", "dots", "--dry-run", "--stand-ins", stand_ins)
    (line,) = said.splitlines()
    if stand_ins == "never":
        assert status == exit_status.USAGE
        assert line.startswith("singan: cannot download https://example.org/dots.png")
    else:
        assert status == 0
        assert line == 'STAND-IN: dots: the photograph "rocket" of scikit-image stands in for it'


# Where results go


@pytest.mark.parametrize("command", [RUN, (*SUPER_RESOLVE, "mine.png")], ids=lambda c: c[0])
@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("study.toml", "study.toml: is no store; name an empty or a new folder with --store"),
        ("study.toml/store", "study.toml/store: cannot be a folder: study.toml is a file"),
        ("/proc/nope", "/proc/nope/format: cannot be written: "),
        ("/proc/nope/store", "/proc/nope/store/format: cannot be written: "),
        ("cache", "cache: is no store; name an empty or a new folder with --store"),
    ],
)
def test_a_store_that_cannot_be_used_is_refused(
    store: str, said: str, command: tuple[str, ...], refused: Command
) -> None:
    if store.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("a folder not even root can write to is needed")
    assert refused(*command, "--store", store).startswith(said)


@pytest.mark.parametrize(
    "command",
    [
        (*RUN, "--store", ""),
        (*RUN, "--results", ""),
        (*RUN, "--images-from", ""),
        ("run", "--study", ""),
        ("build-site", *STUDY, "--out", ""),
        ("serve", ""),
        (*SUPER_RESOLVE, ""),
        ("super-resolve", *TINY, "mine.png", "-o", ""),
        ("export-official", *TINY, "--experiment", "original", "--image", "dots", "--out", ""),
        ("import-official", ""),
        ("import-published", ""),
        ("store", "du", "--store", ""),
    ],
)
def test_an_empty_path_is_refused_and_never_means_this_folder(
    command: tuple[str, ...], refused: Command
) -> None:
    assert "is empty; name a file or a folder" in refused(*command)


@pytest.mark.parametrize(
    "command",
    [
        (*RUN, "--results", "store/levels/results"),
        ("build-site", *STUDY, "--out", "store/outputs"),
        ("build-site", *STUDY, "--results", "store/partial"),
        ("super-resolve", *TINY, "mine.png", "-o", "store/damaged/large.png"),
        ("export-official", *TINY, "--experiment", "original", "--image", "dots", "--out", "link/new"),
    ],
)
def test_what_would_be_written_among_the_entries_of_a_store_is_refused(
    command: tuple[str, ...], folder: Path, refused: Command
) -> None:
    Store(folder / "store").prepare()
    (folder / "link").symlink_to("store/runs")
    assert f"lies among what the store {folder / 'store'} keeps; name a place outside" in refused(*command)


@pytest.mark.parametrize("out", ["store/site", "levels/site", "loop/site"])
def test_other_places_are_refused_for_other_reasons_alone(out: str, folder: Path, refused: Command) -> None:
    Store(folder / "store").prepare()
    (folder / "loop").symlink_to("loop")
    assert "the store" not in refused("build-site", *STUDY, "--out", out)


def test_a_store_of_another_format_is_refused_and_left_alone(folder: Path, refused: Command) -> None:
    (folder / "old").mkdir()
    (folder / "old" / "format").write_text("0\n", encoding="utf-8")
    assert refused(*RUN, "--store", "old").startswith('old: has format "0", this program reads "1"')


def test_results_that_cannot_be_written_are_refused_before_training(
    folder: Path, ended: Callable[..., tuple[int, str, str]]
) -> None:
    status, _, said = ended(*RUN, "--results", "study.toml/results")
    assert status == exit_status.USAGE
    (line,) = said.splitlines()
    assert line == "singan: study.toml/results: cannot be a folder: study.toml is a file; name another folder"
    assert not (folder / "store").exists()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("missing/large.png", "lies in no folder that can be written; name a file in an existing folder"),
        ("study.toml/large.png", "lies in no folder that can be written; name a file in an existing folder"),
        ("mine.png", "is the picture itself, which would be lost; name a file in an existing folder"),
        ("made.png", "is a folder; name a file in an existing folder"),
        ("large.xyz", 'cannot write a ".xyz" picture; end it in .png or .webp'),
        ("large", 'cannot write a "" picture; end it in .png or .webp'),
        (".png", 'cannot write a "" picture; end it in .png or .webp'),
        # Pillow lists these among the formats it saves, and would fail only once everything is trained.
        ("large.h5", 'cannot write a ".h5" picture; end it in .png or .webp'),
        ("large.xbm", 'cannot write a ".xbm" picture; end it in .png or .webp'),
        ("x" * 300 + ".png", "cannot be written: File name too long; name a file in an existing folder"),
    ],
    ids=lambda value: value[:20],
)
def test_super_resolve_refuses_an_output_it_could_not_write(
    output: str, said: str, folder: Path, refused: Command
) -> None:
    (folder / "made.png").mkdir()
    assert refused("super-resolve", "mine.png", *TINY, "-o", output) == f"{output}: {said}"


@pytest.mark.parametrize("output", ["large.PNG", "large.jpg", "large.webp", "large.tif", "large.bmp"])
def test_an_output_in_a_usual_format_is_accepted(output: str, refused: Command) -> None:
    # The store is refused after the output was looked at, and before anything is trained.
    assert "is no store" in refused("super-resolve", "mine.png", *TINY, "-o", output, "--store", "study.toml")


def test_a_site_without_results_is_refused(refused: Command) -> None:
    assert refused("build-site", *STUDY) == "results: there are no results; run the study first"


def test_serving_what_is_no_site_is_refused(refused: Command) -> None:
    assert refused("serve", "cache") == "cache: holds no site; build one with singan build-site"


# As a program


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("list", "--study", "missing.toml"), "missing.toml: cannot read the study"),
        ((*RUN, "--factor", "nan"), "--factor: factor nan does not enlarge the picture"),
        ((*SUPER_RESOLVE, "study.toml"), "study.toml: is no picture"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_refusal_by_the_program_itself_is_one_line_and_loads_no_torch(
    command: tuple[str, ...], said: str, folder: Path
) -> None:
    before = files_in(folder)
    program = "import sys; from runner.cli import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (exit_status.USAGE, "False\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"singan: {said}")
    assert files_in(folder) == before
