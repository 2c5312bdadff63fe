"""The shipped study says what was published, and a study file is refused for whatever else it says."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.study.load import load_study
from runner.study.schema import Experiment, Study
from singan.errors import UserError
from singan.geometry import Size, pyramid_geometry
from singan.settings import Regional
from singan.stopping import StopRule
from singan.switches import LevelFeed

SHIPPED = Path(__file__).parents[1] / "experiments.toml"
BROKEN = sorted((Path(__file__).parent / "helpers" / "broken_studies").glob("*.toml"))

PAGES = "https://harel147.github.io/html_research_results/experiments_pages"
SINGAN_FILES = "https://raw.githubusercontent.com/tamarott/SinGAN"


@pytest.fixture(scope="module")
def shipped() -> Study:
    return load_study(SHIPPED)


# The published study, written out by hand. A row is: stop rule, adversarial lower and last, reconstruction
# lower and last, upsample of the adversarial input lower and last, of the reconstruction one, images.

NONE, EARLY, UNTRAINED = StopRule(), StopRule("small_rec_loss", 199, 0.025), StopRule("dont_train")
RAND, REAL = "rand", "real_train"
REC, REAL_REC = "rec", "real_train_rec"
REGULAR, SR = "regular", "sr"
FACE, ALL = ("stone-face",), ("stone-face", "cows", "colosseum")

PUBLISHED: dict[str, tuple[Any, ...]] = {
    "original": (NONE, RAND, RAND, REC, REC, REGULAR, REGULAR, REGULAR, REGULAR, ALL),
    "early-stop": (EARLY, RAND, RAND, REC, REC, REGULAR, REGULAR, REGULAR, REGULAR, ALL),
    "real-a": (UNTRAINED, RAND, REAL, REC, REC, REGULAR, REGULAR, REGULAR, REGULAR, FACE),
    "real-b": (NONE, REAL, REAL, REC, REC, REGULAR, REGULAR, REGULAR, REGULAR, ALL),
    "real-c": (NONE, RAND, REAL, REC, REC, REGULAR, REGULAR, REGULAR, REGULAR, ALL),
    "real-d": (UNTRAINED, RAND, REAL, REC, REAL_REC, REGULAR, REGULAR, REGULAR, REGULAR, ALL),
    "real-e": (NONE, REAL, REAL, REAL_REC, REAL_REC, REGULAR, REGULAR, REGULAR, REGULAR, FACE),
    "real-f": (NONE, RAND, REAL, REC, REAL_REC, REGULAR, REGULAR, REGULAR, REGULAR, ALL),
    "real-g": (NONE, RAND, RAND, REAL_REC, REAL_REC, REGULAR, REGULAR, REGULAR, REGULAR, ALL),
    "up-a": (NONE, RAND, RAND, REAL_REC, REAL_REC, SR, SR, REGULAR, REGULAR, FACE),
    "up-b": (NONE, RAND, RAND, REC, REC, SR, SR, SR, SR, FACE),
    "up-c": (NONE, RAND, RAND, REC, REC, REGULAR, SR, REGULAR, REGULAR, FACE),
    "up-d": (NONE, RAND, REAL, REC, REAL_REC, REGULAR, SR, REGULAR, SR, FACE),
    "up-e": (NONE, RAND, REAL, REC, REC, REGULAR, SR, REGULAR, SR, FACE),
    "up-f": (NONE, REAL, REAL, REAL_REC, REAL_REC, SR, SR, REGULAR, REGULAR, FACE),
    "up-g": (NONE, REAL, REAL, REAL_REC, REAL_REC, REGULAR, SR, REGULAR, SR, FACE),
    "up-h": (NONE, REAL, REAL, REAL_REC, REAL_REC, REGULAR, SR, REGULAR, REGULAR, FACE),
    "up-i": (NONE, REAL, REAL, REC, REC, REGULAR, SR, REGULAR, REGULAR, ALL),
}

MINUTES_PER_LEVEL = {
    ("original", "stone-face"): ([2.22, 2.28, 2.35, 2.99, 3.34, 3.67, 3.92, 4.82, 12.67], 38.26),
    ("early-stop", "stone-face"): ([2.52, 2.02, 1.72, 0.37, 0.22, 0.29, 0.41, 0.5, 12.8], 20.85),
    ("original", "cows"): ([2.27, 2.38, 2.98, 2.93, 3.22, 3.84, 4.92, 7.76], 30.3),
    ("early-stop", "cows"): ([2.1, 1.66, 0.69, 0.49, 0.54, 0.39, 0.53, 7.38], 13.78),
    ("original", "colosseum"): ([2.11, 2.49, 2.62, 3.04, 3.44, 4.68], 18.38),
    ("early-stop", "colosseum"): ([2.39, 2.44, 1.71, 2.51, 1.19, 4.67], 14.91),
}
TOTAL_MINUTES = {
    ("real-b", "stone-face"): 31.93,
    ("real-b", "cows"): 24.48,
    ("real-b", "colosseum"): 14.79,
    ("real-c", "stone-face"): 38.02,
    ("real-c", "cows"): 26.73,
    ("real-c", "colosseum"): 17.21,
    ("real-a", "stone-face"): 11.6,
    ("real-d", "stone-face"): 11.59,
}
LAST_LEVEL_MINUTES = {("real-a", "stone-face"): 11.5, ("real-d", "stone-face"): 11.5}

# File, commit and name in the repository, sha256, size once cropped, crop as x, y, width, height.
IMAGES: dict[str, tuple[Any, ...]] = {
    "stone-face": (
        "33039_LR.png",
        f"{SINGAN_FILES}/e09e3e74cd027d23dd0a541fcb90e90f00b099f7/Input/Images/33039_LR.png",
        "8acb1fc238a6fe7aa7879b91deb974e98be345ffa80d0b2146e05eb4bf1c357e",
        (80, 120),
        None,
    ),
    "cows": (
        "cows.png",
        f"{SINGAN_FILES}/34b9bbc450ba297142207bc42f01ac48f90de261/Input/Images/cows.png",
        "290ef9fd789ce06d20f885eafd0818fd517221b02f47ff51ba6cdd7a162419ef",
        (163, 73),
        (28, 7, 163, 73),
    ),
    "colosseum": (
        "colusseum.png",
        f"{SINGAN_FILES}/1da3600d10d04f9c1a41f68e2a6ac1085d0af73a/Input/Images/colusseum.png",
        "f8fe8f58e22bedd155b0ecfecd9353776847c0a7b1a5dc775517bda56672f872",
        (123, 55),
        (65, 51, 123, 55),
    ),
}

ORIGINAL = LevelFeed()
PLATEAU = StopRule("plateau", after=199, window=100, gain=0.02)
ANNEAL = StopRule("plateau_anneal", after=199, window=100, gain=0.02, anneal=200)
SR_BELOW = LevelFeed(adversarial_upsample="sr")
SR_NOISE = LevelFeed(adversarial_upsample="sr_noise")
BOTH_REC = LevelFeed(reconstruction="mixed_rec")
LEARNED = LevelFeed("rand", "rec", "learned", "learned")

# The ideas left open, likewise: lower and last feed, stop rule, super-resolution.
IDEAS: dict[str, tuple[LevelFeed, LevelFeed, StopRule, Regional | None]] = {
    "mix-adv": (LevelFeed("mixed"), LevelFeed("mixed"), StopRule(), None),
    "mix-rec": (BOTH_REC, BOTH_REC, StopRule(), None),
    "sr-noise": (SR_NOISE, SR_NOISE, StopRule(), None),
    "sr-from-2": (SR_BELOW, ORIGINAL, StopRule(), None),
    "sr-from-3": (SR_BELOW, ORIGINAL, StopRule(), None),
    "plateau": (ORIGINAL, ORIGINAL, PLATEAU, None),
    "plateau-anneal": (ORIGINAL, ORIGINAL, ANNEAL, None),
    "learned-up": (LEARNED, LEARNED, StopRule(), None),
    "regional": (ORIGINAL, ORIGINAL, StopRule(), Regional(levels=3, temperature=0.001)),
}

SHARED_LOWER_LEVELS = {
    frozenset({"original", "real-c", "real-f", "up-c", "up-d", "up-e"}),
    frozenset({"real-a", "real-d"}),
    frozenset({"real-b", "up-i"}),
    frozenset({"real-e", "up-g", "up-h"}),
}


def test_the_shipped_study_has_the_published_experiments_in_order_and_then_the_ideas_left_open(
    shipped: Study,
) -> None:
    assert list(shipped.experiment) == [*PUBLISHED, *IDEAS]
    assert {shipped.experiment[name].group for name in IDEAS} == {"open"}
    assert "open" not in {shipped.experiment[name].group for name in PUBLISHED}


@pytest.mark.parametrize("name", IDEAS)
def test_an_idea_left_open_is_as_it_is_defined_and_runs_on_all_images(name: str, shipped: Study) -> None:
    experiment = shipped.experiment[name]
    lower, last, stop, regional = IDEAS[name]
    found = (experiment.feed(last=False), experiment.feed(last=True), experiment.stop.as_rule)
    assert found == (lower, last, stop)
    assert experiment.super_resolution.as_settings == regional
    assert experiment.images is None
    assert experiment.note
    assert not experiment.published


def test_sr_from_a_level_on_leaves_the_levels_below_as_they_are(shipped: Study) -> None:
    for start in (2, 3):
        experiment = shipped.experiment[f"sr-from-{start}"]
        types = [experiment.feed_at(level, 5).adversarial_upsample for level in range(6)]
        assert types == ["regular"] * start + ["sr"] * (5 - start) + ["regular"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_shipped_experiment_has_its_published_switches_stop_rule_and_images(
    name: str, shipped: Study
) -> None:
    experiment = shipped.experiment[name]
    stop, adv_lower, adv_last, rec_lower, rec_last, *upsample, images = PUBLISHED[name]
    up_adv_lower, up_adv_last, up_rec_lower, up_rec_last = upsample
    assert experiment.stop.as_rule == stop
    assert experiment.feed(last=False) == LevelFeed(adv_lower, rec_lower, up_adv_lower, up_rec_lower)
    assert experiment.feed(last=True) == LevelFeed(adv_last, rec_last, up_adv_last, up_rec_last)
    assert tuple(image.id for image in shipped.images_of(experiment)) == images


def test_the_shipped_study_makes_34_published_runs_and_27_of_ideas(shipped: Study) -> None:
    runs = {name: len(shipped.images_of(experiment)) for name, experiment in shipped.experiment.items()}
    assert sum(runs[name] for name in PUBLISHED) == 34
    assert sum(runs[name] for name in IDEAS) == 27
    assert len(shipped.experiment) * len(shipped.image) == 81


def test_the_shipped_experiments_that_share_their_lower_levels_are_the_published_ones(
    shipped: Study,
) -> None:
    def lower(experiment: Experiment) -> str:
        return repr((experiment.feed(last=False), experiment.stop.as_rule))

    ordered = sorted((shipped.experiment[name] for name in PUBLISHED), key=lower)
    families = (frozenset(e.id for e in same) for _, same in itertools.groupby(ordered, key=lower))
    assert {family for family in families if len(family) > 1} == SHARED_LOWER_LEVELS


@pytest.mark.parametrize("name", IMAGES)
def test_the_shipped_image_has_its_published_file_address_checksum_and_crop(
    name: str, shipped: Study
) -> None:
    image = shipped.image[name]
    file, url, sha256, (width, height), crop = IMAGES[name]
    assert (image.file, image.url, image.sha256) == (file, url, sha256)
    assert image.cropped_size == Size(height, width)
    found = image.crop and (image.crop.x, image.crop.y, image.crop.width, image.crop.height)
    assert found == crop


def test_the_shipped_images_are_the_published_three(shipped: Study) -> None:
    assert list(shipped.image) == list(IMAGES)


def test_the_shipped_ground_truth_is_the_top_left_of_the_photograph_for_the_stone_face_only(
    shipped: Study,
) -> None:
    truth = shipped.image["stone-face"].ground_truth
    assert truth is not None
    assert truth.url == (
        "https://raw.githubusercontent.com/BIDS/BSDS500/a04b7c6c3a9f0ace74bf205c72a43d32e1c72722/"
        "BSDS500/data/images/val/33039.jpg"
    )
    assert truth.sha256 == "9a54f363c4abc7be52b638724d06ce8cce372e6ebd9e5f48833d73fa1ea2a9ee"
    assert (truth.file, truth.factor, truth.cropped_size) == ("33039.jpg", 4, Size(480, 320))
    assert truth.crop is not None
    assert truth.crop.box[:2] == (0, 0)
    assert all(shipped.image[name].ground_truth is None for name in ("cows", "colosseum"))


def test_the_shipped_minutes_are_the_published_ones(shipped: Study) -> None:
    totals = {
        (e.id, i): p.total for e in shipped.experiment.values() for i, p in e.published.items() if p.total
    }
    assert totals == TOTAL_MINUTES | {run: total for run, (_, total) in MINUTES_PER_LEVEL.items()}
    for (name, image), published in (
        ((e.id, i), p) for e in shipped.experiment.values() for i, p in e.published.items()
    ):
        levels = MINUTES_PER_LEVEL.get((name, image))
        assert published.minutes_per_level == (tuple(levels[0]) if levels else None)
        assert published.last_level == LAST_LEVEL_MINUTES.get((name, image))


def test_the_shipped_study_names_a_published_picture_of_every_run(shipped: Study) -> None:
    named = {
        (e.id, i): p.picture for e in shipped.experiment.values() for i, p in e.published.items() if p.picture
    }
    published = (shipped.experiment[name] for name in PUBLISHED)
    planned = {(e.id, i.id) for e in published for i in shipped.images_of(e)}
    assert named.keys() == planned
    assert len(set(named.values())) == len(planned) == 34


def test_the_shipped_trained_folders_are_the_published_ones(shipped: Study) -> None:
    everywhere = ("original", "early-stop", "real-b", "real-c")
    named = [(e.id, i) for e in shipped.experiment.values() for i, p in e.published.items() if p.trained]
    assert sorted(named) == sorted(
        [(name, image) for name in everywhere for image in shipped.image]
        + [("real-a", "stone-face"), ("real-d", "stone-face")]
    )


def test_the_shipped_minutes_have_one_value_a_level_and_add_up(shipped: Study) -> None:
    for (name, image), (minutes, total) in MINUTES_PER_LEVEL.items():
        geometry = pyramid_geometry(shipped.image[image].cropped_size, shipped.study.factor)
        assert len(minutes) == geometry.last + 1, (name, image)
        assert sum(minutes) == pytest.approx(total, abs=0.02)  # published rounded


def test_every_shipped_experiment_but_the_original_names_its_published_page(shipped: Study) -> None:
    pages = {name: experiment.page for name, experiment in shipped.experiment.items()}
    expected: dict[str, str | None] = {"original": None, **dict.fromkeys(IDEAS)}
    expected["early-stop"] = f"{PAGES}/rec_loss_stop_cond.html"
    for family, folder, letters in (
        ("real", "train_with_real_image", "abcdefg"),
        ("up", "upsample_sr", "abcdefghi"),
    ):
        expected |= {f"{family}-{x}": f"{PAGES}/{folder}/exp_{x}.html" for x in letters}
    assert pages == expected


def test_the_shipped_study_names_its_author_site_and_repository(shipped: Study) -> None:
    about = shipped.study
    assert (about.title, about.author) == ("Improved SinGAN", "H. Mandelman")
    assert about.published == "https://harel147.github.io/html_research_results/index.html"
    assert about.repository == "https://github.com/harel147/improved_singan"
    assert (about.factor, about.seed) == (8, 0)


def test_the_shipped_paper_profile_is_as_published(shipped: Study) -> None:
    assert list(shipped.profile) == ["paper", "preview", "smoke"]
    paper = shipped.profile["paper"]
    assert (paper.epochs, paper.base_width) == (2000, 32)


def test_every_published_experiment_is_in_a_claim_of_the_author(shipped: Study) -> None:
    claimed = {name for claim in shipped.claim.values() for name in claim.experiments}
    assert claimed == set(PUBLISHED)


# Files of one's own


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_study_is_refused_in_exactly_these_words(path: Path) -> None:
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# expect: ")
    with pytest.raises(UserError) as refused:
        load_study(path)
    assert str(refused.value) == expected.replace("{path}", str(path))


def test_each_broken_study_has_a_single_fault() -> None:
    assert len(BROKEN) >= 20
    assert not [path.name for path in BROKEN if "more)" in path.read_text(encoding="utf-8").split("\n")[0]]


MINIMAL = """\
[study]
title = "Tiny"
author = "Nobody"
question = "Does it run?"
published = "https://example.org/"
repository = "https://example.org/code"
[profile.tiny]
title = "Tiny"
note = "For tests."
epochs = 2
[image.dots]
title = "Dots"
file = "dots.png"
url = "https://example.org/dots.png"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
size = { width = 30, height = 26 }
crop = { x = 1, y = 2, width = 20, height = 24 }
stand_in = { photograph = "rocket", crop = { x = 0, y = 0, width = 40, height = 48 } }
[image.dots.ground_truth]
file = "large.png"
url = "https://example.org/large.png"
sha256 = "1111111111111111111111111111111111111111111111111111111111111111"
size = { width = 40, height = 48 }
factor = 2
[group.all]
title = "All"
idea = "None."
[experiment.original]
group = "all"
title = "Original"
[experiment.other]
group = "all"
title = "Other"
images = ["dots"]
adversarial = { lower = "rand", last = "real_train" }
reconstruction = "real_train_rec"
upsample = { adversarial = { last = "sr" }, reconstruction = "sr" }
stop = { rule = "small_rec_loss", after = 199, below = 0.025 }
published = { dots = { total = 3.5, minutes_per_level = [1.5, 2], last_level = 2 } }
[claim.good]
text = "Good."
experiments = ["other"]
"""
LINES = MINIMAL.splitlines()
KEYS = sorted({line.split(" = ")[0] for line in LINES if " = " in line} | {"id", "rule", "lower", "x", ""})
VALUES = [
    "0", "-1", "1e400", "nan", "-inf", "true", "1979-05-27", '""', '" "', '"x"', '"con"', '"../x"', "[]",
    "{}", "[[1]]", '["dots", "dots"]', "[{}]", "{ lower = 1 }", '{ id = "x" }', '{ "" = {} }', "9" * 400,
    "9" * 5000, "0x" + "f" * 5000, '"' + "x" * 3000 + '"', r'"\u0000\n\u2028\u001b[31m"',
    "'''\n[study]\ntitle = 3\n'''",
]  # fmt: skip
HEADERS = [
    "[study]",
    "[x]",
    "[image]",
    "[[image]]",
    "[image.dots.x]",
    '[experiment."a b"]',
    "[experiment.con]",
]

statements = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.builds("{} = {}".format, st.sampled_from(KEYS), st.text(max_size=8)),
    st.sampled_from(HEADERS),
    st.sampled_from(LINES),
    st.just("# nothing"),
    st.text(max_size=20),
)
mutations = st.lists(
    st.tuples(
        st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "insert", "key", "value"]), statements
    ),
    min_size=1,
    max_size=4,
)


def mutate(lines: list[str], index: int, how: str, statement: str) -> None:
    """Spoil one line."""
    index %= max(len(lines), 1)
    key, _, value = lines[index].partition(" = ") if lines else ("", "", "")
    new_key, _, new_value = statement.partition(" = ")
    if how == "insert":
        lines.insert(index, statement)
    elif how == "drop":
        del lines[index : index + 1]
    else:
        lines[index : index + 1] = [f"{new_key} = {value}" if how == "key" else f"{key} = {new_value}"]


def refusal(path: Path) -> str | None:
    """What is said against a study; None if it is loaded."""
    try:
        load_study(path)
    except UserError as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that every example writes anew."""
    return tmp_path_factory.mktemp("studies") / "study.toml"


