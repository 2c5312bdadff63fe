"""Whether a built site is whole, valid and light, and loads nothing from elsewhere."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from runner.publish.audit.markup import Address, Markup
from runner.publish.output.folder import is_temporary, written_files

MOST_FIRST_LOAD_bytes = 1_000_000
"""Most bytes of a page with its styles, its scripts, and the pictures that are loaded at once."""
MOST_SCRIPT_bytes = 60_000
"""Most bytes of all scripts together."""

_SIGNATURES = {
    ".png": re.compile(rb"\x89PNG\r\n\x1a\n.{4}", re.DOTALL),
    ".webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
"""The first 12 bytes of pictures."""

_FOREIGN_IN_CODE = re.compile(r"@import|url\(|https?://", re.IGNORECASE)
"""What a style sheet or a script would load something with; neither may."""


@dataclass(frozen=True)
class Audit:
    """What was found: problems, a line each, and the weights in bytes."""

    problems: tuple[str, ...]
    pages: int
    heaviest_page: int
    scripts: int


def audit(folder: Path) -> Audit:
    """Look at every page of the site in `folder`. Raises `UserError` where there is none."""
    return _Audit(folder).result()


class _Audit:
    """A site while it is looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = {name: (folder / name).stat().st_size for name in _present(folder)}
        """Sizes of everything there, by name; what somebody put beside our pages may be linked to."""
        ours = sorted(written_files(folder))
        self._lost = [name for name in ours if name not in self._files]
        self._pages = {name: self._read(name) for name in ours if _is(name, ".html") and name in self._files}
        self._pictures = [name for name in ours if _is(name, *_SIGNATURES) and name in self._files]
        self._code = [name for name in ours if _is(name, ".css", ".js") and name in self._files]

    def _read(self, name: str) -> Markup:
        return Markup((self._folder / name).read_text(encoding="utf-8"))

    def result(self) -> Audit:
        problems = [f"{name}: is missing" for name in self._lost]
        weights = {name: self._first_load(name) for name in self._pages}
        for name, page in self._pages.items():
            problems += [f"{name}: {problem}" for problem in page.problems]
            problems += [
                f"{name}: line {a.line}: {why}" for a in page.addresses for why in self._wrong(a, name)
            ]
            if weights[name] > MOST_FIRST_LOAD_bytes:
                problems.append(f"{name}: loads {_kilobytes(weights[name])} at once")
        problems += [f"{name}: is no picture" for name in self._pictures if not self._is_picture(name)]
        problems += [f"{name}: names something to load" for name in self._code if self._loads(name)]
        scripts = sum(self._files[name] for name in self._code if _is(name, ".js"))
        if scripts > MOST_SCRIPT_bytes:
            problems.append(f"static: scripts of {_kilobytes(scripts)}")
        return Audit(tuple(problems), len(self._pages), max(weights.values(), default=0), scripts)

    def _wrong(self, address: Address, page: str) -> Iterator[str]:
        """Why an address leads nowhere, or away."""
        parts = urlsplit(address.text)
        if parts.scheme or parts.netloc:
            if address.use != "link" or parts.scheme != "https":
                yield f"outside the site: {address.text}"
            return
        if address.use != "lazy" and parts.path.startswith("/"):
            yield f"not relative: {address.text}"
            return
        target = _target(parts.path, page)
        if target not in self._files:
            what = "dead link" if address.use == "link" else "missing file"
            yield f"{what}: {address.text}"
        elif (
            parts.fragment
            and target in self._pages
            and not _is_place(parts.fragment, self._pages[target].ids)
        ):
            yield f"dead link, no such place there: {address.text}"

    def _first_load(self, name: str) -> int:
        """Bytes of a page and of what it loads at once; of a picture in several sizes, the largest."""
        page = self._pages[name]
        one_of = {address for choice in page.choices for address in choice}
        eager = [a.text for a in page.addresses if a.use == "eager" and a not in one_of]
        largest = [
            max((a.text for a in choice), key=lambda text: self._size(text, name)) for choice in page.choices
        ]
        targets = {_target(text, name) for text in (*eager, *largest)}
        return self._files[name] + sum(self._files.get(target, 0) for target in targets)

    def _size(self, text: str, page: str) -> int:
        return self._files.get(_target(text, page), 0)

    def _is_picture(self, name: str) -> bool:
        """Whether a file begins as its kind does; a Git LFS pointer, say, does not."""
        with (self._folder / name).open("rb") as file:
            return _SIGNATURES[PurePosixPath(name).suffix].fullmatch(file.read(12)) is not None

    def _loads(self, name: str) -> bool:
        return bool(_FOREIGN_IN_CODE.search((self._folder / name).read_text(encoding="utf-8")))


def _is_place(fragment: str, ids: Collection[str]) -> bool:
    """Whether a fragment names an element, or what a script shows of an image: a view, a moment."""
    image = parse_qs(fragment).get("img", [""])[0]
    return unquote(fragment) in ids or bool({f"viewer.{image}", f"theatre.{image}"} & set(ids))


def _present(folder: Path) -> Collection[str]:
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in names if not is_temporary(name)]


def _is(name: str, *suffixes: str) -> bool:
    return name.endswith(suffixes)


def _target(path: str, page: str) -> str:
    """The file that a path in a page leads to; one that begins with a slash begins in the site's folder.

    What is outside the folder begins with dots, and is no file of the site.
    """
    if not path:
        return page
    start = "" if path.startswith("/") else posixpath.dirname(page)
    return posixpath.normpath(posixpath.join(start, unquote(path).lstrip("/")))


def _kilobytes(size: int) -> str:
    return f"{size / 1000:.1f} KB"
