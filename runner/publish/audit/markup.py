"""A page of the site, read strictly: its elements, its addresses, and where its markup is wrong.

Browsers mend almost anything, so what is wrong is found here. Every element that is opened has to be closed,
in order, as in the templates; HTML itself is less strict, and lets some elements be closed by what follows.
Which element may stand in which is left to HTML Tidy and html5lib, by which the tests check every page; only
what those two pass over is said here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

from runner.streams import harmless

VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
"""Elements that are never closed."""

_LISTS = frozenset({"ol", "ul"})
_LISTED = frozenset({"li", "template"})
"""What lists hold, and nothing else."""

_PARENT = {"figcaption": "figure", "legend": "fieldset", "summary": "details"}
"""The only parents that these elements may have."""

_NEVER_WITHIN: Mapping[str, frozenset[str]] = {
    "a": frozenset({"button"}),
    "button": frozenset({"a", "button"}),
    "footer": frozenset({"header", "footer"}),
    "header": frozenset({"header", "footer"}),
    "main": frozenset({"article", "aside", "header", "footer", "nav"}),
    "select": frozenset({"a", "button"}),
}
"""Ancestors that an element may not have, however far up."""

_REFERRING = ("aria-controls", "aria-describedby", "aria-labelledby", "for", "headers")
"""Attributes that name ids of the same page."""

_DATA_ADDRESSES = ("data-src", "data-thumb", "data-residual", "data-apart")
"""Attributes that hold an address for a script."""

Use = Literal["link", "eager", "lazy"]
"""What an address is for: to be followed; loaded with the page; or loaded when it is needed."""


@dataclass(frozen=True)
class Address:
    """An address in a page."""

    text: str
    line: int
    use: Use


class Markup(HTMLParser):
    """What a page holds; `problems` are `line N: what is wrong`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.addresses: list[Address] = []
        self.choices: list[tuple[Address, ...]] = []
        """Groups of addresses of which a browser loads one with the page: the sizes of a picture."""
        self.ids: set[str] = set()
        self._references: list[tuple[str, int]] = []
        self._open: list[str] = []
        self._forbidden(text)
        self.feed(text)
        self.close()
        if self._open:
            self._wrong(f"<{self._open[-1]}> is never closed")
        for name, line in self._references:
            if name not in self.ids:
                self._wrong(f'no element has the id "{name}"', line)

    def _wrong(self, what: str, line: int | None = None) -> None:
        self.problems.append(f"line {line or self.getpos()[0]}: {what}")

    def _forbidden(self, text: str) -> None:
        """Characters that no page may hold, escaped or not."""
        for number, line in enumerate(text.split("\n"), 1):
            shown = harmless(line)
            if shown != line:
                first = next(there for there, seen in zip(line, shown, strict=True) if there != seen)
                self._wrong(f"the character U+{ord(first):04X}", number)

    # Nesting

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called when an element is opened."""
        self._element(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called when an element is closed in its own tag, which only those of a drawing may be."""
        self._element(tag, attrs)
        if tag not in VOID and "svg" not in self._open:
            self._wrong(f"<{tag}/> does not close it")

    def handle_endtag(self, tag: str) -> None:
        """Called when an element is closed."""
        if self._open[-1:] == [tag]:
            self._open.pop()
        elif tag in self._open:
            self._wrong(f"</{tag}> where <{self._open[-1]}> is open")
            while self._open.pop() != tag:
                pass
        else:
            self._wrong(f"</{tag}> closes nothing")

    def _element(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if "svg" not in self._open:
            for what in _misplaced(tag, self._open):
                self._wrong(what)
        given = {name: value or "" for name, value in attrs}
        if len(given) < len(attrs):
            self._wrong(f"<{tag}> has an attribute twice")
        self._attributes(tag, given)

    # Attributes

    def _attributes(self, tag: str, given: Mapping[str, str]) -> None:
        name = given.get("id")
        if name is not None:
            if name in self.ids:
                self._wrong(f'the id "{name}" is there twice')
            if not name or name.split() != [name]:
                self._wrong(f'"{name}" is no id')
            self.ids.add(name)
        for attribute in _REFERRING:
            self._references += [(one, self.getpos()[0]) for one in given.get(attribute, "").split()]
        if tag == "img":
            if "alt" not in given:
                self._wrong("a picture without alt")
            if not (given.get("width", "").isdecimal() and given.get("height", "").isdecimal()):
                self._wrong("a picture without its size")
        if any(attribute.startswith("on") or attribute == "style" for attribute in given):
            self._wrong(f"<{tag}> has a style or a script of its own")
        self._collect(tag, given)

    def _collect(self, tag: str, given: Mapping[str, str]) -> None:
        line = self.getpos()[0]
        is_lazy = given.get("loading") == "lazy" or {"template", "noscript"} & set(self._open)
        use: Use = "lazy" if is_lazy or tag == "source" else "eager"
        if tag == "a" or (tag == "link" and given.get("rel") not in {"stylesheet", "icon"}):
            use = "link"
        found = [Address(text, line, use) for text in _plain(given)]
        if tag == "img" and use == "eager":
            self.choices.append(tuple(found))
        self.addresses += found
        self.addresses += [Address(text, line, "lazy") for text in _of_data(given)]


def _misplaced(tag: str, ancestors: list[str]) -> Iterator[str]:
    """What is wrong with an element at this place."""
    parent = ancestors[-1] if ancestors else ""
    if parent in _LISTS and tag not in _LISTED:
        yield f"<{tag}> directly in <{parent}>"
    if tag in _PARENT and parent not in {_PARENT[tag], "template"}:
        yield f"<{tag}> outside <{_PARENT[tag]}>"
    for other in sorted(_NEVER_WITHIN.get(tag, frozenset()) & set(ancestors)):
        yield f"<{tag}> within <{other}>"


def _plain(given: Mapping[str, str]) -> Iterator[str]:
    """Addresses in the attributes that browsers know."""
    yield from (given[name] for name in ("href", "src") if name in given)
    yield from (part.split()[0] for part in given.get("srcset", "").split(",") if part.strip())


def _of_data(given: Mapping[str, str]) -> Iterator[str]:
    """Addresses in the attributes that scripts read; the `/` put in front stands for the site's folder."""
    yield from (f"/{given[name]}" for name in _DATA_ADDRESSES if name in given)
    for name in ("data-levels", "data-takes", "data-files"):
        text = given.get(name, "")
        yield from (f"/{sheet['src']}" for sheet in (json.loads(text) if text.startswith("[") else ()))
