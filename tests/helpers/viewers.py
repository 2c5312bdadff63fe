"""A comparison viewer in a real browser: a served site, and what a reader does and sees."""

from __future__ import annotations

import io
import math
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from helpers.records import Pixels
from runner.record.results import Results

with_options = partial(pytest.mark.parametrize, "context", indirect=True, ids=[""])
"""Options of the browser's context that a test needs."""

WIDE, TALL = '.viewer[data-image="colosseum"]', '.viewer[data-image="stone-face"]'

TRANSFORMS = """root => [...root.querySelectorAll(".pane")]
  .filter(pane => pane.querySelector(".stage").clientWidth)
  .map(pane => new DOMMatrix(pane.querySelector(".frame").style.transform))
  .map(matrix => [matrix.a, matrix.e, matrix.f])"""
"""Scale and position of each pane's picture."""

SHARP = """root => {
  const images = [...root.querySelectorAll(".layer:not([hidden]) img")];
  return images.length && images.every(image => image.src.includes("/pictures/") && image.complete);
}"""
"""Whether every picture shown is the lossless one."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """A test needs no log."""


@dataclass(frozen=True)
class Site:
    """A built site and the record it was built from."""

    results: Results
    folder: Path
    address: str
    """Where it is served, in a folder of a host."""


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """A folder that is served, at this address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser. Without one the test fails."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "these tests need Chromium on the path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def quiet_context(browser: Browser, options: Mapping[str, Any]) -> Iterator[BrowserContext]:
    """A context with these options, which no page of may say anything in the console."""
    default: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(**(default | dict(options)))
    messages: list[str] = []
    context.on("console", lambda message: messages.append(message.text))
    context.on("weberror", lambda error: messages.append(str(error.error)))
    yield context
    context.close()
    assert messages == []


def open_viewer(context: BrowserContext, address: str, selector: str = WIDE, until: str = SHARP) -> Locator:
    """A viewer in sight, by default once all its pictures are lossless."""
    page = context.new_page()
    page.goto(address)
    viewer = page.locator(selector)
    viewer.evaluate("viewer => viewer.scrollIntoView()")
    viewer.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    viewer.dispatch_event("pointerover")
    wait_for(viewer, until)
    return viewer


def wait_for(viewer: Locator, condition: str) -> None:
    deadline = time.monotonic() + 10
    while not viewer.evaluate(condition):
        assert time.monotonic() < deadline, condition
        viewer.page.wait_for_timeout(20)


def stage(viewer: Locator, index: int = 0) -> Locator:
    return viewer.locator(".stage").nth(index)


def at(viewer: Locator, across: float, down: float, index: int = 0) -> tuple[int, int]:
    """A point of a stage on the screen, by fractions of its sides: whole pixels, as a wheel reports them."""
    box = stage(viewer, index).bounding_box()
    assert box
    return math.ceil(box["x"] + across * box["width"]), math.ceil(box["y"] + down * box["height"])


def transforms(viewer: Locator) -> list[list[float]]:
    found: list[list[float]] = viewer.evaluate(TRANSFORMS)
    return found


def image_point(viewer: Locator, point: tuple[float, float], index: int = 0) -> tuple[float, float]:
    """The image coordinates shown at a point of the screen."""
    box = stage(viewer, index).bounding_box()
    scale, x, y = transforms(viewer)[index]
    assert box
    return (point[0] - box["x"] - x) / scale, (point[1] - box["y"] - y) / scale


def mode(viewer: Locator, name: str) -> None:
    viewer.locator(f'.modes input[value="{name}"]').check(force=True)


def choose(viewer: Locator, pane: int, choice: str) -> None:
    viewer.locator(".choice").nth(pane).select_option(choice)
    wait_for(viewer, SHARP)


def shown(viewer: Locator, index: int = 0) -> str:
    """The file that a stage shows."""
    return viewer.locator(".stage").nth(index).locator("img").first.get_attribute("src") or ""


def address_of(viewer: Locator) -> str:
    """The page's address, once what was done to the page has arrived, and the address tells of it."""
    two_frames = "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))"
    viewer.evaluate(f"() => new Promise(done => {two_frames})")
    wait_for(viewer, "viewer => !viewer.querySelector('.link').hasAttribute('aria-busy')")
    return viewer.page.url


def point_at(viewer: Locator, point: tuple[float, float]) -> None:
    """Move the pointer there as a hand does: not in one leap."""
    viewer.page.mouse.move(point[0] - 3, point[1] - 2)
    viewer.page.mouse.move(*point)


def pixels(stage: Locator) -> Pixels:
    """What a stage looks like, `[H, W, 3]`, without what lies over its pictures, and without broken edges."""
    stage.evaluate(
        """stage => stage.querySelectorAll(".tag, .marker, .divider, .legend, .minimap")
          .forEach(part => { part.style.opacity = 0 })"""
    )
    box = stage.bounding_box()
    assert box
    left, top = math.ceil(box["x"]), math.ceil(box["y"])
    width, height = math.floor(box["x"] + box["width"]) - left, math.floor(box["y"] + box["height"]) - top
    shot = stage.page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})
    return np.asarray(PIL.Image.open(io.BytesIO(shot)).convert("RGB"))


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def file_pixels(site: Site, name: str) -> Pixels:
    with PIL.Image.open(site.results.folder / name) as picture:
        return np.asarray(picture.convert("RGB"))
