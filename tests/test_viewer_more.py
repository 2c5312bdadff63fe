"""What a viewer tells of differences, how one steps, holds and slides through pictures, and what it saves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import BrowserContext, Locator
from skimage.color import deltaE_ciede2000, rgb2lab

from helpers.records import Synthetic, small_study, write_results
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
from runner.publish.site import build_site

pytestmark = pytest.mark.browser

EXPERIMENT, IMAGE = "experiments/real-b.html", "images/colosseum.html"
PAIR = "#img=colosseum&a=original&b=real-b"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

PAINTED = (
    "viewer => { const map = viewer.querySelector('.frame canvas').closest('.layer'); return !map.hidden }"
)
"""Whether the map of the pair is there."""

ANY = "() => true"
"""No condition."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root, study = tmp_path_factory.mktemp("host"), small_study()
    results = write_results(root / "results", study, Synthetic(failed=[("real-b", "stone-face")]))
    build_site(study, root / "results", root / "site")
    with serving(root) as address:
        yield Site(results, root / "site", f"{address}/site")


def note(viewer: Locator) -> str:
    return viewer.locator(".note").inner_text()


def told(viewer: Locator, words: str) -> str:
    """What the viewer says, once these words are in it."""
    viewer.locator(".note", has_text=words).wait_for()
    return note(viewer)


def apart(first: object, second: object) -> np.ndarray:
    """CIEDE2000 of Lab colours, pixel by pixel."""
    found: np.ndarray = deltaE_ciede2000(first, second)  # type: ignore[no-untyped-call]
    return found


def labs(site: Site) -> tuple[np.ndarray, np.ndarray]:
    first, second = (
        rgb2lab(file_pixels(site, f"runs/{name}/colosseum/x8-seed0.webp")) for name in ("original", "real-b")
    )
    return first, second


def test_the_browsers_ciede2000_is_that_of_the_record(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}")
    colours = np.random.default_rng(0).integers(0, 256, (400, 2, 3))
    colours[:4] = [
        [[9, 9, 9]] * 2,
        [[0, 0, 0], [255] * 3],
        [[7, 7, 7], [0, 0, 255]],
        [[255, 0, 0], [0, 255, 255]],
    ]
    found = viewer.evaluate(
        "(_, pairs) => pairs.map((pair) => lab.maps.ciede2000(...pair.map((rgb) => lab.maps.labOf(rgb, 0))))",
        colours.tolist(),
    )
    expected = apart(*(rgb2lab(colours[:, i].astype(np.uint8)[None])[0] for i in (0, 1)))
    assert np.allclose(found, expected, atol=0.02)


