"""One clear line for anything wrong in a TOML file: the table and key, the line, and what would be right."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from singan.errors import UserError

Location = tuple[str | int, ...]

_ID_RULE = (
    "an id names files and links: lower-case letters and digits, - and _ between them, 64 characters at most"
)
_PLAIN_WORDS = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "string_too_short": "must not be empty",
}
_CHOICES = {"literal_error": ("value", "expected"), "union_tag_invalid": ("kind", "expected_tags")}
"""Errors about values outside a fixed set: what to call the value, and where pydantic lists the set."""
_SAYS_IT_ALL = {"missing", "string_too_short"}
"""Errors that are told without the value given, which would say nothing more."""
_RULES = {
    "file": ("a file name", "letters and digits, with _ and - and dots between them"),
    "sha256": ("a checksum", "it has 64 digits, 0-9 and a-f"),
}
_HUGE = 10**18


def nearest(name: str, valid: Iterable[str]) -> str:
    """Advice about what to write instead of `name`: the closest valid name, or all of them."""
    names = list(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f'did you mean "{close[0]}"?'
    return "valid: " + ", ".join(f'"{known}"' for known in names) if names else "there is none"


def located(what: str, path: Path, text: str, location: Location, right: str | None = None) -> UserError:
    """An error at a table or key of a TOML file."""
    line = _line_of(text, location)
    place = f"{path}, line {line}" if line else str(path)
    return UserError(what, where=f"{place}, {_dotted(location)}" if location else place, right=right)


def syntax_error(path: Path, error: Exception) -> UserError:
    """The error for a file that is no TOML; a table or key written twice, so a duplicate id, is one, too."""
    if isinstance(error, RecursionError):
        return UserError("is nested too deeply", where=str(path), right="a study needs four levels of tables")
    if not isinstance(error, tomllib.TOMLDecodeError):  # (int() on more digits than Python will read)
        return UserError("holds a number of thousands of digits", where=str(path))
    message = str(error)
    position = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    where = str(path)
    if position:
        where = f"{path}, line {position[1]}" if position[1] else f"{path}, at its end"
        message = message[: position.start()]
    twice = re.search(r"Cannot declare \((.*)\) twice", message)
    if twice:
        name = ".".join(re.findall(r"'([^']*)'", twice[1]))
        return UserError(
            f"[{name}] is there twice", where=where, right="give each its own id, or join the two"
        )
    if message == "Cannot overwrite a value":
        return UserError("this key is there twice in its table", where=where, right="keep one")
    return UserError(f"is not valid TOML: {message}", where=where)


def explain(error: ValidationError, model: type[BaseModel], path: Path, text: str) -> UserError:
    """The first of pydantic's findings in plain words; the others are only counted."""
    # A misspelt key is reported before the key that is missing because of it.
    findings = sorted(error.errors(), key=lambda finding: finding["type"] != "extra_forbidden")
    first = findings[0]
    what, right = _in_words(first, model)
    # A bad id is found twice, and a bad value once for `lower` and once for `last`: that is one mistake.
    others = len({(finding["loc"][:-1], *_in_words(finding, model)) for finding in findings}) - 1
    if others and right:
        right = f"{right} (and {others} more)"
    elif others:
        what = f"{what} (and {others} more)"
    location = tuple(part for part in _walk(first["loc"], model)[0] if part != "[key]")
    return located(what, path, text, location, right)


def _in_words(finding: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None]:
    kind, location, given = finding["type"], finding["loc"], finding["input"]
    name = f'"{location[-1]}"' if location else ""
    if len(location) > 1 and isinstance(location[-1], int):
        name = f'item {location[-1] + 1} of "{location[-2]}"'
    if kind == "extra_forbidden":
        table = _walk(location[:-1], model)[1]
        known = table.model_fields.items() if table else ()
        fields = [field.alias or name for name, field in known if name != "id"]
        return f"unknown key {name}", nearest(str(location[-1]), fields)
    if kind in _CHOICES:
        thing, tells = _CHOICES[kind]
        chosen = finding["ctx"].get("tag", given)
        valid = re.findall(r"'([^']*)'", finding["ctx"][tells])
        return f"unknown {thing} {_quoted(chosen)}", nearest(str(chosen), valid)
    if kind == "string_pattern_mismatch":
        thing, rule = _RULES.get(str(location[-1]), ("an id", _ID_RULE))
        return f"{_quoted(given)} cannot be {thing}", rule
    if kind == "value_error":
        return str(finding["ctx"]["error"]), None
    if kind == "union_tag_not_found":
        name, kind = finding["ctx"]["discriminator"].replace("'", '"'), "missing"
    if kind in _PLAIN_WORDS:
        shown = "" if kind in _SAYS_IT_ALL else f", not {_quoted(given)}"
        return f"{name} {_PLAIN_WORDS[kind]}{shown}", None
    message = finding["msg"]
    return f"{message}, not {_quoted(given)}", None


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > _HUGE:
        return "a huge number"
    return str(value)


def _walk(location: Location, model: type[BaseModel]) -> tuple[Location, type[BaseModel] | None]:
    """A location as it stands in the file, and the table model it leads to, by walking the annotations.

    Where tables are told apart by their `kind`, pydantic puts the kind into the location.
    """
    current: Any = model
    written: list[str | int] = []
    for part in location:
        if get_origin(current) in (Union, UnionType):
            current = next((kind for kind in get_args(current) if part in _tags(kind)), None)
            continue
        written.append(part)
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            arguments = get_args(current)
            current = arguments[-1] if get_origin(current) is not tuple and arguments else None
        current = _bare(current)
    return tuple(written), current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _tags(kind: type[BaseModel]) -> tuple[object, ...]:
    return get_args(kind.model_fields["kind"].annotation)


def _bare(annotation: object) -> object:
    """The annotation without `| None` and `Annotated`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _bare(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def _dotted(location: Location) -> str:
    """`[table.id] key.key`; only the table `study` has no id."""
    parts = [part for part in location if isinstance(part, str)]
    depth = 1 if parts[0] == "study" else 2
    return f"[{'.'.join(parts[:depth])}] {'.'.join(parts[depth:])}".rstrip()


def _line_of(text: str, location: Location) -> int | None:
    """Line of the deepest part of a location that stands in the text, counted from 1."""
    parts = [part for part in location if isinstance(part, str)]
    best_depth, best_line = 0, None
    for line, tables in _statements(text):
        depth = _depth(tables, parts)
        if depth > best_depth:
            best_depth, best_line = depth, line
    return best_line


def _statements(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every `[table.header]` and `key = value` by itself: its first line, and its value inside its tables.

    tomllib tells no positions, but it shows where a statement ends: lines are added until they parse.
    """
    header: list[str] = []
    first, pending = 1, ""
    for number, line in enumerate(text.split("\n"), start=1):
        pending += f"{line}\n"
        try:
            said: Any = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        if pending.lstrip().startswith("["):
            header = _only_path(said)
        else:
            for name in reversed(header):
                said = {name: said}
        yield first, said
        first, pending = number + 1, ""


def _only_path(tables: object) -> list[str]:
    """Names of tables that lie in one another: `a.b` of `{a: {b: {}}}`, and of `{a: {b: [{}]}}`."""
    path = []
    while isinstance(tables, dict) and tables:
        ((name, tables),) = tables.items()
        path.append(name)
    return path


def _depth(tables: object, parts: Sequence[str]) -> int:
    """How many of `parts` lead into the tables."""
    for depth, part in enumerate(parts):
        if not isinstance(tables, dict) or part not in tables:
            return depth
        tables = tables[part]
    return len(parts)
