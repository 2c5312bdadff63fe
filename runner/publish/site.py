"""results/ -> site/: gather, write files, swap in. The same input gives the same bytes."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from runner.publish.content.cards import card_of
from runner.publish.content.charts import Chart
from runner.publish.content.pages import (
    ExperimentPage,
    ImagePage,
    Page,
    ReproductionPage,
    TimingPage,
    all_pages,
)
from runner.publish.data.gather import gather
from runner.publish.data.model import SiteData
from runner.publish.output.derived import write_derived
from runner.publish.output.downloads import downloads
from runner.publish.output.folder import SiteFolder, site_folder
from runner.publish.output.pictures import all_crops, all_thumbnails, copy_pictures
from runner.publish.output.render import Renderer, static_files
from runner.publish.words import harmless
from runner.study.schema import Study
from singan.errors import UserError


@dataclass(frozen=True)
class SiteReport:
    """What was built, for the one who asked."""

    out: Path
    profile: str
    pages: int
    done: int
    failed: int
    not_run: int
    reused: int
    """Pictures and charts taken over from the site that was there before."""
    faulty_pictures: int
    """Pictures that the record names and that are missing, or not what it says."""
    notes: tuple[str, ...]
    """What the record lacks, or has that is not shown: no longer in the study, or of another profile."""


def build_site(
    study: Study, results_root: Path, out: Path, profile: str | None = None, address: str | None = None
) -> SiteReport:
    """Render the record of one profile (default: the most faithful there) into the folder `out`.

    `address` is where it will be published: services that show a card of a shared page want whole addresses.
    Raises `UserError` when there is nothing to show, a record cannot be read, or `out` is not ours to write;
    then `out` is as it was.
    """
    data = gather(study, results_root, profile)
    with site_folder(out, _made_with()) as folder:
        pages = list(all_pages(data))
        _write(data, pages, folder, _checked(address))
    return SiteReport(
        out=out,
        profile=data.profile.id,
        pages=len(pages),
        done=data.count("done"),
        failed=data.count("failed"),
        not_run=data.count("not run"),
        reused=folder.reused,
        faulty_pictures=data.faulty_pictures,
        notes=(*data.notes, *_not_shown(data)),
    )


def _not_shown(data: SiteData) -> Iterator[str]:
    """A note on what a reader may look for here in vain."""
    for name in data.profiles_elsewhere:
        build = f"singan build-site --profile {shlex.quote(name)} --out FOLDER"
        yield harmless(f'profile "{name}" is in the record too, and not on this site: {build}')


def _checked(address: str | None) -> str:
    """The address with a slash at its end; empty where there is none."""
    if address is None:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise UserError("is no address of a site", where=harmless(address), right="https://host/folder/")
    return f"{address.rstrip('/')}/"


def _write(data: SiteData, pages: list[Page], folder: SiteFolder, address: str) -> None:
    renderer = Renderer(data, address)
    for page in pages:
        folder.write(page.path, renderer.html(page))
    for name, content in (*static_files(), *downloads(data)):
        folder.write(name, content)
    copy_pictures(data, folder)
    charts = (chart for page in pages for chart in _charts(page))
    cards = (card for page in pages if (card := card_of(page, data)))
    maps = (one for page in pages if isinstance(page, ImagePage) for one in page.viewer.maps)
    write_derived([*charts, *all_thumbnails(data), *all_crops(data), *maps, *cards], folder)


def _charts(page: Page) -> list[Chart]:
    """The charts a page shows."""
    found: list[Chart | None] = []
    if isinstance(page, ExperimentPage):
        found += [section.details.loss_chart for section in page.sections if section.details]
    if isinstance(page, TimingPage):
        found += [chart for image in page.images for chart in image.charts.files]
    if isinstance(page, ReproductionPage):
        found += [measure.chart for measure in page.found.measures]
    return [chart for chart in found if chart]


def _made_with() -> str:
    """What decides the bytes of thumbnails and charts, beyond what they show: libraries, and our own code."""
    here = Path(__file__).parent
    drawn_by = (
        "content/cards.py",
        "content/charts.py",
        "content/labels.py",
        "content/maps.py",
        "content/timing_charts.py",
        "output/pictures.py",
    )
    code = b"".join((here / name).read_bytes() for name in drawn_by)
    versions = [f"{name} {version(name)}" for name in ("pillow", "matplotlib", "scikit-image")]
    return ", ".join([*versions, f"code {hashlib.sha256(code).hexdigest()[:12]}"])
