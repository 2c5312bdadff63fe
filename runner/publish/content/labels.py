"""Where the labels of a scatter go: close to their dots, on no dot and on no other label, or nowhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

GAP_px = 3.0
"""Two labels are no closer to each other than this."""

_NEAR_px = (2.0, 5.0, 9.0)
"""Distances from its dot that a label is tried at: further off, nobody would know whose it is."""

_TWINS_px = 30.0
"""Of two equal labels whose dots are no further apart than this, only the first is written."""


class Box(NamedTuple):
    """A rectangle, pixels; y grows upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether the two share some area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def grown(self, margin: float) -> Box:
        """The same with a margin on every side."""
        return Box(self.left - margin, self.bottom - margin, self.right + margin, self.top + margin)

    def distance(self, x: float, y: float) -> float:
        """How far a point is from it; 0 inside."""
        across = max(self.left - x, 0.0, x - self.right)
        return math.hypot(across, max(self.bottom - y, 0.0, y - self.top))


class Label(NamedTuple):
    """A label's middle, pixels."""

    x: float
    y: float

    def box(self, width: float, height: float) -> Box:
        """What it covers."""
        return Box(self.x - width / 2, self.y - height / 2, self.x + width / 2, self.y + height / 2)


def place_labels(
    dots: Sequence[tuple[float, float]],
    words: Sequence[str],
    *,
    letter: float,
    height: float,
    radius: float,
    area: Box,
    kept_free: Sequence[Box] = (),
) -> list[Label | None]:
    """A place for the label of every dot, in pixels; None where there is none, or nothing is to be written.

    Every label is `height` high and `letter` wide for each of its letters; dots have this radius; nothing
    leaves `area` or lies over a box that is `kept_free`. Dots are served in order: nearest places first,
    right, left, above, below, then the corners. No other dot is closer to a label than its own, and a label
    that stands beside a dot nearby already is not repeated.
    """
    taken = [Box(x, y, x, y).grown(radius) for x, y in dots] + list(kept_free)
    places: list[Label | None] = []
    for dot, text in zip(dots, words, strict=True):
        width = letter * len(text)
        twins = zip(dots, words, places, strict=False)
        told = any(
            label and same == text and math.dist(dot, other) <= _TWINS_px for other, same, label in twins
        )
        reach = Box(*dot, *dot).grown(width + height + 2 * (radius + _NEAR_px[-1]))
        near = [box for box in taken if box.meets(reach)]
        found = None
        for label in _around(*dot, width, height, radius) if width and not told else ():
            box = label.box(width, height)
            is_free = _is_inside(box, area) and not any(box.meets(other) for other in near)
            if is_free and all(box.distance(*other) >= box.distance(*dot) for other in dots):
                found = label
                taken.append(box.grown(GAP_px))
                break
        places.append(found)
    return places


def _around(x: float, y: float, width: float, height: float, radius: float) -> Iterator[Label]:
    """Candidates, the best first."""
    for gap in _NEAR_px:
        aside, above = radius + gap + width / 2, radius + gap / 2 + height / 2
        sides = [(aside, 0.0), (-aside, 0.0), (0.0, above), (0.0, -above)]
        corners = [(across, up) for across in (aside, -aside) for up in (above, -above)]
        yield from (Label(x + across, y + up) for across, up in (*sides, *corners))


def _is_inside(box: Box, area: Box) -> bool:
    return (
        area.left <= box.left
        and box.right <= area.right
        and area.bottom <= box.bottom
        and box.top <= area.top
    )
