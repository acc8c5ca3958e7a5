"""Pareto front: the objective against the time, and the runs that no other beats in both."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, MAX_BARS, axis, label_axes, marker, new_figure, panel, points
from lab.report.figures.run_columns import MIN_RUNS, needs_log_axis, rows_with_result
from lab.report.findings import Floats, Report
from lab.report.text.translate import Translator


class Front(NamedTuple):
    """The objective against seconds. front: positions of runs that no run beats in both, the fastest first."""

    metric: str
    rows: tuple[int, ...]
    time_s: Floats
    values: Floats
    front: tuple[int, ...]
    log: bool


def compute(report: Report) -> Front | Absent:
    """Return the front of all runs whose time is known, absent for fewer than two."""
    runs = report.runs
    time_s = runs.frame["time_s"].to_numpy(np.float64)
    rows = rows_with_result(runs)
    rows = rows[np.isfinite(time_s[rows])]
    if len(rows) < MIN_RUNS:
        return Absent("absent.runs", {"least": MIN_RUNS, "num": len(rows)})
    values, seconds = runs.frame["objective"].to_numpy(np.float64)[rows], time_s[rows]
    chosen = tuple(rows.tolist())
    best = pareto(seconds, runs.sign * values)
    return Front(runs.metric, chosen, seconds, values, best, needs_log_axis(seconds))


def pareto(cost: Floats, gain: Floats) -> tuple[int, ...]:
    """Return the positions that no other beats (as cheap and better, or cheaper and as good), the cheapest first."""
    order = np.lexsort((-gain, cost))
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(gain[order])[:-1]])
    return tuple(int(at) for at in order[gain[order] > best_before])


def draw_plotly(data: Front, words: Translator) -> Spec:
    """Return all runs as points and the front as a step line."""
    cloud = points(data.time_s, data.values, data.rows, name=words("legend.runs"),
                   marker=marker("@muted", len(data.rows)))  # fmt: skip
    best = list(data.front)
    line = points(data.time_s[best], data.values[best], [data.rows[at] for at in best], type="scatter",
                  mode="lines+markers", name=words("legend.front"), marker={"color": "@accent", "size": 10},
                  line={"color": "@accent", "shape": "hv", "width": 2})  # fmt: skip
    xaxis, yaxis = axis(words("axis.time_s"), data.log), axis(data.metric)
    return {"panels": [panel(cloud, line, xaxis=xaxis, yaxis=yaxis, showlegend=True)]}


def draw_matplotlib(data: Front, words: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure."""
    figure = new_figure()
    axes = figure.add_subplot()
    many = len(data.rows) > MAX_BARS
    axes.plot(data.time_s, data.values, "o", color=HEX["muted"], alpha=0.5, markersize=4, rasterized=many)
    best = list(data.front)
    axes.step(data.time_s[best], data.values[best], "-o", where="post", color=HEX["accent"],
              label=words("legend.front"))  # fmt: skip
    if data.log:
        axes.set_xscale("log")
    label_axes(axes, words("axis.time_s"), data.metric)
    axes.legend(frameon=False, fontsize=8)
    yield "", figure


def caption(data: Front, words: Translator) -> str:
    """Return how many runs are on the front."""
    return words("caption.front", count=len(data.front), total=f"{len(data.rows):,}")


FIGURE = ReportFigure("front", compute, draw_plotly, draw_matplotlib, caption)