def test_a_colour_map_tells_mean_and_largest_of_what_is_in_view(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}")
    mode(viewer, "difference")
    wait_for(viewer, PAINTED)
    differences = apart(*labs(site))
    words = f"mean {differences.mean():.2f}, largest {differences.max():.1f}."
    assert told(viewer, "mean").endswith(words), words
    assert viewer.locator(".legend").first.inner_text().split() == ["0", "ΔE", "40+"]
    x, y = at(viewer, 0.6, 0.3)
    viewer.page.mouse.dblclick(x, y)
    left, top = image_point(viewer, at(viewer, 0, 0))
    right, bottom = image_point(viewer, at(viewer, 1, 1))
    part = differences[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
    mean = float(told(viewer, "in view").split("mean ")[1].split(",")[0])
    assert mean == pytest.approx(part.mean(), abs=0.01)
    assert mean != pytest.approx(differences.mean(), abs=0.05)


def test_lightness_has_a_sign(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}&mode=difference&gain=8&map=lightness")
    wait_for(viewer, PAINTED)
    first, second = labs(site)
    change = (second - first)[..., 0]
    seen = viewer.locator(".frame canvas").first.evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    painted = np.array(seen).reshape(*change.shape, 4).astype(int)
    lighter, darker = painted[change > 15], painted[change < -15]
    assert len(lighter)
    assert len(darker)
    assert (lighter[:, 0] > lighter[:, 2]).all(), "red"
    assert (darker[:, 2] > darker[:, 0]).all(), "blue"
    assert viewer.locator(".legend").first.inner_text().split() == ["\N{MINUS SIGN}20", "L*", "+20"]


def test_equal_pictures_are_said_to_be_identical(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}&mode=difference&map=colour")
    choose(viewer, 0, "real-b")
    assert told(viewer, "Identical") == "Identical: 1 and 2 are the same in every pixel."


def test_what_is_left_of_a_result_less_its_input_is_grey_where_they_agree(
    context: BrowserContext, site: Site
) -> None:
    viewer = open_viewer(
        context, f"{site.address}/{EXPERIMENT}{PAIR}&mode=difference&map=residual", until=ANY
    )
    assert told(viewer, "LR consistency").startswith("Picture 2 shrunk, against the input: LR consistency ")
    (file,) = viewer.locator(".layer:visible img").evaluate_all("all => all.map((one) => one.src)")
    with PIL.Image.open(site.folder / "maps" / file.rsplit("/", 1)[1]) as opened:
        residual = np.asarray(opened.convert("RGB")).astype(int)
    shrunk = PIL.Image.fromarray(file_pixels(site, "runs/real-b/colosseum/x8-seed0.webp")).resize(
        (residual.shape[1], residual.shape[0]), PIL.Image.Resampling.BICUBIC
    )
    nearest = file_pixels(site, "images/colosseum-x8-nearest.webp")
    factor = nearest.shape[1] // residual.shape[1]
    difference = np.asarray(shrunk).astype(int) - nearest[factor // 2 :: factor, factor // 2 :: factor]
    inside = np.abs(difference) < 60
    assert np.abs((residual - 128) / 2 - difference)[inside].max() <= 1.5


@with_options([{}])
def test_from_the_disk_maps_are_those_built_with_the_site(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(
        context, f"{site.folder.as_uri()}/{EXPERIMENT}{PAIR}&mode=difference&map=colour", until=ANY
    )
    assert "a page opened from the disk cannot" in told(viewer, "Built at half size")
    assert "/maps/colour-" in viewer.locator(".layer:visible img").first.evaluate("image => image.src")
    choose(viewer, 0, "input.bicubic")
    told(viewer, "Shown is the plain difference")
    assert viewer.get_by_label("What is mapped").input_value() == "plain"
    assert stage(viewer).get_attribute("data-composition") == "difference"
    viewer.get_by_label("What is mapped").select_option("residual")
    told(viewer, "LR consistency")
    save = viewer.get_by_role("button", name="Save PNG")
    assert save.is_disabled()
    assert "may not copy its pictures" in (save.get_attribute("title") or "")


def test_keys_work_while_the_pointer_is_over_a_viewer(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}")
    own, other = shown(viewer, 0), shown(viewer, 1)
    viewer.page.evaluate("document.activeElement.blur()")
    point_at(viewer, at(viewer, 0.5, 0.5))
    viewer.page.keyboard.press("2")
    assert shown(viewer, 0) == other
    viewer.page.keyboard.press("2")
    assert shown(viewer, 0) == own
    viewer.page.keyboard.down(" ")
    assert shown(viewer, 0) == other
    scrolled = viewer.page.evaluate("scrollY")
    viewer.page.keyboard.up(" ")
    assert shown(viewer, 0) == own
    assert viewer.page.evaluate("scrollY") == scrolled
    viewer.page.mouse.move(2, 2)
    viewer.page.keyboard.press("2")
    assert shown(viewer, 0) == own, "the pointer is elsewhere"


def test_space_shows_the_other_of_a_pair_while_it_is_held(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}&mode=flip")
    first, second = (
        viewer.evaluate(
            '(viewer, id) => viewer.querySelector(`.choice option[value="${id}"]`).dataset.src', name
        )
        for name in ("original", "real-b")
    )
    stage(viewer).focus()
    assert shown(viewer).endswith(second)
    viewer.page.keyboard.down(" ")
    assert shown(viewer).endswith(first)
    viewer.page.keyboard.up(" ")
    assert shown(viewer).endswith(second)
    mode(viewer, "swipe")
    stage(viewer).focus()
    viewer.page.keyboard.down(" ")
    assert stage(viewer).get_attribute("data-composition") == ""
    viewer.page.keyboard.up(" ")
    assert stage(viewer).get_attribute("data-composition") == "swipe"


@pytest.mark.parametrize("way", ["brackets", "arrows", "buttons", "arrows on a button"])
def test_one_pane_steps_through_every_picture_while_another_stays(
    way: str, context: BrowserContext, site: Site
) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}")
    button = viewer.get_by_role("button", name="Next picture in pane 2")
    if way == "brackets":
        point_at(viewer, at(viewer, 0.5, 0.5, 1))
    elif way == "arrows":
        stage(viewer, 1).focus()
    elif way == "arrows on a button":
        button.focus()
    seen = []
    for _ in range(5):
        if way == "buttons":
            button.click()
        else:
            viewer.page.keyboard.press("]" if way == "brackets" else "ArrowRight")
        seen.append(viewer.locator(".choice").nth(1).input_value())
    assert seen == ["input.nearest", "input.bicubic", "original", "early-stop", "real-b"]
    assert viewer.locator(".choice").first.input_value() == "original"
    assert note(viewer).startswith("real-b: ")


def test_a_double_click_zooms_at_the_pointer_and_swaps_nothing(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}")
    files, scale = [shown(viewer, index) for index in range(3)], transforms(viewer)[0][0]
    point = at(viewer, 0.7, 0.4, 1)
    before = image_point(viewer, point, 1)
    viewer.page.mouse.dblclick(*point)
    assert transforms(viewer)[0][0] == pytest.approx(2 * scale, rel=1e-3)
    assert image_point(viewer, point, 1) == pytest.approx(before, abs=0.1)
    assert [shown(viewer, index) for index in range(3)] == files
    viewer.page.keyboard.down("Shift")
    viewer.page.mouse.dblclick(*point)
    viewer.page.keyboard.up("Shift")
    assert transforms(viewer)[0][0] == pytest.approx(scale, rel=1e-3)


@with_options([PHONE])
def test_two_taps_zoom_and_swap_nothing(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}", WIDE)
    file, scale, point = shown(viewer), transforms(viewer)[0][0], at(viewer, 0.4, 0.5)
    viewer.page.touchscreen.tap(*point)
    viewer.page.touchscreen.tap(*point)
    viewer.page.wait_for_timeout(100)
    assert transforms(viewer)[0][0] == pytest.approx(2 * scale, rel=1e-3)
    assert shown(viewer) == file
    assert viewer.locator(".hint.touch").is_visible()
    assert not viewer.locator(".hint.mouse").is_visible()


@pytest.mark.parametrize(
    ("panes", "pair"),
    [
        ("a=input.bicubic&b=original&c=input.nearest&d=real-b", [1, 3]),
        ("a=input.bicubic&b=real-b&c=input.nearest", [1, 2]),
    ],
)
def test_a_pair_is_the_original_and_the_last_picture_if_nothing_else_was_asked_for(
    panes: str, pair: list[int], context: BrowserContext, site: Site
) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}#img=colosseum&{panes}")
    mode(viewer, "swipe")
    numbers = viewer.locator(".number").all()
    assert [i for i, each in enumerate(numbers) if each.get_attribute("aria-pressed") == "true"] == pair


def test_a_drag_anywhere_moves_the_divider_and_the_lower_number_is_left(
    context: BrowserContext, site: Site
) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}&mode=swipe&pair=ba")
    tags = [tag.split()[0] for tag in viewer.locator(".stage").first.locator(".tag").all_inner_texts()]
    assert tags == ["1", "2"]
    drag(viewer.page, at(viewer, 0.8, 0.5), at(viewer, 0.3, 0.6))
    divider = float(viewer.get_by_label("Divider").input_value())
    assert divider == pytest.approx(30, abs=1)
    for _ in range(4):
        viewer.get_by_role("button", name="Zoom in").click()
    x, before = at(viewer, 0.5, 0.5), transforms(viewer)[0]
    viewer.page.keyboard.down("Shift")
    drag(viewer.page, x, (x[0] - 40, x[1]))
    viewer.page.keyboard.up("Shift")
    assert transforms(viewer)[0][1] == pytest.approx(before[1] - 40, abs=0.1)
    assert float(viewer.get_by_label("Divider").input_value()) == divider


