"""Charts as SVG, drawn once and coloured twice: for light pages and for dark ones."""

from __future__ import annotations

import io
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, LogLocator, MaxNLocator

from runner.publish.data.model import Run, digest_of
from runner.publish.words import size_words

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

_PX_PER_INCH = 72
"""matplotlib's SVG has 72 pixels an inch whatever the resolution."""

INK, QUIET, GRID = "#24211e", "#6a645d", "#dedad4"
OWN = "#0f6b63"
"""The accent: what was measured here."""
_DARK = {INK: "#e8e4de", QUIET: "#a7a099", GRID: "#3a3733", OWN: "#6cc9be"}

_SCALES = {
    "light": LinearSegmentedColormap.from_list(
        "light", ["#440154", "#3b528b", "#1d857a", "#5a841c", "#a56a00"]
    ),
    "dark": LinearSegmentedColormap.from_list(
        "dark", ["#9a8cf0", "#5f9be8", "#3fc0b0", "#9bd14f", "#fde725"]
    ),
}
"""From coarse to fine: as viridis, but nothing too light for a light page, or too dark for a dark one."""

LEFT_px = {True: 70, False: 64}
"""Room for the scale on the left, by whether a chart is narrow."""
FONT_px = {True: 13, False: 11}
"""Size of text: a phone shows a narrow chart at about its own size, a wide one is enlarged."""

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


ChartT_co = TypeVar("ChartT_co", bound=Chart, covariant=True)


@dataclass(frozen=True)
class TwoSizes(Generic[ChartT_co]):
    """A chart for wide pages and for a phone's."""

    wide: ChartT_co
    narrow: ChartT_co

    @property
    def both(self) -> tuple[ChartT_co, ChartT_co]:
        """Each of the two."""
        return self.wide, self.narrow


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
    is_narrow: bool = False

    kind = "losses"

    @property
    def width(self) -> int:
        return 360 if self.is_narrow else 900

    @property
    def height(self) -> int:
        return 300 + self._legend_px if self.is_narrow else 380

    @property
    def _legend_px(self) -> int:
        """Height of the legend below the plot, two names in a row, and of the words of the axis."""
        return 48 + 20 * -(-len(self.curves) // 2)

    @property
    def colours(self) -> int:
        return len(self.curves)

    def draw(self, figure: Figure) -> None:
        below = self._legend_px if self.is_narrow else 50
        left, right = LEFT_px[self.is_narrow], 8 if self.is_narrow else 148
        across, up = (self.width - left - right) / self.width, (self.height - below - 14) / self.height
        axes = figure.add_axes((left / self.width, below / self.height, across, up))
        font = FONT_px[self.is_narrow]
        for index, curve in enumerate(self.curves):
            colour = level_colour("light", index, self.colours)
            dot = "o" if len(curve.epochs) == 1 else ""
            axes.plot(curve.epochs, curve.losses, color=colour, linewidth=1.4, marker=dot, label=curve.label)
        axes.set_yscale("log")
        axes.minorticks_off()
        axes.yaxis.set_major_locator(self._loss_ticks())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_major_locator(MaxNLocator(4 if self.is_narrow else 9, integer=True))
        axes.grid(axis="y", linewidth=0.8)
        axes.set_xlabel("epoch", fontsize=font)
        axes.set_ylabel("reconstruction loss (100 · MSE)", fontsize=font)
        axes.tick_params(labelsize=font)
        handles, labels = axes.get_legend_handles_labels()
        if self.is_narrow:
            figure.legend(handles, labels, loc="lower left", ncols=2, fontsize=font, handlelength=1.0,
                columnspacing=1.0, borderaxespad=0.0, labelspacing=0.35)  # fmt: skip
        else:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, fontsize=font,
                handlelength=1.4)  # fmt: skip

    def _loss_ticks(self) -> Locator:
        """Ticks for losses; those within a factor of ten would get a single tick of a logarithmic scale."""
        losses = [loss for curve in self.curves for loss in curve.losses]
        wide = max(losses) > 10 * min(losses)
        return LogLocator(subs=(1.0, 2.0, 5.0)) if wide else MaxNLocator(5)


def level_colour(theme: Theme, index: int, count: int) -> str:
    """Colour of a level: from coarse to fine along one scale, at least 3 : 1 on that theme's background."""
    where = 0.0 if count < 2 else index / (count - 1)
    return to_hex(_SCALES[theme](where))


def _darkened(svg: str, colours: int) -> str:
    """The same drawing in the colours for dark pages."""
    swap = dict(_DARK)
    for index in range(colours):
        swap[level_colour("light", index, colours)] = level_colour("dark", index, colours)
    return re.sub("|".join(swap), lambda found: swap[found[0]], svg)


def loss_chart(run: Run) -> TwoSizes[LossChart] | None:
    """The loss charts of a run; None where no level has a loss to show."""
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
    if not curves:
        return None
    return TwoSizes(LossChart(tuple(curves)), LossChart(tuple(curves), is_narrow=True))