patient = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(changes=mutations)
def test_a_spoilt_study_is_refused_in_one_line_that_names_the_file(
    scratch: Path, changes: list[tuple[int, str, str]]
) -> None:
    lines = list(LINES)
    for index, how, statement in changes:
        mutate(lines, index, how, statement)
    scratch.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    said = refusal(scratch)
    assert said is None or said.startswith(str(scratch))
    assert said is None or len(said.splitlines()) == 1


@patient
@given(data=st.binary(max_size=60))
def test_whatever_bytes_a_file_holds_it_is_refused_in_one_line(scratch: Path, data: bytes) -> None:
    scratch.write_bytes(data)
    with pytest.raises(UserError) as refused:
        load_study(scratch)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("above", range(1, len(LINES) + 1))
def test_an_unknown_key_is_reported_at_its_line_wherever_it_stands(above: int, scratch: Path) -> None:
    lines = [*LINES[:above], "zzz = 1", *LINES[above:]]
    scratch.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match=rf'line {above + 1}, \[.*\] .*zzz: unknown key "zzz"'):
        load_study(scratch)


@pytest.mark.parametrize("digits", ["9" * 5000, "0x" + "f" * 5000], ids=["decimal", "hexadecimal"])
def test_a_number_too_long_for_python_to_read_or_print_is_refused(digits: str, scratch: Path) -> None:
    scratch.write_text(MINIMAL.replace("epochs = 2", f"epochs = {digits}"), encoding="utf-8")
    said = refusal(scratch)
    assert said is not None
    assert said.startswith(str(scratch))
    assert len(said.removeprefix(str(scratch))) < 120


