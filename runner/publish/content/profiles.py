"""The pages of every profile of the record, and the links that lead from one profile's pages to another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from runner.publish.content.all_pages import all_pages
from runner.publish.content.pages import Page
from runner.publish.data.model import SiteData


@dataclass(frozen=True)
class ProfilePages:
    """The pages of one profile."""

    data: SiteData
    folder: str
    """Where they are in the site: nothing for the first profile, `profiles/preview/` for another one."""
    pages: tuple[Page, ...]

    @property
    def root(self) -> str:
        """Prefix that leads from the folder of these pages to the site's, where what all pages share lies."""
        return "../" * self.folder.count("/")

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths of the pages, below the folder."""
        return frozenset(page.path for page in self.pages)


@dataclass(frozen=True)
class ProfileLink:
    """A profile that one can look at instead."""

    name: str
    title: str
    href: str
    """The same page in that profile, or its first page where it has no such page; empty on its own pages."""


def pages_by_profile(profiles: Sequence[SiteData]) -> tuple[ProfilePages, ...]:
    """The pages of these profiles; those of the first one are where a reader of the site begins."""
    return tuple(
        ProfilePages(data, f"profiles/{data.folder}/" if index else "", tuple(all_pages(data)))
        for index, data in enumerate(profiles)
    )


def profile_links(
    page: Page, shown: ProfilePages, profiles: Sequence[ProfilePages]
) -> tuple[ProfileLink, ...]:
    """What a page of the profile `shown` offers: every profile of the site, or nothing where there is one."""
    titles = [other.data.profile.title for other in profiles]
    links = []
    for other, title in zip(profiles, titles, strict=True):
        name = other.data.folder
        path = other.folder + (page.path if page.path in other.paths else "index.html")
        href = "" if other is shown else page.home + shown.root + quote(path, errors="replace")
        links.append(ProfileLink(name, title if titles.count(title) == 1 else f"{title} ({name})", href))
    return tuple(links) if len(links) > 1 else ()
