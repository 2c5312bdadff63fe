"""Labels of a scatter lie close to their dots, on no dot and on no other label."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.publish.content.labels import Box, Label, place_labels

AREA = Box(0, 0, 300, 200)
NOTE = Box(0, 180, 120, 200)
LETTER, HEIGHT, RADIUS = 5.0, 10.0, 4.0
NAMES = st.text("abc", min_size=1, max_size=12)
DOTS = st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200), NAMES), max_size=45)

Dots = list[tuple[float, float, str]]


def labels_of(dots: Dots) -> list[Label | None]:
    return place_labels(
        [(x, y) for x, y, _ in dots],
        [name for *_, name in dots],
        letter=LETTER,
        height=HEIGHT,
        radius=RADIUS,
        area=AREA,
        kept_free=(NOTE,),
    )


def boxes_of(dots: Dots) -> list[Box | None]:
    pairs = zip(labels_of(dots), dots, strict=True)
    return [label and label.box(LETTER * len(name), HEIGHT) for label, (*_, name) in pairs]


@given(DOTS)
def test_labels_meet_neither_labels_nor_dots_nor_the_note_and_stay_inside(dots: Dots) -> None:
    boxes = [box for box in boxes_of(dots) if box]
    for index, box in enumerate(boxes):
        assert not any(box.meets(other) for other in boxes[:index])
        assert not any(box.meets(Box(x - 4, y - 4, x + 4, y + 4)) for x, y, _ in dots)
        assert not box.meets(NOTE)
        assert box.left >= 0
        assert box.right <= 300
        assert box.bottom >= 0
        assert box.top <= 200


@given(DOTS)
def test_no_other_dot_is_closer_to_a_label_than_its_own(dots: Dots) -> None:
    for box, (x, y, _) in zip(boxes_of(dots), dots, strict=True):
        if box:
            assert box.distance(x, y) <= min(box.distance(*other) for *other, _ in dots)
            assert box.distance(x, y) < 20


@given(st.floats(70, 230), st.floats(20, 160))
def test_a_dot_by_itself_has_its_label_at_its_right(x: float, y: float) -> None:
    (box,) = boxes_of([(x, y, "abcabcabca")])
    assert box
    assert box.left >= x + 4
    assert box.bottom < y < box.top


def test_equal_labels_close_to_each_other_are_written_once() -> None:
    near, far = (120.0, 100.0, "ab"), (250.0, 40.0, "ab")
    first, second, third = labels_of([(100.0, 100.0, "ab"), near, far])
    assert first
    assert second is None
    assert third


def test_an_empty_label_takes_no_place() -> None:
    assert labels_of([(10, 10, "")]) == [None]