def test_the_example_is_whole(scratch: Path) -> None:
    scratch.write_text(MINIMAL, encoding="utf-8")
    other = load_study(scratch).experiment["other"]
    assert other.feed(last=True) == LevelFeed("real_train", "real_train_rec", "sr", "sr")
    assert other.feed(last=False) == LevelFeed("rand", "real_train_rec", "regular", "sr")


@pytest.mark.parametrize("written", ["\ufeff" + MINIMAL, MINIMAL.replace("\n", "\r\n")], ids=["mark", "crlf"])
def test_a_file_from_a_windows_editor_is_read(written: str, scratch: Path) -> None:
    scratch.write_bytes(written.encode())
    assert load_study(scratch).study.title == "Tiny"


@pytest.mark.parametrize(
    "title", ["<script>alert(1)</script>", "\u202ereversed", "%s {} $HOME", "タイトル", '"']
)
def test_a_title_may_hold_anything(title: str, scratch: Path) -> None:
    scratch.write_text(MINIMAL.replace('title = "Dots"', f"title = '{title}'"), encoding="utf-8")
    assert load_study(scratch).image["dots"].title == title


@pytest.mark.parametrize(
    ("whole", "told"),
    [('"sr"', ("sr", "sr")), ('{ lower = "sr" }', ("sr", "regular")), ('{ last = "sr" }', ("regular", "sr"))],
)
def test_a_switch_is_one_value_for_all_levels_or_what_differs(
    whole: str, told: tuple[str, str], scratch: Path
) -> None:
    text = MINIMAL.replace('{ adversarial = { last = "sr" }', f"{{ adversarial = {whole}")
    scratch.write_text(text, encoding="utf-8")
    switch = load_study(scratch).experiment["other"].upsample.adversarial
    assert (switch.lower, switch.last) == told


def test_a_study_cannot_be_changed_once_loaded(shipped: Study) -> None:
    with pytest.raises(ValueError, match="frozen"):
        shipped.study.seed = 1  # type: ignore[misc]


def test_the_shipped_file_defines_nothing_the_study_does_not_read(shipped: Study) -> None:
    tables = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert set(tables) == {"study", "profile", "image", "group", "experiment", "claim"}
    assert {name: list(members) for name, members in tables.items() if name != "study"} == {
        "profile": list(shipped.profile),
        "image": list(shipped.image),
        "group": list(shipped.group),
        "experiment": list(shipped.experiment),
        "claim": list(shipped.claim),
    }
