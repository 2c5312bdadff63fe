"""Training times of an image's runs as charts: bars by level, and ratios measured beside ratios published.

Each is drawn twice, for wide pages and for a phone's, so that its text is read at its own size on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from runner.publish.content.charts import GRID, INK, OWN, QUIET, Chart, FONT_px, TwoSizes, level_colour
from runner.publish.data.model import Cell
from runner.publish.words import ratio

Mode = Literal["absolute", "share"]
MODES: tuple[Mode, ...] = ("absolute", "share")

_WIDE_px, _NARROW_px = 900, 360
_ROW_px = 34
_HEAD_px, _FOOT_px = 34, 50
_LETTER_px = {True: 7.8, False: 6.6}
"""Width of a letter of its text, by whether the chart is narrow."""
_LONGEST_NAME = {True: 14, False: 24}
"""Letters of an experiment's name that are shown."""


@dataclass(frozen=True)
class Bar:
    """A run's training time, level by level, minutes or seconds alike; empty where nothing was measured."""

    label: str
    parts: tuple[float, ...]
    ghost: tuple[float, ...]
    """What was published, in the same unit: by level, or the total alone."""
    note: str


@dataclass(frozen=True)
class TimingChart(Chart):
    """Training time of each run on one image, stacked by level; what was published is outlined below it."""

    bars: tuple[Bar, ...]
    unit: str
    mode: Mode
    scale: float
    """Factor on the published times, with which the original is as long in both."""
    is_narrow: bool = False

    kind = "timing"

    @property
    def width(self) -> int:
        return _NARROW_px if self.is_narrow else _WIDE_px

    @property
    def height(self) -> int:
        legend_rows = -(-(self.colours + 1) // 4) if self.is_narrow else 1
        return _HEAD_px + 19 * (legend_rows - 1) + _FOOT_px + _ROW_px * len(self.bars)

    @property
    def colours(self) -> int:
        return max((len(bar.parts) for bar in self.bars), default=0)

    def draw(self, figure: Figure) -> None:
        axes = _plot(figure, self)
        shown = [(self._shown(bar.parts), self._shown(bar.ghost, is_ghost=True)) for bar in self.bars]
        longest = max((max(sum(parts), sum(ghost)) for parts, ghost in shown), default=1.0) or 1.0
        for row, (bar, (parts, ghost)) in enumerate(zip(self.bars, shown, strict=True)):
            self._draw_bar(axes, row, parts, ghost)
            if self.mode == "absolute":
                end = max(sum(parts), sum(ghost))
                axes.text(
                    end + longest * 0.012,
                    row,
                    bar.note,
                    va="center",
                    fontsize=FONT_px[self.is_narrow],
                    color=QUIET,
                )
        room = (
            1.22 if self.is_narrow and self.mode == "absolute" else 1.08 if self.mode == "absolute" else 1.0
        )
        axes.set_xlim(0, longest * room)
        axes.set_xlabel(self.unit if self.mode == "absolute" else "% of the run's training time")
        axes.locator_params(axis="x", nbins=4 if self.is_narrow else 8)
        levels = [
            Patch(
                color=level_colour("light", level, self.colours),
                label=f"level {level}" if not level else str(level),
            )
            for level in range(self.colours)
        ]
        published = Patch(facecolor="none", edgecolor=QUIET, label="published")
        _legend(figure, [*levels, published], 4 if self.is_narrow else 10, FONT_px[self.is_narrow])

    def _shown(self, parts: tuple[float, ...], *, is_ghost: bool = False) -> list[float]:
        """Lengths of a bar's parts: times, or shares in percent; a published total alone has no shares."""
        total = sum(parts)
        if self.mode == "absolute":
            return [part * self.scale if is_ghost else part for part in parts]
        if not total or (is_ghost and len(parts) < 2):
            return []
        return [100 * part / total for part in parts]

    def _draw_bar(self, axes: Axes, row: int, parts: Sequence[float], ghost: Sequence[float]) -> None:
        for level, part in enumerate(parts):
            colour = level_colour("light", level, self.colours)
            axes.barh(row - 0.1, part, left=sum(parts[:level]), height=0.5, color=colour)
        for level, part in enumerate(ghost):
            axes.barh(
                row + 0.29,
                part,
                left=sum(ghost[:level]),
                height=0.2,
                facecolor="none",
                edgecolor=QUIET,
                linewidth=1,
            )


@dataclass(frozen=True)
class Dumbbell:
    """A run's training time as a ratio to the original's: measured here, and published."""

    label: str
    measured: float | None
    published: float | None


@dataclass(frozen=True)
class RatioChart(Chart):
    """Measured ratios beside published ones, a line between both; equal times are at 1."""

    rows: tuple[Dumbbell, ...]
    floor: float | None
    """Two trainings of equal work differ by no more than this factor."""
    is_narrow: bool = False

    kind = "ratios"
    colours = 0

    @property
    def width(self) -> int:
        return _NARROW_px if self.is_narrow else _WIDE_px

    @property
    def height(self) -> int:
        return _HEAD_px + (19 if self.is_narrow else 0) + _FOOT_px + 28 * len(self.rows)

    def draw(self, figure: Figure) -> None:
        axes = _plot(figure, self, head=_HEAD_px + (19 if self.is_narrow else 0))
        if self.floor:
            axes.axvspan(1 / self.floor, self.floor, color=GRID, linewidth=0, zorder=0)
        axes.axvline(1, color=QUIET, linewidth=1.4, zorder=1)
        for index, row in enumerate(self.rows):
            if row.measured is not None and row.published is not None:
                axes.plot((row.measured, row.published), (index, index), color=QUIET, linewidth=1.6, zorder=2)
            if row.published is not None:
                axes.plot(
                    row.published,
                    index,
                    "o",
                    markersize=11,
                    markerfacecolor="none",
                    markeredgecolor=QUIET,
                    markeredgewidth=2,
                    zorder=3,
                )
            if row.measured is not None:
                axes.plot(row.measured, index, "o", markersize=8, color=OWN, zorder=4)
        values = [value for row in self.rows for value in (row.measured, row.published) if value is not None]
        low, high = min([*values, 1 / (self.floor or 1)]), max([*values, self.floor or 1])
        margin = 0.06 * (high - low) or 0.1
        axes.set_xlim(max(0, low - margin), high + margin)
        axes.set_xlabel(
            "times as long as the original"
            if self.is_narrow
            else "training time, in times the original's: left of 1 is faster"
        )
        axes.locator_params(axis="x", nbins=5 if self.is_narrow else 10)
        marks = [
            Line2D([], [], marker="o", linestyle="", markersize=8, color=OWN, label="measured here"),
            Line2D(
                [],
                [],
                marker="o",
                linestyle="",
                markersize=8,
                markerfacecolor="none",
                markeredgecolor=QUIET,
                markeredgewidth=2,
                label="published",
            ),
        ]
        floor = [Patch(color=GRID, label="as far as equal trainings differ")] if self.floor else []
        _legend(figure, [*marks, *floor], 2 if self.is_narrow else 3, FONT_px[self.is_narrow])


def _plot(figure: Figure, chart: TimingChart | RatioChart, head: int | None = None) -> Axes:
    """The area of the plot, with names of runs on its left and a legend above it."""
    rows = chart.bars if isinstance(chart, TimingChart) else chart.rows
    top = head if head is not None else chart.height - _FOOT_px - _ROW_px * len(rows)
    names = [_short(row.label, chart.is_narrow) for row in rows]
    left = (_LETTER_px[chart.is_narrow] * max(map(len, names), default=0) + 8) / chart.width
    height = chart.height - _FOOT_px - top
    axes = figure.add_axes(
        (left, _FOOT_px / chart.height, 1 - left - 14 / chart.width, height / chart.height)
    )
    axes.grid(axis="x", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    font = FONT_px[chart.is_narrow]
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=font)
    axes.tick_params(axis="x", labelsize=font)
    axes.xaxis.label.set_fontsize(font)
    return axes


def _short(label: str, is_narrow: bool) -> str:
    most = _LONGEST_NAME[is_narrow]
    return label if len(label) <= most else f"{label[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _legend(figure: Figure, handles: Sequence[Patch | Line2D], columns: int, font: int) -> None:
    figure.legend(
        handles=list(handles), loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=columns, fontsize=font,
        handlelength=0.9, handletextpad=0.4, columnspacing=1.0, borderaxespad=0.2,
    )  # fmt: skip


@dataclass(frozen=True)
class TimingCharts:
    """What is drawn of an image's training times; None where nothing was measured, or no ratio is known."""

    bars: tuple[tuple[Mode, TwoSizes[TimingChart]], ...]
    ratios: TwoSizes[RatioChart] | None

    @property
    def files(self) -> tuple[Chart, ...]:
        """Every chart."""
        bars = tuple(chart for _, sizes in self.bars for chart in sizes.both)
        return bars + (self.ratios.both if self.ratios else ())


def timing_charts(cells: Sequence[Cell], original: str, floor: float | None) -> TimingCharts:
    """The charts of one image's runs, the original's among them by its id; `floor` as in `RatioChart`."""
    return TimingCharts(_bar_charts(cells, original), _ratio_chart(cells, floor))


def _bar_charts(cells: Sequence[Cell], original: str) -> tuple[tuple[Mode, TwoSizes[TimingChart]], ...]:
    longest = max((sum(_seconds(cell)) for cell in cells), default=0.0)
    if not longest:
        return ()
    seconds, unit = (60.0, "minutes") if longest >= 300 else (1.0, "seconds")
    bars = tuple(
        Bar(
            cell.experiment.id,
            tuple(part / seconds for part in _seconds(cell)),
            tuple(minutes * 60 / seconds for minutes in _published_minutes(cell)),
            _bar_note(cell),
        )
        for cell in cells
        if (cell.run and cell.run.levels) or _published_minutes(cell)
    )
    scale = _scale(bars, original)
    return tuple(
        (
            mode,
            TwoSizes(
                TimingChart(bars, unit, mode, scale), TimingChart(bars, unit, mode, scale, is_narrow=True)
            ),
        )
        for mode in MODES
    )


def _scale(bars: Sequence[Bar], original: str) -> float:
    """Factor that makes published times as long as ours: by the original, or else by the longest bars."""
    pairs = [(sum(bar.parts), sum(bar.ghost)) for bar in bars if bar.label == original]
    pairs.append((max(sum(bar.parts) for bar in bars), max(sum(bar.ghost) for bar in bars)))
    return next((ours / theirs for ours, theirs in pairs if ours and theirs), 1.0)


def _ratio_chart(cells: Sequence[Cell], floor: float | None) -> TwoSizes[RatioChart] | None:
    rows = tuple(
        Dumbbell(cell.experiment.id, cell.timing.measured.ratio, cell.timing.published.ratio)
        for cell in cells
        if cell.timing.measured.ratio is not None or cell.timing.published.ratio is not None
    )
    if not rows:
        return None
    return TwoSizes(RatioChart(rows, floor), RatioChart(rows, floor, is_narrow=True))


def _published_minutes(cell: Cell) -> tuple[float, ...]:
    """Published minutes by level, or else the total alone."""
    by_level = [level.published.value for level in cell.timing.levels]
    known = [minutes for minutes in by_level if minutes is not None]
    if known and len(known) == len(by_level):
        return tuple(known)
    total = cell.timing.published.value
    return () if total is None else (total,)


def _seconds(cell: Cell) -> tuple[float, ...]:
    """Training time of each level up to the last that was trained, by the clock that ratios are of."""
    levels = cell.timing.levels
    last = max((level.level for level in levels if level.record is not None), default=-1)
    return tuple(level.measured.value or 0.0 for level in levels[: last + 1])


def _bar_note(cell: Cell) -> str:
    if cell.run is None or not cell.run.levels:
        return ""
    if cell.timing.measured.value is None:
        return "incomplete"
    return ratio(cell.timing.measured.ratio) + ("*" if cell.timing.other_machine else "")
