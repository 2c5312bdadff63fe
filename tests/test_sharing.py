"""Image pages, cards of shared pages, what is packed and printed: in files, and in a real browser."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from helpers.records import Synthetic, small_study, write_results
from helpers.viewers import SHARP, Site, serving, wait_for, with_options
from runner.publish.site import build_site
from singan.errors import UserError

IMAGE, EXPERIMENT = "images/colosseum.html", "experiments/real-b.html"
ORDER = "() => [...document.querySelectorAll('.contact figure code')].map((code) => code.textContent)"
META = re.compile(r'<meta property="og:(\w+)" content="([^"]*)">')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root, study = tmp_path_factory.mktemp("host"), small_study()
    nothing_but_the_original = [(name, "stone-face") for name in ("early-stop", "real-a", "real-b")]
    results = write_results(root / "results", study, Synthetic(left_out=nothing_but_the_original))
    build_site(study, root / "results", root / "site")
    with serving(root) as address:
        yield Site(results, root / "site", f"{address}/site")


def opened(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    return page


def metas(site: Path, name: str) -> dict[str, str]:
    return dict(META.findall((site / name).read_text(encoding="utf-8")))


def test_every_page_has_a_card_that_is_there(site: Site) -> None:
    pages = list(site.folder.rglob("*.html"))
    assert len(pages) > 8
    for page in pages:
        found = metas(site.folder, str(page.relative_to(site.folder)))
        assert found["title"]
        assert found["description"]
        with PIL.Image.open(page.parent / found["image"]) as card:
            assert (card.format, card.size) == ("JPEG", (1200, 630))


def test_with_an_address_cards_have_whole_addresses(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    write_results(tmp_path / "results", study)
    build_site(study, tmp_path / "results", tmp_path / "site", address="https://example.org/lab")
    found = metas(tmp_path / "site", IMAGE)
    assert found["url"] == f"https://example.org/lab/{IMAGE}"
    assert found["image"].startswith("https://example.org/lab/cards/")
    for wrong in ("example.org", "javascript:alert(1)", "https://", "https://example.org/?a=b"):
        with pytest.raises(UserError, match="no address of a site"):
            build_site(study, tmp_path / "results", tmp_path / "site", address=wrong)


def test_one_can_cite_it(site: Site) -> None:
    about = (site.folder / "about.html").read_text(encoding="utf-8")
    (bibtex,) = re.findall(r'<pre class="bibtex"><code>(.*?)</code></pre>', about, re.DOTALL)
    entries = re.split(r"\n\n(?=@)", bibtex)
    assert [entry.split("{")[0] for entry in entries] == ["@inproceedings", "@misc", "@software"]
    assert all(entry.count("{") == entry.count("}") for entry in entries), "braces match"


@pytest.mark.browser
def test_pictures_are_sorted_by_a_measure_and_back(context: BrowserContext, site: Site) -> None:
    page = opened(context, f"{site.address}/{IMAGE}")
    studys = page.evaluate(ORDER)
    page.get_by_label("Order").select_option("lr_psnr")
    figures = page.locator(".contact figure[data-lr-psnr]")
    values = [float(figure.get_attribute("data-lr-psnr") or "") for figure in figures.all()]
    assert values == sorted(values, reverse=True)
    assert len(values) > 2
    assert f"{values[0]:.2f}" in figures.first.locator(".measures").inner_text()
    page.get_by_label("Order").select_option("")
    assert page.evaluate(ORDER) == studys


@pytest.mark.browser
@pytest.mark.parametrize("way", ["mouse", "key"])
def test_a_picture_is_shown_in_the_pane_one_says(way: str, context: BrowserContext, site: Site) -> None:
    page = opened(context, f"{site.address}/{IMAGE}")
    button = page.get_by_role("button", name="Show early-stop in pane 4")
    if way == "mouse":
        button.click()
    else:
        button.focus()
        page.keyboard.press("Enter")
    viewer = page.locator(".viewer")
    assert viewer.locator(".choice").nth(3).input_value() == "early-stop"
    wait_for(viewer, SHARP)
    assert page.evaluate("document.activeElement.ariaLabel").startswith("Pane 4: early-stop")
    assert viewer.evaluate("viewer => Math.abs(viewer.getBoundingClientRect().top)") < 20


@pytest.mark.browser
@with_options([{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}])
def test_images_are_in_the_navigation_by_touch(context: BrowserContext, site: Site) -> None:
    page = opened(context, f"{site.folder.as_uri()}/index.html")
    page.locator(".menu summary").tap()
    page.locator(".menu").get_by_role("link", name="Colosseum").tap()
    page.wait_for_url("**/images/colosseum.html")
    assert page.locator(".menu [aria-current]").inner_text(timeout=5000) is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_a_runs_pictures_are_packed_as_they_are(context: BrowserContext, site: Site, tmp_path: Path) -> None:
    page = opened(context, f"{site.address}/{EXPERIMENT}")
    with page.expect_download() as download:
        page.get_by_role("button", name="(ZIP)").last.click()
    assert download.value.suggested_filename == "real-b-colosseum.zip"
    with zipfile.ZipFile(download.value.path()) as packed:
        assert packed.testzip() is None
        names = packed.namelist()
        assert names[0] == "x8-seed0.webp"
        assert len(names) == 7
        own = site.results.folder / "runs/real-b/colosseum/x8-seed0.webp"
        assert packed.read("x8-seed0.webp") == own.read_bytes()


@pytest.mark.browser
def test_from_the_disk_it_is_said_where_the_pictures_are(browser: Browser, site: Site) -> None:
    context = browser.new_context()  # (the browser itself says in the console that it may not be read)
    page = opened(context, f"{site.folder.as_uri()}/{EXPERIMENT}")
    page.get_by_role("button", name="(ZIP)").last.click()
    page.locator("output", has_text="may not read its pictures").wait_for()
    context.close()


@pytest.mark.browser
def test_an_experiment_is_printed_on_two_pages(context: BrowserContext, site: Site, tmp_path: Path) -> None:
    page = opened(context, f"{site.address}/{EXPERIMENT}")
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2
    page.emulate_media(media="print")
    assert not page.locator(
        ".viewer-bar:visible, .viewer-foot:visible, .top:visible, details:visible"
    ).count()
    assert page.locator(".viewer .stage:visible").count() >= 3
