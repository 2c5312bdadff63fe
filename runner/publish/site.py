"""results/ -> site/: gather, render, write the files. The same input gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from runner.publish.content.cards import card_of
from runner.publish.content.charts import Chart, TwoSizes
from runner.publish.content.pages import ExperimentPage, ImagePage, Page, ReproductionPage, TimingPage
from runner.publish.content.profiles import ProfilePages, pages_by_profile
from runner.publish.data.gather import gather_all
from runner.publish.data.model import SiteData
from runner.publish.output.derived import write_derived
from runner.publish.output.downloads import downloads
from runner.publish.output.folder import SiteFolder, site_folder
from runner.publish.output.pictures import all_crops, all_thumbnails, copy_pictures
from runner.publish.output.render import Renderer, static_files
from runner.streams import harmless
from runner.study.schema import Study
from singan.errors import UserError


@dataclass(frozen=True)
class SiteReport:
    """What was built."""

    out: Path
    profiles: tuple[str, ...]
    """The profiles that are shown; the site begins with the first."""
    pages: int
    done: int
    failed: int
    not_run: int
    reused: int
    """Pictures and charts taken over from the site that was there before."""
    faulty_pictures: int
    """Pictures that the record names and that are missing, or not what it says."""
    notes: tuple[str, ...]
    """What the record lacks, and what it has that is not shown because the study no longer has it."""


def build_site(
    study: Study, results_root: Path, out: Path, first: str | None = None, address: str | None = None
) -> SiteReport:
    """Render the record of every profile into the folder `out`; the site begins with profile `first`.

    That is the most faithful profile by default; the pages of the others lie below it, in `profiles/`.

    `address` is where it will be published: services that show a card of a shared page want whole addresses.
    Raises `UserError` when there is nothing to show, a record cannot be read, or `out` is not ours to write;
    then `out` is as it was.
    """
    profiles = gather_all(study, results_root, first)
    with site_folder(out, _made_with()) as folder:
        shown = pages_by_profile(profiles)
        _write(shown, folder, _checked(address))
    return SiteReport(
        out=out,
        profiles=tuple(data.folder for data in profiles),
        pages=sum(len(each.pages) for each in shown),
        done=sum(data.count("done") for data in profiles),
        failed=sum(data.count("failed") for data in profiles),
        not_run=sum(data.count("not run") for data in profiles),
        reused=folder.reused,
        faulty_pictures=sum(data.faulty_pictures for data in profiles),
        notes=tuple(_notes(profiles)),
    )


def _notes(profiles: Sequence[SiteData]) -> Iterator[str]:
    """The notes on all profiles, each with the profile's name where there are several."""
    for data in profiles:
        name = "" if len(profiles) == 1 else harmless(f"{data.folder}: ")
        yield from (f"{name}{note}" for note in data.notes)


def _checked(address: str | None) -> str:
    """The address with a slash at its end; empty where there is none."""
    if address is None:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise UserError("is no address of a site", where=harmless(address), right="https://host/folder/")
    return f"{address.rstrip('/')}/"


def _write(profiles: Sequence[ProfilePages], folder: SiteFolder, address: str) -> None:
    for name, content in static_files():
        folder.write(name, content)
    for shown in profiles:
        renderer = Renderer(shown, profiles, address)
        for page in shown.pages:
            folder.write(shown.folder + page.path, renderer.html(page))
        for name, content in downloads(shown.data, shown.root):
            folder.write(shown.folder + name, content)
        copy_pictures(shown.data, folder)
    pages = [(shown.data, page) for shown in profiles for page in shown.pages]
    charts = (chart for _, page in pages for chart in _charts(page))
    thumbnails = (each for shown in profiles for each in all_thumbnails(shown.data))
    crops = (each for shown in profiles for each in all_crops(shown.data))
    cards = (card for data, page in pages if (card := card_of(page, data)))
    maps = (one for _, page in pages if isinstance(page, ImagePage) for one in page.viewer.maps)
    write_derived([*charts, *thumbnails, *crops, *maps, *cards], folder)


def _charts(page: Page) -> list[Chart]:
    """The charts a page shows."""
    found: list[Chart] = []
    sizes: list[TwoSizes[Chart] | None] = []
    if isinstance(page, ExperimentPage):
        sizes += [section.details.loss_chart for section in page.sections if section.details]
    if isinstance(page, TimingPage):
        found += [chart for image in page.images for chart in image.charts.files]
    if isinstance(page, ReproductionPage):
        sizes += [measure.chart for measure in page.found.measures]
    return [*found, *(chart for both in sizes if both for chart in both.both)]


def _made_with() -> str:
    """What decides the bytes of thumbnails and charts, beyond what they show: libraries, and our own code."""
    here = Path(__file__).parent
    drawn_by = (
        "content/cards.py",
        "content/charts.py",
        "content/labels.py",
        "content/maps.py",
        "content/scatter_chart.py",
        "content/timing_charts.py",
        "output/pictures.py",
    )
    code = b"".join((here / name).read_bytes() for name in drawn_by)
    versions = [f"{name} {version(name)}" for name in ("pillow", "matplotlib", "scikit-image")]
    return ", ".join([*versions, f"code {hashlib.sha256(code).hexdigest()[:12]}"])
