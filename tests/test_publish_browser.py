"""The site in a real browser, opened from the disk. Needs Chromium: without it these tests fail, not skip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from helpers.records import Synthetic, small_study, write_published_figures, write_results
from runner.publish.site import build_site

pytestmark = pytest.mark.browser

SHOW_ALL = """async () => {
  document.querySelectorAll("details").forEach(details => details.open = true);
  const images = [...document.images];
  images.forEach(image => image.loading = "eager");
  await Promise.allSettled(images.map(image => image.decode()));
  return images.filter(image => !image.naturalWidth).map(image => image.src);
}"""
"""Opens and loads everything; returns the pictures that could not be loaded."""

CONTRAST = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = rgb(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const worst = {ratio: 21, text: ""};
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const both = [rgb(getComputedStyle(element).color), behind(element)];
    const [a, b] = both.map(light).sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst.ratio) Object.assign(worst, {ratio, text: element.textContent.trim().slice(0, 60)});
  }
  return worst;
}"""
"""The worst contrast of any text with what is behind it (WCAG 2)."""

NARROW_HEADERS = """() => [...document.querySelectorAll("th")]
  .filter(header => header.offsetParent) // (on a phone some tables have none)
  .filter(header => header.textContent.trim().length > 3 && header.getBoundingClientRect().width < 40)
  .map(header => header.textContent)"""
"""Headers of columns too narrow for a word."""

PAGES = (
    "index",
    "groups/real",
    "groups/open",
    "experiments/early-stop",
    "experiments/learned-up",
    "experiments/real-b",
    "images/stone-face",
    "train",
    "timing",
    "findings",
    "reproduction",
    "about",
    "profiles/preview/experiments/real-b",
)


COLOSSEUM = {"original", "early-stop", "real-b", "plateau-anneal", "learned-up"}
"""Experiments that are run on it here."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site with spaces & é")
    study = small_study(("original", "early-stop", "real-a", "real-b", "plateau-anneal", "learned-up"))
    what = Synthetic(failed=[("real-b", "stone-face")], stand_ins=["stone-face"], reason="x" * 300)
    results = write_results(folder / "results", study, what)
    write_published_figures(folder / "results", study, results)
    write_results(folder / "results", small_study(("original",)), Synthetic(profile="preview"))
    build_site(study, folder / "results", folder / "site", first="smoke")
    return folder / "site"


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of the width and colour scheme the test asks for."""
    width, scheme = getattr(request, "param", (1280, "light"))
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("page", [(390, "dark"), (1280, "light"), (1920, "dark")], indirect=True, ids=str)
def test_every_page_is_whole_quiet_legible_and_keeps_to_itself(page: Page, site: Path) -> None:
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("requestfailed", lambda request: messages.append(f"failed: {request.url}"))
    page.on("request", lambda request: requests.append(request.url))
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate(SHOW_ALL) == []
        width = page.viewport_size["width"] if page.viewport_size else 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} overflows"
        worst = page.evaluate(CONTRAST)
        assert worst["ratio"] >= 4.5, f"{name}: {worst}"
    assert messages == []
    assert [url for url in requests if not url.startswith(site.as_uri())] == []


@pytest.mark.parametrize("page", [(320, "light"), (1280, "light")], indirect=True, ids=str)
def test_long_names_widen_no_page_and_narrow_no_column_to_a_letter(page: Page, tmp_path: Path) -> None:
    study = small_study(("original", "real-b"), ("colosseum",))
    title = "DALLE_a_photo_of_a_cat_sitting_on_a_windowsill_in_the_style_of_vermeer_highly_detailed"
    image = study.image["colosseum"].model_copy(update={"title": title})
    named = study.model_copy(update={"image": {"colosseum": image}})
    write_results(tmp_path / "results", named, Synthetic())
    build_site(named, tmp_path / "results", tmp_path / "site")
    width = page.viewport_size["width"] if page.viewport_size else 0
    for name in ("index", "groups/real", "experiments/real-b", "images/colosseum", "timing", "about"):
        page.goto((tmp_path / "site" / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} overflows"
        narrow = page.evaluate(NARROW_HEADERS)
        assert narrow == [], f"{name} has words broken into letters"


@pytest.mark.slow
@pytest.mark.parametrize("page", list(product((390, 1280), ("light", "dark"))), indirect=True, ids=str)
def test_axe_finds_nothing_on_any_page(page: Page, site: Path) -> None:
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False})
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"


