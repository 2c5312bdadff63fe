"""Where to look first: the few places of an image at which methods differ most and there is something to see.

A place is a square of the super-resolved picture, shown pixel for pixel. It is chosen from the pictures
alone, in whole numbers, so the same record has the same places on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from runner.publish.data.decode import decoded
from runner.publish.data.model import ImageData, PictureFile, Slot, Window

SIDE_px = 160
"""Side of a window; two stand side by side on a phone."""

MOST = 3
"""Most windows of an image."""

GRAIN_px = 4
"""Pictures are compared as means of squares of this side: finer than that is grain, which differs anyway."""

_Map = npt.NDArray[np.int64]


def windows_of(image: ImageData, outputs: Iterable[Slot]) -> tuple[Window, ...]:
    """Up to `MOST` windows of an image, the most telling first, none over another.

    `outputs` are the pictures that methods made of it; those of another size than the enlarged input are left
    out. None where there is no picture to show. Raises `UserError` for a damaged picture.
    """
    given = image.bicubic.picture
    fitting = [slot.picture for slot in outputs if slot.picture and image.is_framed(slot)]
    if given is None or not fitting:
        return ()
    worth = disagreement([_grey(each) for each in fitting]), detail(_grey(given))
    return choose(*worth, Window(0, 0, given.width, given.height))


def disagreement(methods: Sequence[_Map]) -> _Map:
    """Median distance of the methods from their median at each place, in grey levels.

    A median ignores a few failed pictures, which differ from the others everywhere. A single method has none
    to disagree with, and gives 1 everywhere.
    """
    if len(methods) < 2:
        return np.ones_like(methods[0])
    stack = np.stack(methods)
    return _middle(np.abs(stack - _middle(stack)))


def detail(grey: _Map) -> _Map:
    """Steps to the neighbours on the right and below, in grey levels: 0 where the picture is flat."""
    across = np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    return across + np.abs(np.diff(grey, axis=0, append=grey[-1:]))


def choose(disagreement: _Map, detail: _Map, frame: Window) -> tuple[Window, ...]:
    """Windows of a picture with the greatest product of both means, chosen one by one, none over another.

    The maps have a value for each square of `GRAIN_px` of `frame`, the whole picture; no window reaches into
    squares that its right or lower edge cuts off.
    """
    rows, columns = (max(1, size // GRAIN_px) for size in (frame.height, frame.width))
    height, width = (min(SIDE_px // GRAIN_px, size) for size in (rows, columns))
    first, second = (_sums(values[:rows, :columns], height, width) for values in (disagreement, detail))
    worth = first * second
    found: list[Window] = []
    while len(found) < MOST and worth.max() >= 0:
        row, column = (int(index) for index in np.unravel_index(worth.argmax(), worth.shape))
        size = min(SIDE_px, frame.width), min(SIDE_px, frame.height)
        found.append(Window(column * GRAIN_px, row * GRAIN_px, *size))
        worth[max(0, row - height + 1) : row + height, max(0, column - width + 1) : column + width] = -1
    return tuple(found)


def _sums(values: _Map, height: int, width: int) -> _Map:
    """Sum over every rectangle of this size, by its upper left corner (from a summed-area table)."""
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int64)
    total[1:, 1:] = values.cumsum(0).cumsum(1)
    return (
        total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    )


def _middle(stack: _Map) -> _Map:
    """Median along the first axis; of an even number the greater of the middle two, so it is always whole."""
    middle = len(stack) // 2
    found: _Map = np.partition(stack, middle, axis=0)[middle]
    return found


def _grey(picture: PictureFile) -> _Map:
    """Brightness of a picture, 0 to 255, as means over squares of side `GRAIN_px`."""
    return np.asarray(decoded(picture).convert("L").reduce(GRAIN_px)).astype(np.int64)
