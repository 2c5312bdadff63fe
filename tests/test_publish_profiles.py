"""A record of several profiles is one site: each has its pages, and every page leads to the others."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from helpers.records import Synthetic, small_study, write_results
from runner.publish.audit.audit import audit
from runner.publish.site import build_site
from runner.record.results import Results
from singan.errors import UserError

STUDY = small_study(("original", "real-a"), ("stone-face", "colosseum"))


def record(root: Path, *profiles: str) -> Path:
    for profile in profiles:
        write_results(root, STUDY, Synthetic(profile=profile))
    return root


def pages_of(folder: Path) -> set[str]:
    """Pages below a folder of a site; not those of other profiles."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}
    return {name for name in names if not name.startswith("profiles/")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of `preview`, and below them those of `smoke`."""
    folder = tmp_path_factory.mktemp("profiles")
    build_site(STUDY, record(folder / "results", "preview", "smoke"), folder / "site")
    return folder / "site"


def test_every_profile_of_the_record_has_its_pages(site: Path) -> None:
    assert pages_of(site) == pages_of(site / "profiles/smoke")
    assert {path.name for path in (site / "profiles").iterdir()} == {"smoke"}
    assert audit(site).problems == ()


def test_every_page_names_its_profile_and_leads_to_the_same_page_of_the_others(site: Path) -> None:
    for shown, other in ((site, site / "profiles/smoke"), (site / "profiles/smoke", site)):
        title = "Preview" if shown == site else "Smoke"
        for name in pages_of(shown):
            text = (shown / name).read_text(encoding="utf-8")
            assert f"Profile <bdi>{title}</bdi>" in text
            nav = text.partition('<nav aria-label="Profiles">')[2].partition("</nav>")[0]
            assert f'<span aria-current="true"><bdi>{title}</bdi></span>' in nav
            (href,) = (part.partition('"')[0] for part in nav.split('href="')[1:])
            assert ((shown / name).parent / href).resolve() == (other / name).resolve()


def test_pictures_and_scripts_are_shared(site: Path) -> None:
    assert {path.name for path in (site / "profiles/smoke").iterdir() if path.is_dir()} == {
        "experiments",
        "groups",
        "images",
    }


def test_a_profile_s_tables_name_pictures_from_where_they_lie(site: Path) -> None:
    for folder in (site, site / "profiles/smoke"):
        with (folder / "runs.csv").open(encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        assert {row["profile"] for row in rows} == {"preview" if folder == site else "smoke"}
        assert all((folder / row["picture"]).is_file() for row in rows)


def test_the_most_faithful_profile_comes_first_unless_one_is_named(tmp_path: Path) -> None:
    results, out = record(tmp_path / "results", "preview", "smoke"), tmp_path / "site"
    assert build_site(STUDY, results, out).profiles == ("preview", "smoke")
    assert build_site(STUDY, results, out, "smoke").profiles == ("smoke", "preview")
    assert {path.name for path in (out / "profiles").iterdir()} == {"preview"}, "the old pages are gone"
    with pytest.raises(
        UserError, match=r'no results of profile "paper"; there are those of "preview", "smoke"'
    ):
        build_site(STUDY, results, out, "paper")


def test_one_profile_alone_has_no_switch(tmp_path: Path) -> None:
    report = build_site(STUDY, record(tmp_path / "results", "smoke"), tmp_path / "site")
    assert report.profiles == ("smoke",)
    assert report.notes == ()
    assert not (tmp_path / "site/profiles").exists()
    assert 'aria-label="Profiles"' not in (tmp_path / "site/index.html").read_text(encoding="utf-8")


def test_a_page_that_only_one_profile_has_leads_to_the_first_page_of_the_other(tmp_path: Path) -> None:
    results = record(tmp_path / "results", "preview", "smoke")
    image = next(Results(results, "smoke").images())
    own = image.model_copy(update={"id": "cat", "title": "Cat", "is_own": True})
    Results(results, "smoke").write("images/cat", own)
    build_site(STUDY, results, tmp_path / "site")
    page = (tmp_path / "site/profiles/smoke/images/cat.html").read_text(encoding="utf-8")
    assert '<a href="../../../index.html"><bdi>Preview</bdi></a>' in page
    assert audit(tmp_path / "site").problems == ()


def test_folders_of_equal_titles_and_odd_names_are_told_apart(tmp_path: Path) -> None:
    results = record(tmp_path / "results", "smoke")
    (results / "smoke").rename(results / "50%-é#1")
    record(results, "smoke")
    build_site(STUDY, results, tmp_path / "site")
    text = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "<bdi>Smoke (smoke)</bdi>" in text
    assert "<bdi>Smoke (50%-é#1)</bdi>" in text
    assert audit(tmp_path / "site").problems == ()


def test_what_one_profile_lacks_is_said_with_its_name_and_stands_on_its_own_pages(tmp_path: Path) -> None:
    results = record(tmp_path / "results", "preview", "smoke")
    (results / "smoke/images/colosseum-x8-nearest.webp").unlink()
    report = build_site(STUDY, results, tmp_path / "site")
    assert report.notes == ("smoke: picture missing: images/colosseum-x8-nearest.webp",)
    assert report.faulty_pictures == 1
    for folder, is_told in ((tmp_path / "site", False), (tmp_path / "site/profiles/smoke", True)):
        assert ("picture missing" in (folder / "about.html").read_text(encoding="utf-8")) == is_told
