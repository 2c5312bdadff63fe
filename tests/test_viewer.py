"""The comparison viewer, worked in a real browser as a reader works it. Needs Chromium, as all page tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Request, Route

from helpers import records
from helpers.records import Pixels, Synthetic, small_study, write_results
from helpers.viewers import (
    SHARP,
    TALL,
    WIDE,
    Site,
    address_of,
    at,
    choose,
    drag,
    file_pixels,
    image_point,
    mode,
    open_viewer,
    pixels,
    point_at,
    serving,
    shown,
    stage,
    transforms,
    wait_for,
    with_options,
)
from runner.publish.audit.audit import MOST_SCRIPT_bytes
from runner.publish.output.render import static_files
from runner.publish.site import build_site
from singan.geometry import Size

pytestmark = pytest.mark.browser

EXPERIMENT, IMAGE = "experiments/real-b.html", "images/colosseum.html"

FOCUSED = """() => {
  const element = document.activeElement;
  const visible = element.matches(".modes input") ? element.nextElementSibling : element;
  const {outlineWidth, outlineStyle} = getComputedStyle(visible);
  const {width, height} = visible.getBoundingClientRect();
  const name = element.getAttribute("aria-label") || element.value || element.textContent.trim();
  return [name, outlineStyle === "none" ? 0 : parseFloat(outlineWidth), width * height];
}"""
"""Name, width of the ring and area of what has the focus."""

SHIFTS = """window.shift = 0; new PerformanceObserver(list => list.getEntries()
  .forEach(entry => window.shift += entry.value)).observe({type: "layout-shift", buffered: true})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder that is served, and its address."""
    root = tmp_path_factory.mktemp("host")
    with serving(root) as address:
        yield root, address


@pytest.fixture(scope="module")
def site(server: tuple[Path, str]) -> Site:
    root, address = server
    study = small_study()
    results = write_results(root / "results", study, Synthetic(failed=[("real-b", "stone-face")]))
    folder = root / "some" / "sub-path"
    build_site(study, root / "results", folder)
    return Site(results, folder, f"{address}/some/sub-path")


def test_the_wheel_zooms_all_panes_at_the_pointer(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    point = at(viewer, 0.3, 0.6, 1)
    point_at(viewer, point)
    before, (scale, _, _) = image_point(viewer, point, 1), transforms(viewer)[0]
    viewer.page.mouse.wheel(0, -300)
    viewer.page.mouse.wheel(0, -300)
    wait_for(viewer, "viewer => viewer.classList.contains('zoomed')")
    viewer.page.wait_for_timeout(100)
    assert transforms(viewer)[0][0] > 2.5 * scale
    assert image_point(viewer, point, 1) == pytest.approx(before, abs=0.01)
    assert len(transforms(viewer)) == 3
    assert all(pane == transforms(viewer)[0] for pane in transforms(viewer))


def test_the_wheel_scrolls_a_page_that_slides_under_the_pointer(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    page = viewer.page
    point_at(viewer, at(viewer, 0.5, 0.5))
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(150)
    before = transforms(viewer)
    for _ in range(8):
        page.mouse.wheel(0, 200)
        page.wait_for_timeout(40)
    page.wait_for_timeout(200)
    assert page.evaluate("scrollY") >= 1200
    assert transforms(viewer) == before


def test_a_drag_moves_all_panes_and_ends_where_the_picture_ends(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    viewer.get_by_role("button", name="1:1").click()
    for _ in range(3):
        viewer.get_by_role("button", name="Zoom in").click()
    before, (x, y) = transforms(viewer), at(viewer, 0.5, 0.5, 2)
    drag(viewer.page, (x, y), (x - 30, y + 20))
    moved = [[scale, left - 30, top + 20] for scale, left, top in before]
    assert np.allclose(transforms(viewer), moved, atol=0.05)
    drag(viewer.page, (x, y), (x + 4000, y + 4000))
    assert all(left == pytest.approx(0, abs=0.05) for _, left, _ in transforms(viewer))


def test_moving_needs_no_drag(context: BrowserContext, site: Site) -> None:
    """By click and by key, coarsely and by one pixel of the picture."""
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    stage(viewer).focus()
    for _ in range(8):
        viewer.page.keyboard.press("+")
    scale, left, top = transforms(viewer)[0]
    viewer.get_by_role("button", name="Move right").click()
    assert transforms(viewer)[0][1] < left - 50
    viewer.get_by_role("button", name="Move left").click()
    stage(viewer).focus()
    viewer.page.keyboard.press("ArrowDown")
    assert transforms(viewer)[0][2] < top - 20
    before = transforms(viewer)[0][2]
    viewer.page.keyboard.press("Shift+ArrowUp")
    assert transforms(viewer)[0][2] == pytest.approx(before + scale, abs=0.05)
    viewer.page.keyboard.press("0")
    assert viewer.locator(".zoom").inner_text() != "800 %"
    assert "zoomed" not in (viewer.get_attribute("class") or "")


def test_digits_show_another_picture_in_the_same_place_at_once(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    own, other = shown(viewer, 0), shown(viewer, 2)
    stage(viewer).focus()
    places = transforms(viewer)
    viewer.page.keyboard.press("3")
    assert shown(viewer, 0) == other
    assert viewer.locator(".tag").first.inner_text().startswith("3 real-b")
    in_place = pixels(stage(viewer))
    assert transforms(viewer) == places
    viewer.page.keyboard.down("3")
    viewer.page.keyboard.down("3")  # held: one press, however often it repeats
    assert shown(viewer, 0) == own
    viewer.page.keyboard.up("3")
    viewer.page.keyboard.press("4")
    assert shown(viewer, 0) == own, "there is no fourth"
    choose(viewer, 0, "real-b")
    assert np.array_equal(in_place, pixels(stage(viewer)))


def test_a_click_flips_through_the_pictures_in_place(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    files = [shown(viewer, index) for index in range(3)]
    seen = []
    for _ in range(3):
        viewer.page.mouse.click(*at(viewer, 0.5, 0.5, 1))
        seen.append(shown(viewer, 1))
    assert seen == [files[2], files[0], files[1]]
    mode(viewer, "flip")
    assert shown(viewer) == files[2]
    viewer.page.mouse.click(*at(viewer, 0.5, 0.5))
    assert shown(viewer) == files[1]
    viewer.get_by_role("button", name="Show picture 1").click()
    assert shown(viewer) == files[0]
    viewer.page.keyboard.press("3")
    assert shown(viewer) == files[2]


def test_the_divider_follows_pointer_click_and_keys(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    mode(viewer, "flip")
    alone = {}
    for number in (2, 3):
        viewer.get_by_role("button", name=f"Show picture {number}").click()
        alone[number] = pixels(stage(viewer))
    mode(viewer, "swipe")

    def parted_at(percent: float) -> bool:
        both, edge = pixels(stage(viewer)), round(alone[2].shape[1] * percent / 100)
        left, right = (
            np.s_[:, : max(0, edge - 2)],
            np.s_[:, edge + 2 : -1],
        )  # (the last column is half a pixel)
        return np.array_equal(both[left], alone[2][left]) and np.array_equal(both[right], alone[3][right])

    assert parted_at(50)
    drag(viewer.page, at(viewer, 0.5, 0.3), at(viewer, 0.25, 0.3))
    assert parted_at(25)
    viewer.page.mouse.click(*at(viewer, 0.75, 0.3))
    assert parted_at(75)
    viewer.get_by_label("Divider").focus()
    viewer.page.keyboard.press("Home")
    assert parted_at(0)
    viewer.page.keyboard.press("End")
    assert parted_at(100)


def test_a_picture_does_not_differ_from_itself(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    mode(viewer, "difference")
    viewer.get_by_label("What is mapped").select_option("plain")
    viewer.get_by_label("Gain").fill("1")
    plain = pixels(stage(viewer))
    viewer.get_by_label("Gain").fill("3")
    magnified = pixels(stage(viewer))
    assert plain.max() > 20
    small = plain < 80
    assert np.abs(magnified[small] - 3.0 * plain[small]).max() <= 3
    choose(viewer, 1, "real-b")
    viewer.get_by_label("Gain").fill("32")
    assert pixels(stage(viewer)).max() == 0


def test_a_difference_is_that_of_the_pixels(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}#img=colosseum&a=original&b=real-b")
    mode(viewer, "difference")
    viewer.get_by_label("What is mapped").select_option("plain")
    viewer.get_by_label("Gain").fill("1")
    one, other = (
        file_pixels(site, f"runs/{name}/colosseum/x8-seed0.webp").astype(int)
        for name in ("original", "real-b")
    )
    x, y = at(viewer, 0.4, 0.4)
    across, down = image_point(viewer, (x + 0.5, y + 0.5))
    left, top = at(viewer, 0, 0)
    found = pixels(stage(viewer))[y - top, x - left]
    assert np.abs(found - np.abs(one - other)[int(down), int(across)]).max() <= 1


@with_options([{"viewport": {"width": 900, "height": 800}}])
def test_a_link_restores_exactly_this_view(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{IMAGE}")
    choose(viewer, 2, "input.nearest")
    point_at(viewer, at(viewer, 0.7, 0.4))
    viewer.page.mouse.wheel(0, -700)
    viewer.page.wait_for_timeout(100)
    mode(viewer, "swipe")
    viewer.locator(".split input").fill("33.5")
    link = address_of(viewer)
    assert "#img=colosseum&a=input.bicubic&b=original&c=input.nearest&d=" in link
    again = open_viewer(context, link)
    assert transforms(again) == transforms(viewer)
    assert transforms(again)[0][0] > 2
    assert np.array_equal(pixels(stage(again)), pixels(stage(viewer)))
    assert address_of(again) == link
    mode(viewer, "side")
    other = address_of(viewer)
    again.page.evaluate("address => { location.href = address }", other)
    wait_for(again, "viewer => viewer.dataset.mode === 'side'")
    assert transforms(again) == transforms(viewer)
    assert address_of(again) == other
    assert again.locator(".link").get_attribute("href") == other[other.index("#") :]


def test_a_link_finds_its_image_on_a_page_of_several(context: BrowserContext, site: Site) -> None:
    page = context.new_page()
    page.goto(f"{site.address}/{EXPERIMENT}#img=colosseum&a=original&b=real-b&x=120&y=50&z=3")
    viewer = page.locator(WIDE)
    wait_for(viewer, SHARP)
    assert viewer.locator(".pane").count() == 2
    assert abs(viewer.evaluate("viewer => viewer.getBoundingClientRect().top")) < 20
    assert "zoomed" not in (page.locator(TALL).get_attribute("class") or "")


NONSENSE = {
    "a=<script>alert(1)</script>&b=original&x=NaN&y=&z=1e999&mode=<b>&pair=zz&split=-9&gain=1e9": "z=1",
    "a=original.level99.rec.0&b=original.level0.fake.77&c=__proto__&d=x&mode=flip&pair=ab": "pair=ab",
    "a=original&b=original&c=real-b&d=original&e=real-b&x=-1e9&z=1e9&mode=swipe&pair=dd&split=-1": "split=0",
    "a=real-b&x=&y=&z=-3&mode=difference&pair=a&gain=1e9&%&%E0%A4%A": "gain=32",
}
"""Fragments of addresses, and how one ends that is made of what there is."""


def test_a_link_that_makes_no_sense_does_no_harm(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    for fragment, ending in NONSENSE.items():
        viewer.page.evaluate("fragment => { location.hash = fragment }", f"img=colosseum&{fragment}")
        assert address_of(viewer).endswith(ending)
        numbers = [number for pane in transforms(viewer) for number in pane]
        assert numbers
        assert np.isfinite(numbers).all()
    viewer.page.evaluate("location.hash = 'img=__proto__&a=original'")
    viewer.page.evaluate("location.hash = 'cows'")


@with_options([{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}])
def test_two_fingers_zoom_and_one_moves(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}", TALL)
    touch = context.new_cdp_session(viewer.page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    x, y = at(viewer, 0.5, 0.5)
    before, scale = image_point(viewer, (x, y)), transforms(viewer)[0][0]
    send("touchStart", (x - 20, y))
    send("touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 7):
        send("touchMove", (x - 20 - 5 * step, y), (x + 20 + 5 * step, y))
    send("touchEnd")
    assert transforms(viewer)[0][0] == pytest.approx(2.5 * scale, rel=0.02)
    assert image_point(viewer, (x, y)) == pytest.approx(before, abs=0.5)
    assert all(pane == transforms(viewer)[0] for pane in transforms(viewer))
    left, scrolled = transforms(viewer)[0][1], viewer.page.evaluate("scrollY")
    send("touchStart", (x, y))
    for step in range(1, 5):
        send("touchMove", (x - 10 * step, y - 10 * step))
    send("touchEnd")
    assert transforms(viewer)[1][1] == pytest.approx(left - 40, abs=1)
    assert viewer.page.evaluate("scrollY") == scrolled, "zoomed in, a finger moves the picture, not the page"
    file = shown(viewer)
    viewer.page.touchscreen.tap(x, y)
    assert shown(viewer) != file


def test_the_pixel_pointed_at_is_read_exactly(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    point = at(viewer, 0.37, 0.61, 1)
    viewer.page.mouse.move(*point)
    across, down = (int(value) for value in image_point(viewer, point, 1))
    assert viewer.locator(".place").inner_text() == f"x {across}, y {down}"
    files = (
        "images/colosseum-x8-bicubic.webp",
        *(f"runs/{n}/colosseum/x8-seed0.webp" for n in ("original", "real-b")),
    )
    for number, file in enumerate(files, 1):
        colour = " ".join(map(str, file_pixels(site, file)[down, across]))
        assert viewer.locator(".value").nth(number - 1).inner_text().strip() == f"{number}: {colour}"
    viewer.page.mouse.move(0, 0)
    assert viewer.locator(".place").inner_text() == ""


def test_every_experiment_and_input_can_be_chosen_for_two_to_four_panes(
    context: BrowserContext, site: Site
) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    offered = (
        viewer.locator(".choice").first.locator("option").evaluate_all("all => all.map(one => one.value)")
    )
    assert offered == ["input.nearest", "input.bicubic", "original", "early-stop", "real-b"]
    viewer.get_by_role("button", name="Add a picture").click()
    assert viewer.locator(".pane").count() == 4
    assert viewer.locator(".choice").nth(3).input_value() == "input.nearest"
    viewer.locator(".count select").select_option("2")
    assert viewer.locator(".pane").count() == 2
    for choice in offered:
        choose(viewer, 1, choice)
        assert shown(viewer, 1).startswith("../pictures/")


def test_snapshots_of_a_level_can_be_chosen_as_squares_in_the_same_frame(
    context: BrowserContext, site: Site
) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    viewer.get_by_label("Result or level of picture 2").select_option("0")
    viewer.get_by_label("Snapshot of picture 2").select_option("original.level0.fake.1")
    wait_for(viewer, SHARP)
    (level,) = [
        record
        for record in site.results.levels()
        if record.level == 0 and record.key in _run_levels(site, "original", "colosseum")
    ]
    snapshots = level.snapshots
    column = snapshots.epochs.index(1)
    width, height = snapshots.width, snapshots.height
    sheet = file_pixels(site, snapshots.sheet.file)
    cell = sheet[height:, column * width : (column + 1) * width]
    seen = pixels(stage(viewer, 1))
    for across, down in ((0, 0), (width - 1, height - 1), (width // 2, height // 3)):
        y = int((down + 0.5) * seen.shape[0] / height)
        x = int((across + 0.5) * seen.shape[1] / width)
        assert np.abs(seen[y, x].astype(int) - cell[down, across]).max() <= 1
    link = address_of(viewer)
    assert "b=original.level0.fake.1&" in link
    again = open_viewer(context, link)
    assert np.array_equal(pixels(stage(again, 1)), seen)
    assert again.get_by_label("Snapshot of picture 2").input_value() == "original.level0.fake.1"


def _run_levels(site: Site, experiment: str, image: str) -> tuple[str, ...]:
    (run,) = [run for run in site.results.runs() if (run.experiment, run.image) == (experiment, image)]
    return run.levels


def test_above_one_to_one_pixels_are_squares(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(
        context, f"{site.address}/{EXPERIMENT}#img=colosseum&a=original&b=real-b&x=60&y=40&z=999"
    )
    scale = transforms(viewer)[0][0]
    assert scale == pytest.approx(32, abs=0.1)
    picture, seen = file_pixels(site, "runs/original/colosseum/x8-seed0.webp"), pixels(stage(viewer))
    left, top = at(viewer, 0, 0)
    for x, y in ((57, 38), (60, 40), (63, 43)):
        x0, y0, x1, y1 = (round(side) for side in _square(viewer, x, y))
        square = seen[y0 - top + 2 : y1 - top - 2, x0 - left + 2 : x1 - left - 2]
        assert square.size
        assert np.abs(square.astype(int) - picture[y, x]).max() <= 1


def _square(viewer: Locator, x: int, y: int) -> tuple[float, float, float, float]:
    """Where a pixel of the picture lies on the screen: left, top, right, bottom."""
    scale, across, down = transforms(viewer)[0]
    box = stage(viewer).bounding_box()
    assert box
    left, top = box["x"], box["y"]
    return (
        left + across + x * scale,
        top + down + y * scale,
        left + across + (x + 1) * scale,
        top + down + (y + 1) * scale,
    )


def test_a_failed_run_says_why_in_its_pane(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}", TALL)
    assert viewer.locator(".reason").nth(2).inner_text() == "failed: out of memory"
    viewer.page.mouse.move(*at(viewer, 0.5, 0.5, 2))
    assert viewer.locator(".value:visible").count() == 2
    mode(viewer, "difference")
    assert viewer.locator(".reason").first.inner_text() == "failed: out of memory"


def test_tab_goes_through_the_viewer_in_order_and_is_seen(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}", TALL)
    viewer.locator(".modes input").first.focus()
    seen: list[tuple[str, float, float]] = []
    while viewer.evaluate("viewer => viewer.contains(document.activeElement)"):
        seen.append(viewer.page.evaluate(FOCUSED))
        viewer.page.keyboard.press("Tab")
    names = [name for name, _, _ in seen]
    assert names[:3] == ["side", "3", "Show picture 1 in place of another"]
    assert names[3:6] == ["Previous picture in pane 1", "Next picture in pane 1", "Picture 1"]
    assert names.index("Pane 1: Input, bicubic") < names.index("Picture 2") < names.index("Zoom out")
    assert names[-4:] == ["Link to this view", "Save PNG", "Full screen", "Keys and gestures"]
    assert all(ring >= 2 for _, ring, _ in seen), seen
    assert all(area >= 24 * 18 for _, _, area in seen), seen


@with_options([{"reduced_motion": "no-preference"}])
def test_steps_are_eased_for_those_who_like_motion(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    viewer.get_by_role("button", name="Zoom in").click()
    assert viewer.locator(".frame").first.evaluate("e => getComputedStyle(e).transitionDuration") == "0.15s"
    point_at(viewer, at(viewer, 0.5, 0.5))
    viewer.page.mouse.wheel(0, -100)
    viewer.page.wait_for_timeout(100)
    assert viewer.locator(".frame").first.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"


def test_nothing_moves_by_itself_for_those_who_do_not(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    viewer.get_by_role("button", name="Zoom in").click()
    assert viewer.evaluate("viewer => viewer.getAnimations({subtree: true}).length") == 0
    assert viewer.locator(".frame").first.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"


@with_options([{"java_script_enabled": False}])
def test_without_script_the_pictures_stand_side_by_side(context: BrowserContext, site: Site) -> None:
    page = context.new_page()
    page.goto(f"{site.address}/{EXPERIMENT}")
    viewer = page.locator(WIDE)
    figures = viewer.locator("figure")
    assert [caption.strip() for caption in figures.locator("figcaption").all_inner_texts()] == [
        "Input, bicubic",
        "original: Original training",
        "real-b: Real image as adversarial input everywhere",
        "Input, nearest neighbour",
    ]
    for index in range(4):
        figure = figures.nth(index)
        figure.scroll_into_view_if_needed()
        assert figure.locator("img").is_visible()
        assert (figure.locator("a").get_attribute("href") or "").startswith("../pictures/")
    assert not viewer.locator("button:visible, input:visible, select:visible, summary:visible").count()


@pytest.mark.parametrize("from_disk", [False, True])
def test_it_keeps_to_its_site_and_quiet(from_disk: bool, context: BrowserContext, site: Site) -> None:
    """In a folder of a host, and opened from the disk, where no page may read its pixels."""
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    context.on("requestfailed", lambda request: requests.append(f"failed: {request.url}"))
    base = site.folder.as_uri() if from_disk else site.address
    viewer = open_viewer(context, f"{base}/{IMAGE}")
    point_at(viewer, at(viewer, 0.5, 0.5, 1))
    viewer.page.mouse.wheel(0, -200)
    for name in ("flip", "swipe", "difference", "side"):
        mode(viewer, name)
    viewer.page.mouse.move(*at(viewer, 0.4, 0.5, 1))
    assert ("cannot be read" in viewer.locator(".place").inner_text()) == from_disk
    assert bool(viewer.locator(".value:visible").count()) != from_disk
    again = open_viewer(context, address_of(viewer))
    assert transforms(again) == transforms(viewer)
    assert [url for url in requests if not url.startswith(f"{base}/")] == []


def test_it_fills_the_screen_and_comes_back(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}", TALL)
    viewer.get_by_role("button", name="Full screen").click()
    wait_for(viewer, "viewer => document.fullscreenElement === viewer")
    viewer.page.wait_for_timeout(200)
    for name in ("swipe", "side"):
        mode(viewer, name)
        bottom = viewer.locator(".viewer-foot").evaluate("foot => foot.getBoundingClientRect().bottom")
        height = viewer.page.evaluate("innerHeight")
        assert height - 60 < bottom <= height
    viewer.get_by_role("button", name="Full screen").click()
    wait_for(viewer, "() => !document.fullscreenElement")


@pytest.mark.parametrize(
    "context", [{}, {"viewport": {"width": 390, "height": 844}}], indirect=True, ids=["wide", "narrow"]
)
def test_nothing_moves_when_panes_take_the_place_of_figures(context: BrowserContext, site: Site) -> None:
    """Also when the script comes late, and the page was seen without it."""

    def late(route: Route) -> None:
        time.sleep(0.3)
        route.continue_()

    context.route("**/viewer-start.js", late)
    context.add_init_script(SHIFTS)
    for name in (EXPERIMENT, IMAGE):
        page = context.new_page()
        page.goto(f"{site.address}/{name}")
        viewer = page.locator(".viewer").first
        wait_for(viewer, "viewer => viewer.classList.contains('ready')")
        viewer.dispatch_event("pointerover")
        wait_for(viewer, SHARP)
        page.wait_for_timeout(100)
        assert page.evaluate("window.shift") == 0, name
        page.close()


def test_the_script_is_small() -> None:
    scripts = [content for name, content in static_files() if name.endswith(".js")]
    assert 0 < sum(map(len, scripts)) < MOST_SCRIPT_bytes
    assert not [script for script in scripts if b"\n " in script or b"/*" in script]


def noisy(picture: Callable[..., Pixels]) -> Callable[..., Pixels]:
    """Pictures as heavy as photographs: about a megabyte without loss at the study's size."""

    def make(size: Size, *seeds: str) -> Pixels:
        grain = np.random.default_rng(0).integers(-7, 8, (size.height, size.width, 3))
        return np.asarray(np.clip(picture(size, *seeds) + grain, 0, 255), dtype=np.uint8)

    return make


