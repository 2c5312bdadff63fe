"""Ways to spoil a file: its text, its bytes, or what it says, each drawn by hypothesis."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]
"""Where a value lies in nested dicts and lists."""

_PRINTABLE = st.text(st.characters(codec="utf-8"), max_size=30)

ODD_TEXT = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "\0",
            "..",
            "../../outside",
            "../../../../outside",
            "/etc/hostname",
            "con",
            "a/b",
            "x" * 300,
            "x" * 5000,
            "<script>alert(1)</script>",
            '" onload="alert(1)',
            "{{ 7 * 7 }}{% raw %}%s{0}",
            "=1+1",
            "two\nlines\r\x85\u2028more",
            "\x1b[31mred",
            "\u202eright to left",
            "e\u0301\N{PILE OF POO}\U0010ffff\ufffe",
            "nan",
            "2024-05-06T07:08:09Z",
            "https://[::1",
        ]
    ),
    _PRINTABLE,
)

_ODD_INTEGERS = st.one_of(
    st.sampled_from([0, -1, 1, 7, 2**31, 2**63, -(2**63) - 1, 10**20, 10**400, -(10**400)]), st.integers()
)

ODD_NUMBERS = st.one_of(
    _ODD_INTEGERS,
    st.sampled_from([0.5, -0.0, 1e-320, 1e308, -1e308, math.nan, math.inf, -math.inf]),
    st.floats(),
)


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


ODD_VALUES: st.SearchStrategy[Any] = st.one_of(
    ODD_NUMBERS,
    ODD_TEXT,
    st.booleans(),
    st.none(),
    st.recursive(
        st.one_of(ODD_NUMBERS, ODD_TEXT, st.none()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXT, inner, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from([20, 90, 220]).map(nested),
)
"""Anything JSON can say, and what Python says for it (NaN, infinities)."""


@st.composite
def spoilt_tree(draw: st.DrawFn, tree: Any, most: int = 3) -> Any:
    """Nested dicts and lists with a few values replaced, removed, renamed, moved, repeated or wrapped."""
    tree = _copy(tree)
    for _ in range(draw(st.sampled_from([1] * 2 * most + list(range(2, most + 1))))):
        places = list(_places(tree))
        if not places:
            return draw(ODD_VALUES)
        tree = _spoil(draw, tree, places)
    return tree


def _spoil(draw: st.DrawFn, tree: Any, places: list[Path]) -> Any:
    path = draw(st.sampled_from(places))
    parent, last = _at(tree, path[:-1]), path[-1]
    kind = draw(
        st.sampled_from(["like"] * 6 + ["odd", "odd", "other", "other", "remove", "rename", "wrap", "repeat"])
    )
    if kind == "remove":
        del parent[last]
    elif kind == "rename" and isinstance(parent, dict):
        parent[draw(ODD_TEXT)] = parent.pop(last)
    elif kind == "repeat" and isinstance(last, int):
        parent[last:last] = [parent[last]] * draw(st.sampled_from([1, 2, 50]))
    elif kind == "wrap":
        parent[last] = [parent[last]]
    elif kind == "other":
        parent[last] = _copy(_at(tree, draw(st.sampled_from(places))))
    elif kind == "like" and not isinstance(parent[last], dict | list):
        parent[last] = draw(_odd_like(parent[last]))
    else:
        parent[last] = draw(ODD_VALUES)
    return tree


def _odd_like(value: Any) -> st.SearchStrategy[Any]:
    """Of the same type, which gets further than anything at all."""
    if isinstance(value, bool):
        return st.just(not value)
    if isinstance(value, int):
        return st.one_of(
            st.integers(-1, 300), st.sampled_from([value - 1, value + 1, 2 * value]), _ODD_INTEGERS
        )
    return ODD_NUMBERS if isinstance(value, float) else ODD_TEXT


def _places(tree: Any, path: Path = ()) -> Iterator[Path]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in inner:
        yield (*path, name)
        yield from _places(value, (*path, name))


def _at(tree: Any, path: Path) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def _copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _copy(value) for name, value in tree.items()}
    return [_copy(value) for value in tree] if isinstance(tree, list) else tree


@st.composite
def spoilt_bytes(draw: st.DrawFn, data: bytes, most: int = 6) -> bytes:
    """Bytes with some flipped, cut off, cut out, put in or repeated."""
    spoilt = bytearray(data)
    for _ in range(draw(st.integers(1, most))):
        start = draw(st.integers(0, len(spoilt)))
        end = min(len(spoilt), start + draw(st.sampled_from([1, 2, 4, 8, 64, 10**9])))
        kind = draw(st.sampled_from(["flip", "flip", "put", "out", "repeat", "zero"]))
        if kind == "flip" and start < len(spoilt):
            spoilt[start] ^= draw(st.integers(1, 255))
        elif kind == "put":
            spoilt[start:start] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "out":
            del spoilt[start:end]
        elif kind == "repeat":
            spoilt[start:start] = spoilt[start : min(end, start + 64)]
        else:
            spoilt[start:end] = bytes(end - start)
    return bytes(spoilt)


_TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|[\[\]{}=,#]|\n')


@st.composite
def spoilt_text(draw: st.DrawFn, text: str, most: int = 4) -> str:
    """Text whose words, brackets or lines are removed, swapped, repeated or replaced by something odd."""
    pieces = re.split(r"(?<=\n)", text) if draw(st.booleans()) else _tokens(text)
    for _ in range(draw(st.integers(1, most))):
        here, there = (draw(st.integers(0, len(pieces) - 1)) for _ in range(2))
        kind = draw(st.sampled_from(["remove", "swap", "repeat", "odd", "copy"]))
        if kind == "remove":
            pieces[here] = ""
        elif kind == "swap":
            pieces[here], pieces[there] = pieces[there], pieces[here]
        elif kind == "repeat":
            pieces[here] *= draw(st.sampled_from([2, 3, 500])) if len(pieces[here]) < 200 else 2
        elif kind == "copy":
            pieces[here] = pieces[there]
        else:
            pieces[here] = draw(_odd_token)
    return "".join(pieces)


_odd_token: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(
        ['"', "'''", '"""', "[", "[[", "]", "{", "}", "=", "#", "\\", "\r", "\0", "\ufeff", "[a.a.a]", "a=1"]
    ),
    st.sampled_from(["nan", "-inf", "1e999", "0x" + "f" * 5000, "9" * 5000, "1" * 400, "true", "1979-05-27"]),
    st.sampled_from([50, 300, 480, 2000]).flatmap(
        lambda depth: st.sampled_from(["[" * depth + "]" * depth, "{a=" * depth, "a." * depth + "a=1"])
    ),
    ODD_TEXT,
    st.deferred(lambda: ODD_TEXT.map(as_toml)),
)


