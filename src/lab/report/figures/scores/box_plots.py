"""Box plots by group: quartiles and whiskers of every metric, by each key that was varied.

Quartiles are interpolated linearly, whiskers are Tukey's (1977). Values beyond the whiskers are counted but not drawn.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from lab.report.analysis.groups import value_text
from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, label_axes, new_figure
from lab.report.figures.run_columns import MAX_LEVELS, level_names, rows_with_result, scored
from lab.report.figures.run_figures import plain
from lab.report.figures.settings import importance
from lab.report.findings import Floats, Report, Runs
from lab.report.text.translate import Translator

MAX_FILES = 3
"""At most this many keys have a file, the most important ones; the page has all keys."""
MAX_METRICS = 6
"""A file shows at most this many metrics of a key; the page has all metrics."""


class Box(NamedTuple):
    """Quartiles (linear interpolation) and whiskers, the furthest values within 1.5 x (q3 - q1) of the box (Tukey)."""

    level: str
    num: int
    low: float
    q1: float
    median: float
    q3: float
    high: float


class BoxPlots(NamedTuple):
    """Box plots by one key. by: for each metric its boxes, in the order of the key's values."""

    key: str
    by: Mapping[str, tuple[Box, ...]]


class KeyedBoxPlots(NamedTuple):
    """Box plots by each key, in the order of the keys. by_importance: the same keys, the most important ones first."""

    plots: tuple[BoxPlots, ...]
    by_importance: tuple[str, ...]


def compute(report: Report) -> KeyedBoxPlots | Absent:
    """Return box plots by each varied key with 2 to 12 values."""
    runs = report.runs
    rows = rows_with_result(runs)
    plots = tuple(by_key for key in runs.varied if (by_key := _box_plots(runs, rows, key)) is not None)
    if not plots:
        return Absent("absent.no_groups", {"most": MAX_LEVELS})
    important = importance.compute(report)
    order = () if isinstance(important, Absent) else important.keys
    place = {key: at for at, key in enumerate(order)}
    return KeyedBoxPlots(
        plots, tuple(sorted((by_key.key for by_key in plots), key=lambda key: place.get(key, len(place))))
    )


def _box_plots(runs: Runs, rows: npt.NDArray[np.intp], key: str) -> BoxPlots | None:
    levels = level_names(runs.frame[key].iloc[rows])
    if not 2 <= len(levels) <= MAX_LEVELS:
        return None
    level_of_row = runs.frame[key].iloc[rows].map(value_text).to_numpy()
    by = {}
    for metric in scored(runs):
        values = runs.frame[metric].to_numpy(np.float64)[rows]
        boxes = (box(level, values[level_of_row == level]) for level in levels)
        if known := tuple(known_box for known_box in boxes if known_box):
            by[metric] = known
    return BoxPlots(key, by) if by else None


def box(level: str, values: Floats) -> Box | None:
    """Return the box of the finite values (N,), None if there are none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    q1, median, q3 = np.clip(np.quantile(values, [0.25, 0.5, 0.75]), values.min(), values.max())
    reach = 1.5 * (q3 - q1)
    inside = values[(values >= q1 - reach) & (values <= q3 + reach)]
    low, high = inside.min(initial=q1), inside.max(initial=q3)  # quartiles lie between values, which may be far away
    return Box(level, len(values), float(low), float(q1), float(median), float(q3), float(high))


def draw_plotly(data: KeyedBoxPlots, _: Translator) -> Spec:
    """Return every box of every key and metric; the reader chooses on the page."""
    chooser = {
        by_key.key: {
            metric: {name: [getattr(box, name) for box in boxes] for name in boxes[0]._fields}
            for metric, boxes in by_key.by.items()
        }
        for by_key in data.plots
    }
    return {"chooser": chooser}


def draw_matplotlib(data: KeyedBoxPlots, _: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure for each of the most important keys."""
    plots = {by_key.key: by_key for by_key in data.plots}
    for key in data.by_importance[:MAX_FILES]:
        yield f"_{key.replace('.', '_')}", draw_key(plots[key])


def draw_key(data: BoxPlots) -> Figure:
    """Return the box plots by one key: its test metrics and the time, or other metrics if there are none."""
    metrics = [name for name in data.by if name.startswith(("test/", "time_s"))] or list(data.by)
    metrics = metrics[: MAX_METRICS - 1] + [name for name in ("time_s",) if name in metrics[MAX_METRICS - 1 :]]
    columns = min(3, len(metrics))
    num_rows = -(-len(metrics) // columns)
    figure = new_figure(3.4 * columns, 2.9 * num_rows)
    for axes, name in zip(np.ravel(figure.subplots(num_rows, columns, squeeze=False)), metrics, strict=False):
        boxes = [
            {"label": plain(group.level), "whislo": group.low, "q1": group.q1, "med": group.median, "q3": group.q3,
             "whishi": group.high}
            for group in data.by[name]
        ]  # fmt: skip
        axes.bxp(boxes, showfliers=False, widths=0.55, medianprops={"color": HEX["orange"], "linewidth": 1.6})
        axes.set_title(plain(name), fontsize=9)
        axes.tick_params(labelsize=8)
        if len(boxes) > 4:
            axes.tick_params(axis="x", rotation=45, labelsize=7)
        label_axes(axes, data.key, "")
    for axes in figure.axes[len(metrics) :]:
        axes.remove()
    return figure


def caption(_: KeyedBoxPlots, words: Translator) -> str:
    """Return what boxes and whiskers mean."""
    return words("caption.boxes")


FIGURE = ReportFigure("boxes", compute, draw_plotly, draw_matplotlib, caption)
