"""Files that are fetched once and verified: from a cache of the user's, or from their public addresses."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

import platformdirs

from singan.errors import UserError

CACHE_VARIABLE = "SINGAN_IMAGES"
"""Environment variable that names the folder of downloaded images."""

PUBLISHED_VARIABLE = "SINGAN_PUBLISHED"
"""Environment variable that names the folder of the author's published pictures, laid out like his site."""

_DOWNLOAD_TIMEOUT_s = 20


def cache_folder(variable: str = CACHE_VARIABLE) -> Path:
    """Where downloads are kept: the folder this environment variable names, or one in the user's cache."""
    configured = os.environ.get(variable)
    name = {CACHE_VARIABLE: "images", PUBLISHED_VARIABLE: "published"}[variable]
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("singan-lab")) / name


class NotAvailableError(UserError):
    """A picture that is in no cache and cannot be downloaded."""


class Download(Protocol):
    """A file to fetch: its place in the cache, perhaps in a folder there, its address, and its checksum."""

    @property
    def file(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def sha256(self) -> str: ...


def fetch(source: Download, variable: str = CACHE_VARIABLE) -> Path:
    """Path of the verified file in the cache that `variable` names, downloaded if it is not there.

    Raises `NotAvailableError` with the address and where to put the file by hand.
    """
    import pooch  # noqa: PLC0415  (slow to import, and needed by few commands)

    place = cache_folder(variable) / source.file
    pooch.get_logger().setLevel("ERROR")
    try:
        path = pooch.retrieve(
            source.url,
            known_hash=f"sha256:{source.sha256}",
            fname=place.name,
            path=place.parent,
            downloader=pooch.HTTPDownloader(timeout=_DOWNLOAD_TIMEOUT_s, progressbar=False),
        )
    except Exception as error:  # (requests, urllib3, pooch and the system each raise their own)
        wrong = "does not match the known hash" in str(error)
        reason = "the file there has another checksum" if wrong else _root_cause(error)
        advice = f"fetch it by hand and put it at {place}"
        if place.is_file():  # (pooch keeps nothing it could not verify, so this one was there before)
            advice = f"the file at {place} has another checksum: replace it"
        raise NotAvailableError(
            f"cannot download {source.url} ({reason})",
            right=f"{advice}, or name a folder that has it in {variable}",
        ) from None
    return Path(path)


def _root_cause(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    text = str(error) or type(error).__name__
    return re.sub(r"^\[Errno [^\]]*\] ", "", text)[:120]
