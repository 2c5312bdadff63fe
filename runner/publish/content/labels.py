"""Where the labels of a scatter go: beside their dots, on no dot and on no other label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


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


class Label(NamedTuple):
    """A label's middle, pixels."""

    x: float
    y: float


def place_labels(
    dots: Sequence[tuple[float, float]],
    widths: Sequence[float],
    *,
    height: float,
    radius: float,
    area: Box,
) -> list[Label | None]:
    """A place for the label of every dot, in pixels; None where there is none, or the label is empty.

    Every label is `height` high and of its own width; dots have this radius; nothing leaves `area`. Dots are
    served in order: nearest places first, right, left, above, below, then the corners, then further off.
    """
    taken = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in dots]
    places: list[Label | None] = []
    for (x, y), width in zip(dots, widths, strict=True):
        found = None
        for label in _around(x, y, width, height, radius) if width else ():
            box = _box(label, width, height)
            if _is_inside(box, area) and not any(box.meets(other) for other in taken):
                found = label
                taken.append(box)
                break
        places.append(found)
    return places


def _around(x: float, y: float, width: float, height: float, radius: float) -> list[Label]:
    """Candidates, the best first."""
    found = []
    for gap in (2.0, 8.0, 16.0):
        aside, above = radius + gap + width / 2, radius + gap / 2 + height / 2
        sides = [(aside, 0), (-aside, 0), (0, above), (0, -above)]
        corners = [(across, up) for across in (aside, -aside) for up in (above, -above)]
        found += [Label(x + across, y + up) for across, up in (*sides, *corners)]
    return found


def _box(label: Label, width: float, height: float) -> Box:
    return Box(label.x - width / 2, label.y - height / 2, label.x + width / 2, label.y + height / 2)


def _is_inside(box: Box, area: Box) -> bool:
    return (
        area.left <= box.left
        and box.right <= area.right
        and area.bottom <= box.bottom
        and box.top <= area.top
    )
