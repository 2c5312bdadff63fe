"""One clear line for anything wrong in a TOML file: the table and key, the line, and what would be right."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
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
    "mapping_type": "must be a table",
    "string_too_short": "must not be empty",
}


def nearest(name: str, valid: Iterable[str]) -> str:
    """What to say would be right instead of `name`: the closest valid name, or all of them."""
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
    """A file that is no TOML. A table or key written twice, so a duplicate id, is a syntax error too."""
    if isinstance(error, RecursionError):
        return UserError("is nested too deeply", where=str(path), right="a study needs four levels of tables")
    message = str(error)
    twice = re.search(r"Cannot declare \((.*)\) twice", message)
    if twice:
        name = ".".join(re.findall(r"'([^']*)'", twice[1]))
        line = re.search(r"line (\d+)", message)
        place = f"{path}, line {line[1]}" if line else str(path)
        return UserError(
            f"[{name}] is there twice", where=place, right="give each its own id, or join the two"
        )
    return UserError(f"is not valid TOML: {message}", where=str(path))


def explain(error: ValidationError, model: type[BaseModel], path: Path, text: str) -> UserError:
    """The first of pydantic's findings in plain words; the others are only counted."""
    # A misspelt key is reported before the key that is missing because of it.
    findings = sorted(error.errors(), key=lambda finding: finding["type"] != "extra_forbidden")
    first = findings[0]
    what, right = _in_words(first, model)
    if len(findings) > 1:
        others = f"(and {len(findings) - 1} more)"
        right = f"{right} {others}" if right else others
    location = tuple(part for part in first["loc"] if part != "[key]")
    return located(what, path, text, location, right)


def _in_words(finding: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None]:
    kind, location, given = finding["type"], finding["loc"], finding["input"]
    name = str(location[-1]) if location else ""
    if kind == "extra_forbidden":
        table = _model_at(model, location[:-1])
        fields = [field for field in table.model_fields if field != "id"] if table else []
        return f'unknown key "{name}"', nearest(name, fields)
    if kind == "literal_error":
        expected = re.findall(r"'([^']*)'", finding["ctx"]["expected"])
        return f"unknown value {_quoted(given)}", nearest(str(given), expected)
    if kind == "string_pattern_mismatch" and (name == "[key]" or _is_id(location)):
        return f"{_quoted(given)} cannot be an id", _ID_RULE
    if kind == "value_error":
        return str(finding["ctx"]["error"]), None
    if kind in _PLAIN_WORDS:
        shown = "" if kind == "missing" else f", not {_quoted(given)}"
        return f'"{name}" {_PLAIN_WORDS[kind]}{shown}', None
    message = finding["msg"]
    return f"{message}, not {_quoted(given)}", None


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence):
        return "a list"
    return str(value)


def _is_id(location: Location) -> bool:
    return location[-1] in ("id", "group") or "images" in location


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The table model a location lies in, found by walking the annotations."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            arguments = get_args(current)
            current = arguments[-1] if get_origin(current) is not tuple and arguments else None
        current = _bare(current)
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _bare(annotation: object) -> object:
    """The annotation without `| None` and `Annotated`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(kind for kind in get_args(annotation) if kind is not type(None)))
    return annotation


def _dotted(location: Location) -> str:
    parts = [part for part in location if isinstance(part, str)]
    return (
        f"[{'.'.join(parts[:2])}]"
        + "".join(f" {part}" for part in parts[2:3])
        + "".join(f".{part}" for part in parts[3:])
    )


def _line_of(text: str, location: Location) -> int | None:
    """Line of the deepest part of a location that stands in the text, counted from 1.

    tomllib tells no positions, so this reads the lines: `[table.headers]` and `key =`.
    """
    parts = [part for part in location if isinstance(part, str)]
    best_depth, best_line = 0, None
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?([^\[\]]+)\]", line)
        if header:
            table = _keys(header[1])
            here = table
        else:
            key = re.match(r"\s*([A-Za-z0-9_.\"'-]+(?:\s*\.\s*[A-Za-z0-9_\"'-]+)*)\s*=", line)
            if not key:
                continue
            here = table + _keys(key[1])
        if len(here) <= len(parts) and parts[: len(here)] == here and len(here) > best_depth:
            best_depth, best_line = len(here), number
    return best_line


def _keys(dotted: str) -> list[str]:
    """`a."b c".d` as its three keys."""
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return []
    keys = []
    while isinstance(value, dict):
        ((key, value),) = value.items()
        keys.append(key)
    return keys
