"""The objective against a numeric setting, with the median of each value: one figure each for two settings."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, MAX_BARS, axis, label_axes, marker, new_figure, panel, points, typed
from lab.report.figures.run_columns import (
    BATCH_KEYS,
    LR_KEYS,
    MIN_RUNS,
    needs_log_axis,
    numbers,
    rows_with_result,
)
from lab.report.findings import Floats, Report
from lab.report.text.translate import Translator

MAX_TICKS = 12
"""Up to this many values of a setting each have a tick of their own."""


class ObjectiveBySetting(NamedTuple):
    """The objective y against a numeric key x. centres, medians: one per value of the key; log: of the x axis."""

    key: str
    metric: str
    rows: tuple[int, ...]
    x: Floats
    y: Floats
    centres: Floats
    medians: Floats
    log: bool


def compute(candidates: Sequence[str], report: Report) -> ObjectiveBySetting | Absent:
    """Return the data of the first candidate key that was varied."""
    runs = report.runs
    key = next((key for key in candidates if key in runs.varied), None)
    if key is None:
        return Absent("absent.not_varied", {"key": candidates[0]})
    x, rows = numbers(runs, key), rows_with_result(runs)
    if x is None:
        return Absent("absent.no_number", {"key": key})
    rows = rows[np.isfinite(x[rows])]
    if len(rows) < MIN_RUNS or len(np.unique(x[rows])) < 2:
        return Absent("absent.not_varied", {"key": key})
    values = runs.frame["objective"].to_numpy(np.float64)[rows]
    centres = np.unique(x[rows])
    medians = np.array([np.median(values[x[rows] == centre]) for centre in centres])
    chosen, log = tuple(rows.tolist()), needs_log_axis(centres)
    return ObjectiveBySetting(key, runs.metric, chosen, x[rows], values, centres, medians, log)


def draw_plotly(data: ObjectiveBySetting, words: Translator) -> Spec:
    """Return all runs as points and a line through the medians."""
    cloud = points(data.x, data.y, data.rows, name=words("legend.runs"), marker=marker("@accent", len(data.rows)))
    line = {"type": "scatter", "mode": "lines+markers", "x": typed(data.centres), "y": typed(data.medians),
            "name": words("legend.median"), "line": {"color": "@orange", "width": 2}, "marker": {"size": 6},
            "hovertemplate": "%{x}: %{y:.4f}<extra></extra>"}  # fmt: skip
    ticks = {}
    if len(data.centres) <= MAX_TICKS:
        ticks = {"tickvals": [float(x) for x in data.centres], "ticktext": [f"{x:g}" for x in data.centres]}
    xaxis, yaxis = axis(data.key, data.log, **ticks), axis(data.metric)
    return {"panels": [panel(cloud, line, xaxis=xaxis, yaxis=yaxis, showlegend=True)]}


def draw_matplotlib(data: ObjectiveBySetting, _: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure."""
    figure = new_figure()
    axes = figure.add_subplot()
    axes.plot(data.x, data.y, "o", color=HEX["accent"], alpha=0.5, markersize=5, rasterized=len(data.x) > MAX_BARS)
    axes.plot(data.centres, data.medians, "-o", color=HEX["orange"], markersize=4)
    if data.log:
        axes.set_xscale("log")
    if len(data.centres) <= MAX_TICKS:
        axes.set_xticks(data.centres, [f"{x:g}" for x in data.centres], rotation=30 if len(data.centres) > 6 else 0)
        axes.minorticks_off()
    label_axes(axes, data.key, data.metric)
    yield "", figure


def caption(data: ObjectiveBySetting, words: Translator) -> str:
    """Return the highest median and the setting that gives it."""
    best = data.medians.argmax()
    count = f"{len(data.rows):,}"
    return words("caption.against", count=count, best=data.medians[best], at=data.centres[best])


def _figure(name: str, candidates: Sequence[str]) -> ReportFigure[ObjectiveBySetting]:
    compute_for: Callable[[Report], ObjectiveBySetting | Absent] = partial(compute, candidates)
    return ReportFigure(name, compute_for, draw_plotly, draw_matplotlib, caption)


LEARNING_RATE = _figure("accuracy_vs_lr", LR_KEYS)
BATCH_SIZE = _figure("accuracy_vs_batch", BATCH_KEYS)