def test_a_page_costs_less_than_a_megabyte_until_somebody_reads(
    browser: Browser, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, address = server
    study = small_study(("original", "real-b"), ("stone-face", "cows", "colosseum"))
    monkeypatch.setattr(records, "picture", noisy(records.picture))
    write_results(root / "heavy-results", study, Synthetic(full_size=True))
    build_site(study, root / "heavy-results", root / "heavy")
    outputs = list((root / "heavy-results").rglob("x8-seed0.webp"))
    assert sum(path.stat().st_size for path in outputs) / len(outputs) > 600_000
    for name, width, density in (
        (EXPERIMENT, 1280, 1),
        (IMAGE, 1280, 1),
        (EXPERIMENT, 390, 2),
        (IMAGE, 390, 2),
    ):
        context = browser.new_context(viewport={"width": width, "height": 844}, device_scale_factor=density)
        loaded: list[Path] = []
        context.on("requestfinished", partial(_note_file, root, loaded))
        page = context.new_page()
        page.goto(f"{address}/heavy/{name}", wait_until="networkidle")
        assert sum(path.stat().st_size for path in loaded) < 1_000_000, loaded
        assert not [path for path in loaded if path.parent.name == "pictures"]
        page.mouse.move(5, 5)
        page.locator(".viewer").first.scroll_into_view_if_needed()
        wait_for(page.locator(".viewer").first, SHARP)
        assert [path for path in loaded if path.parent.name == "pictures"]
        context.close()


def _note_file(root: Path, loaded: list[Path], request: Request) -> None:
    loaded.append(root / urlsplit(request.url).path.lstrip("/"))
