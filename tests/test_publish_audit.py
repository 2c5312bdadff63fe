"""Looking at a built site: nothing wrong with ours, and everything wrong is told."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import html5lib
import pytest

from helpers.records import Synthetic, small_study, write_results
from runner import cli
from runner.publish.audit.audit import audit
from runner.publish.audit.markup import Markup
from runner.publish.site import build_site
from singan.errors import UserError

if sys.version_info < (3, 14):
    import pytidyhtml5

needs_tidy = pytest.mark.skipif(sys.version_info >= (3, 14), reason="HTML Tidy comes uncompiled for it")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with every kind of page, and everything a page can show."""
    folder, study = tmp_path_factory.mktemp("whole"), small_study()
    what = Synthetic(
        failed=[("real-b", "stone-face")],
        left_out=[("early-stop", "colosseum")],
        imported=[("real-a", "colosseum")],
        stand_ins=["stone-face"],
        seeds=(0, 1),
    )
    write_results(folder / "results", study, what)
    build_site(study, folder / "results", folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, study = tmp_path_factory.mktemp("small"), small_study(("original",), ("colosseum",))
    write_results(folder / "results", study)
    build_site(study, folder / "results", folder / "site")
    return folder / "site"


@pytest.fixture
def site(small: Path, tmp_path: Path) -> Path:
    """A copy of a small site, to be broken."""
    shutil.copytree(small, tmp_path / "site")
    return tmp_path / "site"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def problems(site: Path) -> str:
    return "\n".join(audit(site).problems)


def test_a_site_as_built_has_no_problems(whole: Path) -> None:
    found = audit(whole)
    assert found.problems == ()
    assert found.pages == len(list(whole.rglob("*.html")))
    assert 0 < found.heaviest_page < 1_000_000
    assert 0 < found.scripts <= 60_000


def test_pages_parse_as_html_without_an_error(whole: Path) -> None:
    for page in whole.rglob("*.html"):
        parser = html5lib.HTMLParser(namespaceHTMLElements=False)
        parser.parse(page.read_text(encoding="utf-8"))
        assert parser.errors == [], page


def tidys_problems(page: bytes) -> list[str]:
    """Warnings and errors of HTML Tidy, but for empty elements: it leaves them out, scripts fill them."""
    document = pytidyhtml5.Document()
    found: list[str] = []

    def note(message: pytidyhtml5.Message) -> bool:
        if message.level in {pytidyhtml5.ReportLevel.warning, pytidyhtml5.ReportLevel.error}:
            found.append(message.output)
        return True

    document.message_callback = note
    document.set_error_sink(pytidyhtml5.VoidSink())
    document.parse_bytes(page)
    document.run_diagnostics()
    return [problem for problem in found if "trimming empty" not in problem]


@needs_tidy
def test_pages_are_valid_html_to_a_validator(whole: Path) -> None:
    for page in whole.rglob("*.html"):
        assert tidys_problems(page.read_bytes()) == [], page


@pytest.mark.parametrize(
    "wrong",
    [
        "<foo>",
        "<img>",
        '<b id="a"></b><i id="a"></i>',
        "<p><div>a</div></p>",
        "<span><h2>a</h2></span>",
        '<a href="a">a <em>a <a href="b">b</a></em></a>',
        "<div><dt>a</dt></div>",
        "<dl><p>a</p></dl>",
        "<div><li>a</li></div>",
        "<table><p>a</p></table>",
        "<div><tr><td>a</td></tr></div>",
        "<select><p>a</p></select>",
        "<form><form></form></form>",
    ],
)
@needs_tidy
def test_the_validators_see_what_stands_in_a_wrong_place(whole: Path, wrong: str) -> None:
    page = (whole / "about.html").read_text(encoding="utf-8").replace("</main>", f"{wrong}</main>")
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    parser.parse(page)
    assert tidys_problems(page.encode()) or parser.errors


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('href="timing.html"', 'href="timin.html"', "dead link: timin.html"),
        ('href="timing.html"', 'href="timing.html#nowhere"', "no such place there: timing.html#nowhere"),
        ('href="timing.html"', 'href="timing.html#img=x"', "no such place there: timing.html#img=x"),
        ('href="timing.html"', 'href="/timing.html"', "not relative: /timing.html"),
        ('href="timing.html"', 'href="../site/timing.html"', "dead link: ../site/timing.html"),
        ('href="timing.html"', 'href="javascript:alert()"', "outside the site: javascript:alert()"),
        ('href="static/site.css"', 'href="https://example.org/a.css"', "outside the site: https://example.org/a.css"),
        ('href="static/site.css"', 'href="//example.org/a.css"', "outside the site: //example.org/a.css"),
        ('src="thumbs/', 'src="thumb/', "missing file: thumb/"),
        ('srcset="thumbs/', 'srcset="thumb/', "missing file: thumb/"),
        ('alt="', 'title="', "a picture without alt"),
        ('" width="', '" title="', "a picture without its size"),
        ('id="content"', 'id="matrix-title"', 'the id "matrix-title" is there twice'),
        ('aria-labelledby="matrix-title"', 'aria-labelledby="x"', 'no element has the id "x"'),
        ("</h1>", "", "where <h1> is open"),
        ("</h1>", "</h1></p>", "</p> closes nothing"),
        ("</body>\n</html>", "", "<body> is never closed"),
        ("<h1", "<header><footer></footer></header><h1", "<footer> within <header>"),
        ("<h1", "<button><em><a>a</a></em></button><h1", "<a> within <button>"),
        ("<h1", "<ul><p></p></ul><h1", "<p> directly in <ul>"),
        ("<h1", "<figcaption></figcaption><h1", "<figcaption> outside <figure>"),
        ("<h1", "<div/><h1", "<div/> does not close it"),
        ("<h1", '<p class="a" class="b"></p><h1', "<p> has an attribute twice"),
        ("<h1", '<p style="color: red"></p><h1', "<p> has a style or a script of its own"),
        ("<h1", '<p id="a b"></p><h1', '"a b" is no id'),
        ("<h1", "<p>a\x07b</p><h1", "the character U+0007"),
        ("<h1", "<p>a\x1b[31m</p><h1", "the character U+001B"),
        ("<h1", "<p>a\x85b</p><h1", "the character U+0085"),
        ("<h1", f"<p>{'x' * 1_000_000}</p><h1", "KB at once"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_page_is_told(site: Path, old: str, new: str, problem: str) -> None:
    edit(site / "index.html", old, new)
    found = problems(site)
    assert problem in found
    assert all(line.startswith("index.html: ") for line in found.splitlines())


def _lose_a_file(site: Path) -> None:
    (site / "static" / "viewer.css").unlink()


def _blow_up_the_scripts(site: Path) -> None:
    (site / "static" / "viewer-view.js").write_text("0;" * 40_000)


def _leave_a_picture_to_be_fetched(site: Path) -> None:
    (picture, *_) = (site / "pictures").glob("*.webp")
    picture.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")


def _fetch_a_font(site: Path) -> None:
    edit(site / "static" / "site.css", ":root", "@font-face { src: url(https://example.org/a.woff) } :root")


def _spoil_what_a_script_would_load(site: Path) -> None:
    edit(site / "images" / "colosseum.html", 'data-src="pictures/', 'data-src="picture/')


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_lose_a_file, "static/viewer.css: is missing"),
        (_blow_up_the_scripts, "static: scripts of"),
        (_leave_a_picture_to_be_fetched, ".webp: is no picture"),
        (_fetch_a_font, "static/site.css: names something to load"),
        (_spoil_what_a_script_would_load, "images/colosseum.html: line"),
    ],
)
def test_what_is_wrong_beside_the_pages_is_told(
    site: Path, spoil: Callable[[Path], None], problem: str
) -> None:
    spoil(site)
    assert problem in problems(site)


def test_ends_of_elements_may_not_cross() -> None:
    assert Markup("<p><b><i></b></i></p>").problems == [
        "line 1: </b> where <i> is open",
        "line 1: </i> closes nothing",
    ]


def test_a_drawing_may_close_its_elements_in_their_tags() -> None:
    assert Markup('<p><svg viewBox="0 0 1 1"><path d="M0 0"/><g><path/></g></svg></p>').problems == []


def test_a_readers_own_files_beside_the_pages_are_left_alone(site: Path) -> None:
    (site / "own.html").write_text("<p>")
    assert problems(site) == ""


def test_a_folder_without_a_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no site"):
        audit(tmp_path)


def test_the_command_tells_the_problems_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = small_study(("original",), ("colosseum",))
    write_results(tmp_path / "results", study)
    monkeypatch.setattr("runner.study.load.load_study", lambda path: study)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["singan", "build-site", "--check"])
    cli.main()
    assert capsys.readouterr().out.splitlines()[-1].startswith("checked: ")

    monkeypatch.setattr("runner.publish.audit.audit.MOST_SCRIPT_bytes", 10)
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    assert capsys.readouterr().out.splitlines()[-1].startswith("static: scripts of ")
