"""Charts as SVG, drawn once and coloured twice: for light pages and for dark ones."""

from __future__ import annotations

import io
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, LogLocator, MaxNLocator, NullLocator

from runner.publish.content.labels import Box, place_labels
from runner.publish.data.model import Run, digest_of
from runner.publish.words import size_words

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

_PX_PER_INCH = 72
"""matplotlib's SVG has 72 pixels an inch whatever the resolution."""

_SHAPES = ("o", "s", "^", "D", "v", "P")
"""Markers of the images in a scatter chart."""

_DOT_px = 8
_LABEL_px = 11
_LETTER_px = 5.4
"""Mean width of a letter of a label."""

INK, QUIET, GRID = "#24211e", "#6a645d", "#dedad4"
_DARK = {INK: "#e8e4de", QUIET: "#a7a099", GRID: "#3a3733"}

_SETTINGS = {
    "svg.hashsalt": "singan",
    "svg.fonttype": "none",  # text stays text: small, selectable, in the reader's font
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial", "sans-serif"],
    "font.size": 11.0,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": GRID,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Chart(ABC):
    """A chart that knows its size and its name, which is a digest of what it shows."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Width in pixels."""

    @property
    @abstractmethod
    def height(self) -> int:
        """Height in pixels."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """First word of its file name."""

    @abstractmethod
    def draw(self, figure: Figure) -> None:
        """Draw it into a figure of its size, in the light colours."""

    @property
    @abstractmethod
    def colours(self) -> int:
        """How many steps of the level scale it uses."""

    def url(self, theme: str) -> str:
        """Its path on the site in a theme."""
        return f"charts/{self.kind}-{digest_of(repr(self))}-{theme}.svg"

    @property
    def urls(self) -> tuple[str, ...]:
        """Its paths on the site, one for each theme."""
        return tuple(self.url(theme) for theme in THEMES)

    def make(self) -> tuple[bytes, ...]:
        """The file for each theme."""
        svgs = self.svgs()
        return tuple(svgs[theme] for theme in THEMES)

    def svgs(self) -> Mapping[Theme, bytes]:
        """The file for each theme. Same chart, same bytes: no date, no random ids."""
        with mpl.rc_context(_SETTINGS):  # type: ignore[arg-type]
            figure = Figure(figsize=(self.width / _PX_PER_INCH, self.height / _PX_PER_INCH))
            FigureCanvasSVG(figure)
            self.draw(figure)
            buffer = io.StringIO()
            figure.savefig(
                buffer,
                format="svg",
                transparent=True,
                metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
            )
        light = buffer.getvalue()
        return {"light": light.encode(), "dark": _darkened(light, self.colours).encode()}


@dataclass(frozen=True)
class Curve:
    """The reconstruction loss of one level."""

    label: str
    epochs: tuple[int, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class LossChart(Chart):
    """Reconstruction loss by epoch, a curve a level."""

    curves: tuple[Curve, ...]

    width = 900
    height = 380
    kind = "losses"

    @property
    def colours(self) -> int:
        return len(self.curves)

    def draw(self, figure: Figure) -> None:
        axes = figure.add_axes((0.075, 0.13, 0.765, 0.83))
        for index, curve in enumerate(self.curves):
            colour = level_colour("light", index, self.colours)
            dot = "o" if len(curve.epochs) == 1 else ""
            axes.plot(curve.epochs, curve.losses, color=colour, linewidth=1.4, marker=dot, label=curve.label)
        axes.set_yscale("log")
        axes.minorticks_off()
        axes.yaxis.set_major_locator(self._loss_ticks())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", linewidth=0.8)
        axes.set_xlabel("epoch")
        axes.set_ylabel("reconstruction loss (100 · MSE)")
        axes.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, fontsize=10, handlelength=1.4
        )

    def _loss_ticks(self) -> Locator:
        """Ticks for losses; those within a factor of ten would get a single tick of a logarithmic scale."""
        losses = [loss for curve in self.curves for loss in curve.losses]
        wide = max(losses) > 10 * min(losses)
        return LogLocator(subs=(1.0, 2.0, 5.0)) if wide else MaxNLocator(5)


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

    width = 480
    height = 440
    kind = "scatter"

    @property
    def colours(self) -> int:
        return len(self.images)

    def draw(self, figure: Figure) -> None:
        axes = figure.add_axes((0.125, 0.13, 0.855, 0.79))
        low, high = self._range()
        axes.plot((low, high), (low, high), color=GRID, linewidth=1.2, zorder=1)
        for index, image in enumerate(self.images):
            self._draw_image(axes, index, image)
        if self._is_wide:
            axes.set_xscale("log")
            axes.set_yscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
                axis.set_minor_locator(NullLocator())
                axis.set_major_formatter("{x:g}")
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_xlabel(f"{self.axis}: published")
        axes.set_ylabel("here")
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
        self._draw_labels(axes, low, high)
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(self.images), fontsize=10,
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
                    fontsize=9,
                    color=QUIET,
                )


def level_colour(theme: Theme, index: int, count: int) -> str:
    """Colour of a level: from coarse to fine along one scale, legible on that theme's background."""
    first, last = (0.05, 0.80) if theme == "light" else (0.28, 0.98)
    where = first if count < 2 else first + (last - first) * index / (count - 1)
    return to_hex(mpl.colormaps["viridis"](where))


def _darkened(svg: str, colours: int) -> str:
    """The same drawing in the colours for dark pages."""
    swap = dict(_DARK)
    for index in range(colours):
        swap[level_colour("light", index, colours)] = level_colour("dark", index, colours)
    return re.sub("|".join(swap), lambda found: swap[found[0]], svg)


def loss_chart(run: Run) -> LossChart | None:
    """The loss chart of a run; None where no level has a loss to show."""
    curves = []
    for level in run.levels:
        record = level.record
        pairs = zip(record.loss_epochs, record.losses.get("reconstruction", ()), strict=False)
        # Beyond these losses, drawing them on a logarithmic axis overflows.
        points = [(epoch, loss) for epoch, loss in pairs if 1e-50 < loss < 1e50]
        if points:
            epochs, losses = zip(*points, strict=True)
            label = f"level {record.level} · {size_words(record.width, record.height)}"
            curves.append(Curve(label, epochs, losses))
    return LossChart(tuple(curves)) if curves else None
