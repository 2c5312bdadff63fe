"""The rendered site: what every page must hold, whatever the record holds."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from helpers.records import Synthetic, small_study, write_results
from runner.publish.audit.audit import audit
from runner.publish.site import SiteReport, build_site
from runner.streams import harmless
from runner.study.load import load_study
from runner.study.schema import Study

HOSTILE = "<script>alert(1)</script> \"'>&amp; {{ 7*7 }} $x^2$ 🐄 \u202e\u05e2\u05d1\u05e8\u05d9\u05ea\u202c "
HOSTILE += "\x07\x1b[31m"  # what a terminal obeys

HOSTILE_STUDY = """
[study]
title = {hostile}
author = {hostile}
question = {hostile}
published = "https://example.org/?a=1&b=%22%3E"
repository = "https://example.org/"
[profile.smoke]
title = {hostile}
note = {hostile}
epochs = 3
[image.a]
title = {hostile}
credit = {hostile}
file = "a.png"
url = "https://example.org/a.png"
sha256 = "{digest}"
size = {{ width = 24, height = 20 }}
[group.g]
title = {hostile}
idea = {hostile}
[experiment.original]
group = "g"
title = {hostile}
[experiment.other]
group = "g"
title = {hostile}
note = {hostile}
conclusion = {hostile}
adversarial = "real_train"
[claim.c]
text = {hostile}
experiments = ["other"]
"""


class ParsedPage(HTMLParser):
    """Elements of a page with their attributes, and its visible text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.in_template = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.in_template |= tag == "template"

    def handle_endtag(self, tag: str) -> None:
        self.in_template &= tag != "template"

    def handle_data(self, data: str) -> None:
        self.text += "" if self.in_template else data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def links(self) -> list[str]:
        """Addresses in every attribute that has one."""
        plain = [a[name] for _, a in self.elements for name in ("href", "src") if name in a]
        sets = [part.split()[0] for _, a in self.elements for part in a.get("srcset", "").split(",") if part]
        return plain + sets


@dataclasses.dataclass(frozen=True)
class Built:
    report: SiteReport
    pages: dict[str, ParsedPage]


def build(study: Study, results: Path, out: Path, profile: str | None = None) -> Built:
    report = build_site(study, results, out, profile)
    pages = {path.relative_to(out).as_posix(): ParsedPage(path) for path in sorted(out.rglob("*.html"))}
    return Built(report, pages)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A site with a failed run, one not run, one imported, a stand-in, and a second seed."""
    folder, study = tmp_path_factory.mktemp("troubled"), small_study()
    what = Synthetic(
        failed=[("real-b", "stone-face")],
        reason="CUDA out of <memory>",
        left_out=[("early-stop", "colosseum")],
        imported=[("real-a", "colosseum")],
        stand_ins=["stone-face"],
        seeds=(0, 1),
    )
    write_results(folder / "results", study, what)
    return build(study, folder / "results", folder / "site")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A site whose every free text tries to be something else."""
    folder = tmp_path_factory.mktemp("hostile")
    text = HOSTILE_STUDY.format(hostile=json.dumps(HOSTILE, ensure_ascii=False), digest="0" * 64)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    study = load_study(folder / "study.toml")
    what = Synthetic(
        failed=[("other", "a")],
        reason=HOSTILE,
        command=HOSTILE,
        imported=[("original", "a"), ("other", "a")],
        imported_from=HOSTILE,
        stand_ins=["a"],
    )
    write_results(folder / "results", study, what)
    return build(study, folder / "results", folder / "site")


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    study = small_study(("original", "real-a"), ("stone-face",))
    write_results(tmp_path / "results", study)
    build_site(study, tmp_path / "results", tmp_path / "one")
    build_site(study, tmp_path / "results", tmp_path / "two")
    first = tree(tmp_path / "one")
    assert first == tree(tmp_path / "two")
    build_site(study, tmp_path / "results", tmp_path / "one")
    assert first == tree(tmp_path / "one"), "a rebuild that reuses files"


DERIVED = {"pictures", "thumbs", "charts", "crops", "maps", "cards"}
"""Folders of what is encoded for the site."""


