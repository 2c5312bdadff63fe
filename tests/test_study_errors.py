"""Messages about a TOML file: the nearest name, the right line, plain words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runner.study.errors import Location, explain, located, nearest, syntax_error

FILE = Path("study.toml")


@pytest.mark.parametrize(
    ("name", "valid", "said"),
    [
        ("smok", ["paper", "smoke"], 'did you mean "smoke"?'),
        ("zzz", ["paper", "smoke"], 'valid: "paper", "smoke"'),
        ("", ["paper"], 'valid: "paper"'),
        ("zzz", [], "there is none"),
    ],
)
def test_the_nearest_name_is_proposed_and_otherwise_all(name: str, valid: list[str], said: str) -> None:
    assert nearest(name, valid) == said


@given(name=st.text(max_size=10), valid=st.lists(st.text(max_size=10), max_size=5))
def test_only_valid_names_are_proposed(name: str, valid: list[str]) -> None:
    said = nearest(name, valid)
    proposed = said.removeprefix('did you mean "').removesuffix('"?')
    assert proposed in valid or said.startswith(("valid: ", "there is none"))


TEXT = '''\
# [image.cows] in a comment
title = "top"

[study]
question = """
[image.cows]
title = "in a text"
"""
factor = 8

[image.cows]
title = "Cows"  # title = "in a comment"
crop = { x = 1, size = { width = 2 } }
"odd key" = 3
list = [
    1,
    [2, 3],
]
dotted.key.path = 4

  [ image . "stone-face" ]
title = 'Face'
[image.cows.truth]
file = "x"
[[image.many]]
title = "one"
'''


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("title",), 2),
        (("study",), 4),
        (("study", "question"), 5),
        (("study", "factor"), 9),
        (("study", "missing"), 4),
        (("image", "cows"), 11),
        (("image", "cows", "title"), 12),
        (("image", "cows", "crop", "size", "width"), 13),
        (("image", "cows", "crop", "size", "missing"), 13),
        (("image", "cows", "odd key"), 14),
        (("image", "cows", "list", 1), 15),
        (("image", "cows", "dotted", "key", "path"), 19),
        (("image", "stone-face"), 21),
        (("image", "stone-face", "title"), 22),
        (("image", "cows", "truth", "file"), 24),
        (("image", "cows", "truth", "missing"), 23),
        (("image", "many"), 25),
        (("image",), 11),
    ],
)
def test_the_line_is_that_of_the_deepest_part_that_is_there(location: Location, line: int) -> None:
    assert str(located("wrong", FILE, TEXT, location)).startswith(f"study.toml, line {line}, [")


def test_the_lines_above_are_those_of_valid_toml() -> None:
    assert set(tomllib.loads(TEXT)) == {"title", "study", "image"}


def test_no_line_is_given_for_what_is_not_there_at_all() -> None:
    assert str(located("is missing", FILE, TEXT, ("group",))) == "study.toml, [group]: is missing"
    assert str(located("is missing", FILE, TEXT, ())) == "study.toml: is missing"


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\\n"])
def test_only_line_feeds_count_as_lines(separator: str) -> None:
    text = f'title = "a{separator}b"\nwrong = 1\n'
    assert ", line 2," in str(located("wrong", FILE, text, ("wrong",)))


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (("study", "factor"), "[study] factor"),
        (("image", "cows"), "[image.cows]"),
        (("image", "cows", "crop", "x"), "[image.cows] crop.x"),
        (("image", "cows", "list", 1), "[image.cows] list"),
    ],
)
def test_a_place_is_a_table_and_a_key_in_it(location: Location, place: str) -> None:
    assert str(located("wrong", FILE, TEXT, location)).endswith(f", {place}: wrong")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a.b]\n[a.b]", "study.toml, line 2: [a.b] is there twice; give each its own id, or join the two"),
        ("a = 1\na = 2\n", "study.toml, line 2: this key is there twice in its table; keep one"),
        ("a = 1\na = 2", "study.toml, at its end: this key is there twice in its table; keep one"),
        ("\na = \n", "study.toml, line 2: is not valid TOML: Invalid value"),
        ("\na = ", "study.toml, at its end: is not valid TOML: Invalid value"),
        ('a = """', "study.toml, at its end: is not valid TOML: Unterminated string"),
        ("a = " + "9" * 5000, "study.toml: holds a number of thousands of digits"),
        ("a = " + "[" * 5000, "study.toml: is nested too deeply; a study needs four levels of tables"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as refused:
        tomllib.loads(text)
    assert str(syntax_error(FILE, refused.value)) == said


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    width: int
    height: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    inner: Inner
    count: Annotated[int, Field(ge=1)] = 1


def said_of(text: str) -> str:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate(tomllib.loads(text))
    return str(explain(refused.value, Outer, FILE, text))


def test_further_mistakes_are_counted() -> None:
    assert said_of("[inner]\n") == 'study.toml, line 1, [inner.width]: "width" is missing (and 1 more)'


def test_a_misspelt_key_comes_before_the_one_missing_because_of_it() -> None:
    assert said_of("[inner]\nheight = 2\nwidht = 1\n") == (
        'study.toml, line 3, [inner.widht]: unknown key "widht"; did you mean "width"? (and 1 more)'
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("true", '"count" must be a whole number, not true'),
        ("[]", '"count" must be a whole number, not a list'),
        ("{}", '"count" must be a whole number, not a table'),
        ('"' + "x" * 99 + '"', f'"count" must be a whole number, not "{"x" * 57}..."'),
        ("-0x" + "f" * 5000, "Input should be greater than or equal to 1, not a huge number"),
    ],
)
def test_the_value_given_is_told_briefly(value: str, said: str) -> None:
    text = f"count = {value}\n[inner]\nwidth = 1\nheight = 1\n"
    if value.startswith("-"):  # TOML has no negative hexadecimal numbers, but a program may hand one over
        with pytest.raises(ValidationError) as refused:
            Outer.model_validate({"count": -(16**5000), "inner": {"width": 1, "height": 1}})
        assert str(explain(refused.value, Outer, FILE, "count = 0")).endswith(said)
    else:
        assert said_of(text).endswith(said)