def _tokens(text: str) -> list[str]:
    pieces, done = [], 0
    for found in _TOKEN.finditer(text):
        pieces += [text[done : found.start()], found[0]]
        done = found.end()
    return [piece for piece in (*pieces, text[done:]) if piece]


def as_toml(value: Any, header: tuple[str, ...] = ()) -> str:
    """A value as TOML: a document of tables for a dict at the top, else as it stands behind `key =`."""
    return _inline(value) if not isinstance(value, dict) else _document(value, header)


def _document(tables: dict[str, Any], header: tuple[str, ...]) -> str:
    """Keys first, then tables under their headers, two deep as in the study; what is deeper stays inline."""
    own = {name: value for name, value in tables.items() if not _is_table(value, header)}
    lines = [f"{_text(name)} = {_inline(value)}" for name, value in own.items()]
    for name, value in tables.items():
        if name not in own:
            inner = (*header, name)
            lines += [f"[{'.'.join(map(_text, inner))}]", _document(value, inner)]
    return "\n".join([*lines, ""])


def _is_table(value: Any, header: tuple[str, ...]) -> bool:
    return isinstance(value, dict) and len(header) < 2


def _inline(value: Any) -> str:
    kinds: dict[type, Callable[[Any], str]] = {
        dict: lambda v: "{" + ", ".join(f"{_text(name)} = {_inline(part)}" for name, part in v.items()) + "}",
        list: lambda v: "[" + ", ".join(map(_inline, v)) + "]",
        str: _text,
        bool: lambda v: str(v).lower(),
        int: str,
        float: repr,
    }
    write = kinds.get(type(value))
    return "1979-05-27" if write is None else write(value)  # (TOML has no null, and JSON has no dates)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", r"\u007F")