def test_the_minimap_shows_where_one_is_and_leads_elsewhere(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}&x=30&y=30&z=4")
    minimap = viewer.locator(".minimap")
    whole, part = minimap.bounding_box(), minimap.locator("span").bounding_box()
    assert whole
    assert part
    assert part["width"] / whole["width"] == pytest.approx(0.25, abs=0.03)
    assert part["x"] == pytest.approx(whole["x"], abs=2)
    files = shown(viewer)
    viewer.page.mouse.click(whole["x"] + whole["width"] * 0.6, whole["y"] + whole["height"] * 0.5)
    width = file_pixels(site, "images/colosseum-x8-nearest.webp").shape[1]
    assert image_point(viewer, at(viewer, 0.5, 0.5))[0] == pytest.approx(0.6 * width, abs=6)
    assert shown(viewer) == files, "no click of the picture below"
    viewer.page.keyboard.press("0")
    assert not minimap.is_visible()


def test_places_where_results_differ_are_a_click_away(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}", TALL)
    place = viewer.get_by_role("button", name="Place A where the results differ")
    left, top, width, height = map(int, (place.get_attribute("data-window") or "").split())
    place.click()
    (x, y), (right, bottom) = (image_point(viewer, at(viewer, *corner)) for corner in ((0, 0), (1, 1)))
    assert x - 1 <= left < left + width <= right + 1
    assert y - 1 <= top < top + height <= bottom + 1
    assert right - x <= width + 2 or bottom - y <= height + 2, "as large as it fits"


