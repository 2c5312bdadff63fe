"""The page on which trainings are watched: what it is made of, and how it plays in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from helpers.records import Synthetic, small_study, write_results
from helpers.viewers import Site, serving, with_options
from runner.publish.content.training import theatres
from runner.publish.data.gather import gather
from runner.publish.site import build_site

LINK = "train.html#img=colosseum&a=original&b=early-stop&c=real-b"
NEXT = "Level \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
HREF = 'figure => figure.querySelector(".takes image").getAttribute("href")'
LEFT = 'figure => figure.querySelector(".takes svg").viewBox.baseVal.x'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root, study = tmp_path_factory.mktemp("host"), small_study()
    what = Synthetic(failed=[("real-b", "stone-face")], left_out=[("real-a", "stone-face")])
    results = write_results(root / "results", study, what)
    build_site(study, root / "results", root / "site")
    with serving(root) as address:
        yield Site(results, root / "site", f"{address}/site")


def theatre(context: BrowserContext, address: str) -> Locator:
    page = context.new_page()
    page.goto(address)
    return page.locator('.theatre[data-image="colosseum"]')


def test_only_whole_runs_are_offered_and_shared_levels_once(tmp_path: Path) -> None:
    study = small_study()
    what = Synthetic(failed=[("real-b", "stone-face")], left_out=[("real-a", "stone-face")])
    write_results(tmp_path / "results", study, what)
    stone, colosseum = theatres(gather(study, tmp_path / "results"))
    assert [actor.id for actor in stone.actors] == ["original", "early-stop"]
    assert [actor.id for actor in colosseum.actors] == ["original", "early-stop", "real-b"]
    places = [place for actor in colosseum.actors for place in actor.takes]
    assert len(set(places)) == len(colosseum.takes) < len(places), "level 0 is shared"
    assert colosseum.last + 1 == sum(len(scene["epochs"]) for scene in colosseum.scenes)
    assert [actor.below for actor in colosseum.actors] == [
        None,
        study.experiment["early-stop"].stop.below,
        None,
    ]
    for scene in colosseum.scenes:
        losses = [
            loss for take in colosseum.takes if take["level"] == scene["level"] for loss in take["losses"]
        ]
        assert scene["low"] < min(losses) <= max(losses) < scene["high"]


def test_without_a_run_that_can_be_watched_there_is_no_page(tmp_path: Path) -> None:
    study = small_study(("original",), ("colosseum",))
    write_results(tmp_path / "results", study, Synthetic(failed=[("original", "colosseum")]))
    build_site(study, tmp_path / "results", tmp_path / "site")
    assert not (tmp_path / "site" / "train.html").exists()
    assert "train.html" not in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


@pytest.mark.browser
def test_one_scrubber_moves_all_trainings_to_a_level_and_epoch(context: BrowserContext, site: Site) -> None:
    stage = theatre(context, f"{site.address}/{LINK}&level=3&epoch=2")
    assert stage.locator("output").inner_text().startswith("Level 3 of 5, ")
    assert stage.locator("output").inner_text().endswith("epoch 2")
    slider = stage.get_by_role("slider", name="Level and epoch")
    figures = stage.locator("figure:not(.empty)")
    assert figures.count() == 3
    slider.focus()
    stage.page.keyboard.press("Home")
    assert stage.locator("output").inner_text().startswith("Level 0 of 5, ")
    assert figures.nth(2).evaluate(HREF) == figures.first.evaluate(HREF), "level 0 is the original's"
    assert "shared with the original" in figures.nth(2).locator(".words").inner_text()
    before = [figure.evaluate(LEFT) for figure in figures.all()]
    stage.page.keyboard.press("ArrowRight")
    assert all(
        left > old for left, old in zip([f.evaluate(LEFT) for f in figures.all()], before, strict=True)
    )
    stage.get_by_role("button", name=NEXT).click()
    assert stage.locator("output").inner_text().startswith("Level 1 of 5, ")
    stage.page.wait_for_timeout(300)
    assert "level=1&epoch=0" in stage.page.url


@pytest.mark.browser
@with_options([{"reduced_motion": "no-preference"}])
def test_it_plays_only_when_told_to_and_pauses(context: BrowserContext, site: Site) -> None:
    stage = theatre(context, f"{site.address}/{LINK}")
    slider = stage.get_by_role("slider", name="Level and epoch")
    stage.page.wait_for_timeout(1200)
    assert slider.input_value() == "0", "never by itself"
    stage.get_by_role("button", name="Play").click()
    expect(stage.locator("output")).to_contain_text("epoch 3")
    stage.get_by_role("button", name="Pause").click()
    there = slider.input_value()
    stage.page.wait_for_timeout(1200)
    assert slider.input_value() == there
    slider.focus()
    stage.page.keyboard.press("End")
    stage.page.keyboard.press("ArrowLeft")
    stage.get_by_role("button", name="Play").click()
    stage.get_by_role("button", name="Play").wait_for()
    assert slider.input_value() == slider.get_attribute("max"), "it ends at the end"


@pytest.mark.browser
def test_a_stop_rule_is_drawn_and_an_early_stop_is_told(context: BrowserContext, site: Site) -> None:
    stage = theatre(context, f"{site.address}/{LINK}&level=2&epoch=4")
    own, stopped, _ = (stage.locator("figure").nth(index) for index in range(3))
    assert own.locator(".limit").get_attribute("visibility") == "hidden"
    assert stopped.locator(".limit").get_attribute("visibility") == "visible"
    assert "stops below 0.025 after more than " in stopped.locator(".words").inner_text()
    assert "stopped after 1 of 5 epochs" in stopped.locator(".words").inner_text()
    assert stopped.evaluate(LEFT) == 0, "its pictures stay as they were"
    assert own.evaluate(LEFT) > 0
    assert stopped.locator(".behind").get_attribute("points"), "the original's curve is behind"
    assert not own.locator(".behind").get_attribute("points")


@pytest.mark.browser
@with_options([{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}])
def test_a_fourth_training_is_added_and_taken_away_by_touch(context: BrowserContext, site: Site) -> None:
    stage = theatre(context, f"{site.folder.as_uri()}/train.html#img=colosseum&a=original&b=real-b")
    third = stage.locator("figure").nth(2)
    assert not third.locator(".takes").is_visible()
    third.locator("select").select_option("early-stop")
    assert third.locator(".takes").is_visible()
    stage.get_by_role("button", name=NEXT).tap()
    assert third.evaluate(HREF)
    third.locator("select").select_option("")
    assert not third.locator(".takes").is_visible()
    stage.page.wait_for_timeout(300)
    assert "&c=" not in stage.page.url
    assert stage.page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_a_link_that_makes_no_sense_does_no_harm(context: BrowserContext, site: Site) -> None:
    stage = theatre(context, f"{site.address}/train.html#img=colosseum&a=<b>&b=__proto__&level=NaN&epoch=-5")
    assert stage.locator("select").first.input_value() == "original"
    takes = json.loads(stage.get_attribute("data-takes") or "")
    assert stage.locator("figure").first.evaluate(HREF) in [take["src"] for take in takes]


@pytest.mark.browser
def test_further_profiles_show_their_snapshots_too(context: BrowserContext, tmp_path: Path) -> None:
    study = small_study(("original", "real-b"), ("colosseum",))
    for profile in ("preview", "smoke"):
        write_results(tmp_path / "results", study, Synthetic(profile=profile))
    build_site(study, tmp_path / "results", tmp_path / "site")
    for page in ("train.html", "profiles/smoke/train.html"):
        stage = theatre(context, (tmp_path / "site" / page).as_uri())
        href = stage.locator("figure").first.evaluate(HREF)
        assert (tmp_path / "site" / page).parent.joinpath(href).is_file(), page