def test_a_rebuild_encodes_only_what_changed(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    write_results(tmp_path / "results", study)
    out = tmp_path / "site"
    assert build_site(study, tmp_path / "results", out).reused == 0
    before = tree(out)
    derived = [name for name in before if name.split("/")[0] in DERIVED]
    thumbnail = next(name for name in derived if name.startswith("thumbs/"))
    (out / thumbnail).write_bytes(b"broken")
    assert build_site(study, tmp_path / "results", out).reused == len(derived) - 1
    assert tree(out) == before


def test_every_expected_page_is_there(troubled: Built) -> None:
    expected = {"index.html", "train.html", "timing.html", "findings.html", "about.html"}
    expected |= {f"groups/{name}.html" for name in ("baseline", "real", "up", "open")}
    expected |= {f"experiments/{name}.html" for name in ("original", "early-stop", "real-a", "real-b")}
    expected |= {f"images/{name}.html" for name in ("stone-face", "colosseum")}
    assert set(troubled.pages) == expected
    assert troubled.report.pages == len(expected)


@pytest.mark.parametrize("site", ["troubled", "hostile"])
def test_every_link_and_picture_resolves(site: str, request: pytest.FixtureRequest) -> None:
    built: Built = request.getfixturevalue(site)
    ids = {
        page.path.resolve(): {a["id"] for _, a in page.elements if "id" in a} for page in built.pages.values()
    }
    for page in built.pages.values():
        for link in page.links():
            address = urlsplit(link)
            if address.scheme:
                assert address.scheme == "https"
                continue
            assert not address.path.startswith("/"), "works from any folder"
            target = (
                (page.path.parent / unquote(address.path)).resolve() if address.path else page.path.resolve()
            )
            assert target.is_file(), f"{page.path}: {link}"
            image = parse_qs(address.fragment).get("img")  # (a view: it opens in that image's viewer)
            stage = "theatre" if target.name == "train.html" else "viewer"
            place = f"{stage}.{image[0]}" if image else address.fragment
            assert not place or place in ids[target], f"{page.path}: {link}"


@pytest.mark.parametrize("site", ["troubled", "hostile"])
def test_every_picture_has_words_and_a_size(site: str, request: pytest.FixtureRequest) -> None:
    built: Built = request.getfixturevalue(site)
    pictures = [picture for page in built.pages.values() for picture in page.all("img")]
    assert pictures
    assert all(p["alt"].strip() and int(p["width"]) > 0 and int(p["height"]) > 0 for p in pictures)


def test_pages_are_well_formed_for_assistive_technology(troubled: Built) -> None:
    for page in troubled.pages.values():
        levels = [int(tag[1]) for tag, _ in page.elements if tag in {"h1", "h2", "h3", "h4"}]
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert len(page.all("caption")) == len(page.all("table"))
        assert all("scope" in header for header in page.all("th"))
        assert page.all("html") == [{"lang": "en"}]
        assert len(page.all("main")) == 1
        ids = [a["id"] for _, a in page.elements if "id" in a]
        assert len(ids) == len(set(ids))


def test_nothing_needs_an_exception_from_the_security_policy(troubled: Built) -> None:
    for page in troubled.pages.values():
        policy = next(
            m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert all(set(script) == {"defer", "src"} for script in page.all("script"))
        assert not page.all("style")
        assert not [a for _, a in page.elements if "style" in a or any(name.startswith("on") for name in a)]


def test_hostile_texts_are_inert(hostile: Built) -> None:
    for page in hostile.pages.values():
        assert all(script["src"].lstrip("./").startswith("static/") for script in page.all("script"))
        assert "<script>alert(1)</script>" in page.text, "shown as the text it is"
        assert "{{ 7*7 }}" in page.text
    assert harmless(HOSTILE) in hostile.pages["experiments/other.html"].text


def test_no_page_table_or_note_holds_what_a_terminal_obeys(hostile: Built, tmp_path: Path) -> None:
    written = [
        path for path in hostile.report.out.rglob("*") if path.suffix in {".html", ".csv", ".json", ".svg"}
    ]
    assert len(written) > 10
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert harmless(text) == text, path
    assert audit(hostile.report.out).problems == ()
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    (record,) = results.images()
    results.write("images/b", record.model_copy(update={"id": "b"}))
    (run,) = results.runs()
    results.write("runs/a/b/x8-seed0", run.model_copy(update={"experiment": "\x1b[31m"}))
    notes = build_site(study, tmp_path / "results", tmp_path / "site").notes
    assert len(notes) == 2
    assert all(note.isprintable() for note in notes)


def test_characters_to_obey_are_shown_and_others_left() -> None:
    assert harmless("a\x1b\x00\x7f\x9b\ud800\ufffe\U0010ffff") == "a\u241b\u2400\u2421" + "\ufffd" * 4
    for text in ("tab\tand\nline", "grüße 🐄 \u05e2\u200d", "\ufffd"):
        assert harmless(text) == text


def test_every_page_names_its_profile(troubled: Built) -> None:
    for page in troubled.pages.values():
        assert "Profile Smoke" in page.text
        assert "Hardly trained" in page.text
        assert "5 epochs a level instead of 2000" in page.text


@pytest.mark.parametrize(
    ("changes", "warned"),
    [({}, False), ({"epochs": 20}, True), ({"base_width": 8}, True), ({"id": "x"}, True)],
)
def test_only_the_training_as_published_goes_without_a_warning(
    changes: dict[str, int], warned: bool, tmp_path: Path
) -> None:
    study = small_study(("original",), ("colosseum",))
    results = write_results(tmp_path / "results", study)
    profile = results.profile()
    assert profile is not None
    paper = {"id": "paper", "title": "Paper", "epochs": 2000, "base_width": 32, **changes}
    results.write("profile", profile.model_copy(update=paper))
    trained = {"epochs_planned": paper["epochs"], "base_width": paper["base_width"]}
    for level in results.levels():
        results.write(f"levels/{level.key}", level.model_copy(update=trained))
    for page in build(study, tmp_path / "results", tmp_path / "site").pages.values():
        assert "Profile Paper" in page.text
        assert ("Not the published training" in page.text) == warned


def test_stand_ins_are_named_on_every_page_and_beside_every_picture(troubled: Built) -> None:
    for page in troubled.pages.values():
        assert 'Instead of Stone face: the photograph "astronaut"' in page.text
    image = troubled.pages["images/stone-face.html"]
    assert image.text.count("stand-in") >= len(image.all("img"))
    assert "stand-in" not in troubled.pages["images/colosseum.html"].text.replace("Stand-in", "")


def test_without_stand_ins_there_is_no_notice(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    write_results(tmp_path / "results", study)
    built = build(study, tmp_path / "results", tmp_path / "site")
    assert not [name for name, page in built.pages.items() if "tand-in" in page.text]


def test_a_failed_run_shows_its_reason_wherever_its_picture_would_be(troubled: Built) -> None:
    assert troubled.report.failed == 1
    pages = ("index", "groups/real", "experiments/real-b", "images/stone-face", "timing")
    for name in pages:
        assert "failed: CUDA out of <memory>" in troubled.pages[f"{name}.html"].text


def test_a_run_not_done_says_so(troubled: Built) -> None:
    assert troubled.report.not_run == 1
    for name in ("index", "groups/baseline", "experiments/early-stop", "images/colosseum", "timing"):
        assert "not run" in troubled.pages[f"{name}.html"].text.lower()


def test_what_was_not_run_has_no_viewer_no_tables_and_no_tile(troubled: Built) -> None:
    page = troubled.pages["experiments/early-stop.html"].path.read_text(encoding="utf-8")
    (absent,) = [part for part in page.split("<section") if "Not run in this profile." in part]
    assert "viewer" not in absent
    assert "<table" not in absent
    assert "The author published" in absent, "its minutes"
    image = troubled.pages["images/colosseum.html"].path.read_text(encoding="utf-8")
    sheet, _, missing = image.partition('class="contact"')[2].partition("Not run here:")
    assert "early-stop.html" not in sheet
    assert "early-stop.html" in missing


def test_an_image_on_which_nothing_was_run_says_so_among_the_places(tmp_path: Path) -> None:
    study = small_study()
    unrun = [(name, "stone-face") for name in study.experiment]
    write_results(tmp_path / "results", study, Synthetic(left_out=unrun))
    build_site(study, tmp_path / "results", tmp_path / "site")
    index = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    stone, colosseum = (
        index.split(f'aria-label="Places: {study.image[name].title}"')[1].split("</section>")[0]
        for name in ("stone-face", "colosseum")
    )
    assert "Not run: there is no picture by any method." in stone
    assert "Not run" not in colosseum


def test_other_seeds_stand_below_the_studys_own(troubled: Built) -> None:
    text = troubled.pages["experiments/early-stop.html"].text
    assert "seed 1" in text.partition("Other seeds and factors")[2]
    assert "seed 1" not in text.partition("Other seeds and factors")[0]


def test_publishing_never_imports_torch() -> None:
    code = "import sys, runner.publish.site; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_diagram_shows_what_a_groups_experiments_change_and_says_it(troubled: Built) -> None:
    said = {
        "groups/baseline": ("stops early",),
        "groups/real": ("not what the levels below generate", "stops early"),
        "about": (),
    }
    changes = {words for several in said.values() for words in several}
    for name, several in said.items():
        page = troubled.pages[f"{name}.html"]
        (drawing,) = [drawing for drawing in page.all("svg") if drawing.get("role") == "img"]
        ids = {a["id"] for _, a in page.elements if "id" in a}
        assert set(drawing["aria-labelledby"].split()) <= ids
        found = {words for words in changes if words in page.text}
        assert found == set(several), name


def test_an_experiment_sets_the_authors_conclusion_beside_the_answers(troubled: Built) -> None:
    page = troubled.pages["experiments/early-stop.html"]
    assert "What the author concluded" in page.text
    answers = page.text.partition("What this record says to the author")[2].partition("Against")[0]
    assert "Training time falls to 45-81 %" in answers
    assert any(link.startswith("../findings.html#claim-") for link in page.links())


def test_an_image_sets_the_author_beside_the_verdict_on_it(troubled: Built) -> None:
    text = troubled.pages["images/stone-face.html"].text
    assert "Against the original on this image: " in text
    assert "Bad: untrained lower generators feed the last level." in text


def test_provenance_tells_how_a_run_was_trained(troubled: Built) -> None:
    assert "plain engine, 1 process on the machine" in troubled.pages["experiments/real-b.html"].text