def test_a_link_tells_of_what_is_not_there(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(
        context, f"{site.address}/{EXPERIMENT}#img=colosseum&a=original&b=<b>gone</b>&c=real-b"
    )
    assert told(viewer, "The link names").startswith(
        "The link names what is not on this page: “<b>gone</b>”."
    )
    assert viewer.locator(".pane").count() == 2
    page = context.new_page()
    page.goto(f"{site.address}/{IMAGE}#img=cows&a=original")
    page.locator(".note", has_text="an image that is not on this page: “cows”").wait_for()


def test_an_older_link_to_a_difference_shows_the_channels(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}&mode=difference&gain=7")
    assert viewer.get_by_label("What is mapped").input_value() == "plain"
    viewer.get_by_label("What is mapped").select_option("lightness")
    assert address_of(viewer).endswith("&gain=7&map=lightness")


@pytest.mark.parametrize("arrangement", ["side", "flip", "swipe"])
def test_the_view_is_saved_as_it_is_seen_with_its_labels(
    arrangement: str, context: BrowserContext, site: Site, tmp_path: Path
) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}{PAIR}&x=60&y=40&z=6&mode={arrangement}")
    viewer.page.wait_for_timeout(200)
    with viewer.page.expect_download() as download:
        viewer.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "colosseum-original-real-b.png"
    saved = np.asarray(PIL.Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB")).astype(
        int
    )
    seen = pixels(stage(viewer)).astype(int)
    high, wide = 120, 200  # (a part of the picture: what the screen rounds at its edges is left out)
    part = seen[60 : 60 + high, 60 : 60 + wide]
    best = min(
        np.abs(saved[y : y + high, x : x + wide] - part).mean() for y in range(80, 100) for x in range(56, 76)
    )
    assert best < 3
    label = saved[8:30, 8:400]
    assert (np.abs(label - label[0, 0]).max(axis=-1) > 100).sum() > 100, "there are words above it"
    assert told(viewer, "saved") == "The view is saved as a PNG."


@with_options([PHONE])
def test_names_can_be_read_on_a_phones_whole_screen(context: BrowserContext, site: Site) -> None:
    viewer = open_viewer(context, f"{site.address}/{EXPERIMENT}", TALL)
    viewer.get_by_role("button", name="Full screen").tap()
    wait_for(viewer, "viewer => document.fullscreenElement === viewer")
    viewer.page.wait_for_timeout(300)
    for select in viewer.locator(".choice").all():
        size = select.evaluate(
            "select => [select.clientWidth, parseFloat(getComputedStyle(select).fontSize)]"
        )
        assert size[0] >= 110
        assert size[1] >= 16
    assert viewer.evaluate(SHARP.replace("images.length &&", "true ||")) is not None
    stages = viewer.locator(".pane .stage").first.bounding_box()
    assert stages
    assert stages["height"] > 200
