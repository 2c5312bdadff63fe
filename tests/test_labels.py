"""Labels of a scatter lie on no dot and on no other label."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.publish.content.labels import Box, place_labels

AREA = Box(0, 0, 300, 200)
DOTS = st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200), st.floats(5, 60)), max_size=25)


def boxes_of(dots: list[tuple[float, float, float]]) -> list[Box]:
    places = place_labels(
        [(x, y) for x, y, _ in dots], [width for *_, width in dots], height=10, radius=4, area=AREA
    )
    return [
        Box(place.x - width / 2, place.y - 5, place.x + width / 2, place.y + 5)
        for place, (*_, width) in zip(places, dots, strict=True)
        if place is not None
    ]


@given(DOTS)
def test_labels_meet_neither_labels_nor_dots_and_stay_inside(dots: list[tuple[float, float, float]]) -> None:
    boxes = boxes_of(dots)
    for index, box in enumerate(boxes):
        assert not any(box.meets(other) for other in boxes[:index])
        assert not any(box.meets(Box(x - 4, y - 4, x + 4, y + 4)) for x, y, _ in dots)
        assert box.left >= 0
        assert box.right <= 300
        assert box.bottom >= 0
        assert box.top <= 200


@given(st.floats(70, 230), st.floats(20, 180))
def test_a_dot_by_itself_has_its_label_at_its_right(x: float, y: float) -> None:
    (box,) = boxes_of([(x, y, 50)])
    assert box.left >= x + 4
    assert box.bottom < y < box.top


def test_an_empty_label_takes_no_place() -> None:
    assert place_labels([(10, 10)], [0], height=10, radius=4, area=AREA) == [None]
