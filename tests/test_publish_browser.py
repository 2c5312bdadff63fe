"""The site in a real browser, opened from the disk. Needs Chromium: without it these tests fail, not skip."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from records import Synthetic, small_study, write_results

from runner.publish.site import build_site

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

PAGES = (
    "index",
    "groups/real",
    "experiments/early-stop",
    "experiments/real-b",
    "images/stone-face",
    "timing",
    "about",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, study = tmp_path_factory.mktemp("site with spaces & é"), small_study()
    what = Synthetic(failed=[("real-b", "stone-face")], stand_ins=["stone-face"], reason="x" * 300)
    write_results(folder / "results", study, what)
    build_site(study, folder / "results", folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "these tests need Chromium on the path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


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


def test_thumbnails_lead_to_their_image_on_the_experiments_page(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.locator('a[href="experiments/early-stop.html#colosseum"]').click()
    assert page.locator("h1").inner_text() == "Stop on a small reconstruction loss"
    assert page.locator("#colosseum").is_visible()