def test_nothing_moves_while_pictures_load(page: Page, site: Path) -> None:
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries()"
        ".forEach(entry => window.shift += entry.value)).observe({type: 'layout-shift', buffered: true})"
    )
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        page.evaluate(SHOW_ALL.replace('document.querySelectorAll("details")', "[]"))
        assert page.evaluate("window.shift") < 0.01, name


def test_the_keyboard_reaches_the_content_first(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")


def test_a_crop_opens_the_viewer_exactly_there(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.locator('label[for="tab.colosseum"]').click()
    crop = page.get_by_role("img", name="Colosseum, place 1: real-b")
    address = crop.locator("xpath=..").get_attribute("href") or ""
    crop.click()
    assert page.locator("h1").inner_text() == "Colosseum"
    viewer = page.locator('.viewer[data-image="colosseum"]')
    shown = [viewer.locator(".choice").nth(index).input_value() for index in range(3)]
    assert shown == ["input.bicubic", "original", "real-b"]
    x, y = (re.search(rf"&{name}=([\d.]+)", address) for name in "xy")
    assert x is not None
    assert y is not None
    view = page.evaluate("lab.link.read(location.hash).view")
    width, height = (float(viewer.get_attribute(f"data-{side}") or 0) for side in ("width", "height"))
    assert abs(view["x"] - float(x[1])) <= width / 2 / view["zoom"]
    assert abs(view["y"] - float(y[1])) <= height / 2 / view["zoom"]


def test_crops_are_shown_pixel_for_pixel(page: Page, site: Path) -> None:
    page.goto((site / "images" / "colosseum.html").as_uri())
    sizes = page.evaluate(
        """() => [...document.querySelectorAll(".crop")].filter(crop => crop.offsetParent)
        .map(crop => [crop.width - crop.naturalWidth, crop.height - crop.naturalHeight])"""
    )
    assert len(sizes) == 2 + len(COLOSSEUM), "the input twice, and every method"
    assert set(map(tuple, sizes)) == {(0, 0)}


ROWS = """() => [...document.querySelectorAll(".matrix tbody tr")]
  .filter(row => row.offsetParent).map(row => row.querySelector("code").textContent)"""
"""Experiments of the table that is shown, from the top."""

KEYS = """index => [...document.querySelectorAll(".matrix tbody tr")]
  .filter(row => row.offsetParent).map(row => row.cells[index].dataset.sort)"""


def choose(page: Page, image: str) -> None:
    page.locator(f'label[for="matrix.{image}"]').click()


def test_the_matrix_is_sorted_by_any_column_both_ways(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    choose(page, "colosseum")
    assert set(page.evaluate(ROWS)) == COLOSSEUM
    heads = page.locator(".matrix:visible thead th")
    for index in range(2, heads.count()):
        for _ in range(2):
            heads.nth(index).locator(".sort").click()
            order = heads.nth(index).get_attribute("aria-sort")
            assert page.locator(".matrix:visible [aria-sort]").count() == 1
            found = page.evaluate(KEYS, index)
            known = [float(key) for key in found if key]
            assert known == sorted(known, reverse=order == "descending")
            assert found[len(known) :] == [""] * (len(found) - len(known)), "what is unknown comes last"
    heads.first.locator(".sort").click()
    assert page.evaluate(ROWS) == sorted(COLOSSEUM)


def test_the_matrix_is_sorted_from_the_keyboard(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    button = page.locator(".matrix:visible .sort").first
    button.focus()
    page.keyboard.press("Enter")
    names = page.evaluate(ROWS)
    assert names == sorted(names)
    page.keyboard.press("Enter")
    assert page.evaluate(ROWS) == names[::-1]
    assert page.evaluate("document.activeElement.matches('.sort')")


def test_the_matrix_is_filtered_by_group_and_words(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    choose(page, "stone-face")
    count = page.locator(".filter output")
    assert count.inner_text() == "5 of 5"
    page.locator(".filter select").select_option("real")
    assert page.evaluate(ROWS) == ["real-a"]
    page.locator(".filter input").fill("UNTRAINED last")
    assert page.evaluate(ROWS) == ["real-a"]
    assert count.inner_text() == "1 of 5"
    page.locator(".filter input").fill("nothing of the kind")
    assert page.evaluate(ROWS) == []
    page.get_by_text("No experiment matches.").get_by_role("button", name="Clear").click()
    assert count.inner_text() == "5 of 5"
    assert page.get_by_text("No experiment matches.").is_hidden()


def test_the_first_click_on_a_head_puts_the_best_first(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    choose(page, "colosseum")
    heads = page.locator(".matrix:visible thead th")
    for index in range(3, heads.count() - 1):
        heads.nth(index).locator(".sort").click()
        is_higher_better = "higher is" in heads.nth(index).inner_text()
        assert heads.nth(index).get_attribute("aria-sort") == (
            "descending" if is_higher_better else "ascending"
        )


def test_on_paper_a_page_says_what_it_is_and_tabs_are_no_controls(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.emulate_media(media="print")
    assert page.locator(".profile.warning").first.is_visible()
    assert page.locator(".profile nav").is_hidden()
    for tabs in page.locator(".tabs").all():
        if tabs.is_visible():
            assert tabs.locator("> label:visible").count() == 1


def test_the_menu_of_images_closes_on_escape_and_on_a_click_elsewhere(page: Page, site: Path) -> None:
    page.goto((site / "about.html").as_uri())
    menu = page.locator(".menu")
    menu.locator("summary").click()
    assert menu.locator("a").first.is_visible()
    page.keyboard.press("Escape")
    assert menu.locator("a").first.is_hidden()
    menu.locator("summary").click()
    page.locator("h1").click()
    assert menu.locator("a").first.is_hidden()


def test_what_the_matrix_shows_is_kept_in_the_address(page: Page, site: Path) -> None:
    index = (site / "index.html").as_uri()
    page.goto(index)
    choose(page, "colosseum")
    page.locator(".filter select").select_option("real")
    page.locator(".matrix:visible thead th").nth(3).locator(".sort").click()
    address = page.url
    assert "on=colosseum" in address
    page.goto("about:blank")
    page.goto(address)
    assert page.evaluate(ROWS) == ["real-b"]
    assert page.locator(r"#matrix\.colosseum").is_checked()
    assert page.locator(".filter select").input_value() == "real"
    assert page.locator(".matrix:visible thead th").nth(3).get_attribute("aria-sort") == "descending"
    page.goto("about:blank")
    page.goto(f"{index}#on=nowhere&group=nobody&by=nothing&words=")
    assert len(page.evaluate(ROWS)) == 5, "what there is not is passed over"


@pytest.mark.parametrize("page", [(390, "light")], indirect=True, ids=str)
def test_on_a_phone_a_row_is_a_card_that_names_its_figures(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    choose(page, "colosseum")
    cell = page.locator(".matrix:visible td.figure").first
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Time"'
    edges = page.evaluate(
        "[...document.querySelectorAll('.matrix td')].map(cell => cell.getBoundingClientRect().right)"
    )
    assert max(edges) <= 390


def test_the_matrix_head_stays_in_sight_and_is_opaque(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.set_viewport_size({"width": 1280, "height": 300})
    head = page.locator(".matrix:visible thead th").first
    page.evaluate("document.querySelector('.matrices').scrollIntoView()")
    page.evaluate("scrollBy(0, document.querySelector('.matrix tbody tr').offsetHeight + 150)")
    assert head.evaluate("head => head.getBoundingClientRect().top") <= 1
    colour = head.evaluate("head => getComputedStyle(head).backgroundColor")
    assert colour.startswith("rgb("), "no part of a row is seen through it"


def test_every_dot_of_the_plot_is_a_link_with_words(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    dots = page.locator(".plot:visible a")
    assert dots.count() > 2
    for index in range(dots.count()):
        assert " on " in (dots.nth(index).get_attribute("aria-label") or "")
    dots.first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/experiments/*.html#*")


def test_the_plot_shows_the_measure_one_picks(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    assert page.locator(".plot:visible").count() == 1
    page.get_by_role("radio", name="Closer to the input").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".plot:visible").get_attribute("aria-label", timeout=1000) is not None
    assert "NIQE" in (page.locator(".plot:visible").get_attribute("aria-label") or "")


def test_a_tab_shows_its_image_and_hides_the_others(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    panels = page.locator(".heroes > .tab-panel")
    page.locator('label[for="tab.stone-face"]').click()
    assert [panels.nth(i).is_visible() for i in range(2)] == [True, False]
    page.get_by_role("radio", name="Stone face").first.focus()
    page.keyboard.press("ArrowRight")
    assert [panels.nth(i).is_visible() for i in range(2)] == [False, True]


def test_without_script_the_matrix_offers_no_controls(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    choose(page, "colosseum")
    assert page.locator(".matrix:visible tbody tr").count() == len(COLOSSEUM)
    assert not page.locator(".filter").is_visible()
    assert page.locator(".sort:visible").count() == 0
    page.locator('label[for="tab.colosseum"]').click()
    assert page.locator(".heroes > .tab-panel").nth(1).is_visible()
    context.close()


SHOTS = """details => [...details.querySelectorAll(".shot")].map(shot =>
  [shot.ariaLabel, shot.firstElementChild.getAttribute("href").split("/").at(-1), shot.viewBox.baseVal.x])"""


def read(details: Locator) -> None:
    """Come to an explorer, which is open, as a reader does."""
    details.locator(".explorer").scroll_into_view_if_needed()
    details.page.mouse.move(5, 5)
    expect(details.locator("output")).not_to_be_empty()


def test_snapshots_are_walked_beside_the_originals(page: Page, site: Path) -> None:
    page.goto((site / "experiments" / "real-b.html").as_uri() + "#colosseum")
    details = page.locator("section:has(#colosseum) details:has(.explorer)")
    read(details)
    tables, output = details.locator("table"), details.locator("output")
    sheets = tables.last.locator("img")
    assert sheets.count() == 2
    for column, epoch in ((4, 4), (3, 3)):
        found = details.evaluate(SHOTS)
        assert output.inner_text() == f"Level 5, epoch {epoch}"
        for index, (label, file, left) in enumerate(found):
            name = ("real-b", "original")[index]
            assert label == f"Colosseum, level 5 by {name}: G(z*) above, the fake below, epoch {epoch}"
            assert (sheets.nth(index).get_attribute("src") or "").endswith(file)
            assert left == column * 123
        details.get_by_role("slider", name="Epoch").focus()
        page.keyboard.press("ArrowLeft")
    details.get_by_role("slider", name="Level").focus()
    page.keyboard.press("Home")
    assert output.inner_text() == "Level 0, epoch 2"
    shared = [file for _, file, _ in details.evaluate(SHOTS)]
    assert shared[0] == shared[1], "level 0 is the original's"


def test_an_early_stop_stands_beside_the_original_at_the_same_epoch(page: Page, site: Path) -> None:
    page.goto((site / "experiments" / "real-a.html").as_uri())
    details = page.locator("details:has(.explorer)").first
    read(details)
    details.get_by_role("slider", name="Level").focus()
    page.keyboard.press("ArrowLeft")
    own, original = (words for words, _, _ in details.evaluate(SHOTS))
    assert own.endswith("level 7 by real-a: G(z*) above, the fake below, epoch 1")
    assert original.endswith("level 7 by original: G(z*) above, the fake below, epoch 1")


def test_the_switch_between_profiles_is_seen_and_followed_without_script(
    browser: Browser, site: Path
) -> None:
    with browser.new_context(viewport={"width": 390, "height": 800}, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((site / "experiments/real-b.html").as_uri())
        link = page.get_by_role("navigation", name="Profiles").get_by_role("link", name="Preview")
        box = link.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 800, "in view at once"
        link.click()
        assert page.url == (site / "profiles/preview/experiments/real-b.html").as_uri()
        assert "Profile Preview" in page.get_by_role("complementary", name="Profile shown").inner_text()
        page.get_by_role("navigation", name="Site").get_by_role("link", name="Timing").click()
        assert page.url == (site / "profiles/preview/timing.html").as_uri(), "pages of the same profile"
        page.get_by_role("navigation", name="Profiles").get_by_role("link", name="Smoke").click()
        assert page.url == (site / "timing.html").as_uri()


@pytest.mark.parametrize("page", [(390, "light"), (1280, "dark")], indirect=True, ids=str)
def test_charts_of_times_have_a_drawing_for_the_width_of_the_page(page: Page, site: Path) -> None:
    page.goto((site / "timing.html").as_uri())
    page.evaluate(SHOW_ALL)
    for chart in page.locator(".chart:visible").all():
        shown, natural = chart.evaluate("image => [image.clientWidth, image.naturalWidth]")
        own = round(natural * 3 / 4)  # a drawing counts in points
        width = page.viewport_size["width"] if page.viewport_size else 0
        assert own == (360 if width < 400 else 900)
        assert shown / own > 0.95, "its text is not shrunk"
    assert page.locator(".scroll .chart").count() == 0


def test_bars_are_shown_in_full_or_as_shares_by_key(page: Page, site: Path) -> None:
    page.goto((site / "timing.html").as_uri())
    page.get_by_role("radio", name="Seconds").last.focus()
    section = page.locator("section:has(#colosseum)")
    panels = section.locator(".tab-panel")
    assert [panels.nth(i).is_visible() for i in range(2)] == [True, False]
    page.keyboard.press("ArrowRight")
    assert [panels.nth(i).is_visible() for i in range(2)] == [False, True]
