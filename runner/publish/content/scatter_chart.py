"""A scatter of figures here against those published, as a chart."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from runner.publish.content.charts import GRID, QUIET, Chart, level_colour
from runner.publish.content.labels import Box, place_labels

_SHAPES = ("o", "s", "^", "D", "v", "P")
"""Markers of the images in a scatter chart."""

_DOT_px = 8
_SCATTER_px = 13
"""Size of a scatter's text, which may be shown a little smaller than drawn."""
_LABEL_px = 15
_LETTER_px = 7.4
"""Width of a letter of a label, in a wide font."""


@dataclass(frozen=True)
class Point:
    """A run in a scatter: what was published, and what it is here."""

    published: float
    here: float
    label: str
    image: int
    """Index of its image, which decides shape and colour."""
    is_ring: bool = False
    """Whether it is drawn hollow: the author's weights, not our training."""


@dataclass(frozen=True)
class ScatterChart(Chart):
    """Figures here against those published, a dot a run; on the diagonal they are equal."""

    axis: str
    images: tuple[str, ...]
    points: tuple[Point, ...]
    is_narrow: bool = False

    kind = "scatter"

    @property
    def width(self) -> int:
        return 360 if self.is_narrow else 480

    @property
    def height(self) -> int:
        return self.width - 40 + self._legend_px

    @property
    def _legend_px(self) -> int:
        """Height of the legend above the plot, two names in a row on a phone."""
        return 22 * (-(-len(self.images) // 2) if self.is_narrow else 1)

    @property
    def colours(self) -> int:
        return len(self.images)

    def draw(self, figure: Figure) -> None:
        left, below = 58, 54
        across = (self.width - left - 18) / self.width
        up = (self.height - below - self._legend_px - 6) / self.height
        axes = figure.add_axes((left / self.width, below / self.height, across, up))
        low, high = self._range()
        axes.plot((low, high), (low, high), color=GRID, linewidth=1.2, zorder=1)
        for index, image in enumerate(self.images):
            self._draw_image(axes, index, image)
        if self._is_wide:
            axes.set_xscale("log")
            axes.set_yscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                subs = (1.0, 2.0, 5.0) if self.is_narrow else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
                axis.set_major_locator(LogLocator(subs=subs))
                axis.set_minor_locator(NullLocator())
                axis.set_major_formatter("{x:g}")
        else:  # few letters a tick, which has to fit in at the ends
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_xlabel(f"{self.axis}: published", fontsize=_SCATTER_px)
        axes.set_ylabel("here", fontsize=_SCATTER_px)
        axes.tick_params(labelsize=_SCATTER_px)
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
        self._draw_labels(axes, low, high)
        figure.legend(
            loc="upper left", ncols=2 if self.is_narrow else len(self.images), fontsize=_SCATTER_px,
            handletextpad=0.2, columnspacing=1.2, borderaxespad=0.2,
        )  # fmt: skip

    @property
    def _values(self) -> list[float]:
        return [value for point in self.points for value in (point.published, point.here)]

    @property
    def _is_wide(self) -> bool:
        """Whether a far outlier would press all else into a corner, so that the scale is logarithmic."""
        return min(self._values) > 0 and max(self._values) > 4 * min(self._values)

    def _range(self) -> tuple[float, float]:
        """One range for both axes, with a margin."""
        values = self._values
        if self._is_wide:
            return min(values) / 1.1, max(values) * 1.1
        margin = 0.06 * (max(values) - min(values)) or 1.0
        return min(values) - margin, max(values) + margin

    def _draw_image(self, axes: Axes, index: int, image: str) -> None:
        colour, shape = level_colour("light", index, self.colours), _SHAPES[index % len(_SHAPES)]
        own = [point for point in self.points if point.image == index]
        for is_ring in (True, False):
            shown = [point for point in own if point.is_ring == is_ring]
            axes.scatter(
                [point.published for point in shown],
                [point.here for point in shown],
                s=_DOT_px**2,
                marker=shape,
                facecolors="none" if is_ring else colour,
                edgecolors=colour,
                linewidths=1.3,
                zorder=2 + (not is_ring),
                label=None if is_ring else image,
            )

    def _draw_labels(self, axes: Axes, low: float, high: float) -> None:
        box = axes.get_position()
        wide, tall = box.width * self.width, box.height * self.height

        def share(value: float) -> float:
            if self._is_wide:
                return math.log(value / low) / math.log(high / low)
            return (value - low) / (high - low)

        dots = [(share(point.published) * wide, share(point.here) * tall) for point in self.points]
        places = place_labels(
            dots,
            [point.label for point in self.points],
            letter=_LETTER_px,
            height=_LABEL_px,
            radius=_DOT_px / 2 + 1,
            area=Box(0, 0, wide, tall),
        )
        for point, place in zip(self.points, places, strict=True):
            if place is not None:
                axes.text(
                    place.x / wide,
                    place.y / tall,
                    point.label,
                    transform=axes.transAxes,
                    ha="center",
                    va="center",
                    fontsize=_SCATTER_px,
                    color=QUIET,
                )
