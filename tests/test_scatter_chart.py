"""The scatter of published figures and ours: whatever they are, what is written beside it can be read."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from runner.publish.content.scatter_chart import Point, ScatterChart

_PX_PER_INCH = 72

VALUES = st.floats(0.05, 60) | st.floats(0.75, 1.05)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12)


def written(figure: Figure) -> Iterator[Text]:
    """All that is written in a chart, but for the numbers of ticks beyond its ends, which are not drawn."""
    (axes,) = figure.axes
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        yield axis.label
        yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)
    yield from axes.texts
    for legend in figure.legends:
        yield from legend.get_texts()


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.booleans())
def test_every_word_and_number_lies_within_the_chart(
    pairs: list[tuple[float, float]], is_narrow: bool
) -> None:
    points = tuple(Point(published, here, "real-b", 0) for published, here in pairs)
    chart = ScatterChart("Consistency with the input, dB", ("Stone face", "Cows"), points, is_narrow)
    figure = Figure(figsize=(chart.width / _PX_PER_INCH, chart.height / _PX_PER_INCH), dpi=_PX_PER_INCH)
    FigureCanvasAgg(figure)
    chart.draw(figure)
    figure.draw_without_rendering()
    for text in written(figure):
        box, whole = text.get_window_extent(), figure.bbox
        inside = whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert inside, (text.get_text(), box)
