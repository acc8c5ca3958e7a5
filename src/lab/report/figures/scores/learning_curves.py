"""Learning curves: the objective of the best runs and of some others over the epochs.

A few dozen curves are drawn: the best runs, and an even choice of terminated and of other runs.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, STATUS_COLOURS, axis, label_axes, new_figure, panel, typed
from lab.report.figures.run_columns import thinned
from lab.report.figures.run_figures import places, plain
from lab.report.findings import Floats, Report
from lab.report.text.translate import Translator

BEST_CURVES, OTHER_CURVES = 12, 28
MAX_POINTS = 120


class Curve(NamedTuple):
    """The objective of one run. epochs: counted from 1."""

    label: str
    status: str
    epochs: Floats
    values: Floats


class LearningCurves(NamedTuple):
    """Curves of the objective, the best first. num_runs: number of runs with a history."""

    metric: str
    curves: tuple[Curve, ...]
    num_runs: int


def compute(report: Report) -> LearningCurves | Absent:
    """Return the curves, absent if no run has a history."""
    runs = report.runs
    rows = [
        row for row in report.leaderboard
        if runs.metric in runs.histories[row] and np.isfinite(runs.histories[row][runs.metric]).any()
    ]  # fmt: skip
    if not rows:
        return Absent("absent.history")
    terminated = [row for row in rows[BEST_CURVES:] if runs.frame["status"].iloc[row] == "terminated"]
    rest = [row for row in rows[BEST_CURVES:] if runs.frame["status"].iloc[row] != "terminated"]
    half = OTHER_CURVES // 2
    chosen = rows[:BEST_CURVES] + sorted(thinned(terminated, half) + thinned(rest, half), key=rows.index)
    return LearningCurves(runs.metric, tuple(_curve(report, row) for row in chosen), len(rows))


def _curve(report: Report, row: int) -> Curve:
    runs = report.runs
    history, run = runs.histories[row], runs.frame.iloc[row]
    kept = np.array(thinned(range(len(history["epoch"])), MAX_POINTS))
    return Curve(
        str(run["run"]),
        str(run["status"]),
        np.array(places(history["epoch"].tolist()))[kept],
        history[runs.metric][kept],
    )


def draw_plotly(data: LearningCurves, words: Translator) -> Spec:
    """Return a line per run, the best one bold, and a cross where a policy terminated a trial."""
    traces: list[Spec] = []
    for place, curve in enumerate(data.curves):
        colour = f"@{STATUS_COLOURS[curve.status]}" if place else "@ink"
        traces.append({
            "type": "scatter", "mode": "lines", "x": typed(curve.epochs), "y": typed(curve.values), "name": curve.label,
            "line": {"color": colour, "width": 3 if place == 0 else 1.2}, "opacity": 1.0 if place == 0 else 0.55,
            "hovertemplate": f"<b>{curve.label}</b><br>%{{x}}: %{{y:.4f}}<extra></extra>", "showlegend": place == 0,
        })  # fmt: skip
    terminated = [curve for curve in data.curves if curve.status == "terminated"]
    if terminated:
        traces.append({
            "type": "scatter", "mode": "markers", "x": [float(curve.epochs[-1]) for curve in terminated],
            "y": [float(curve.values[-1]) for curve in terminated], "text": [curve.label for curve in terminated],
            "name": words("status.terminated"), "marker": {"symbol": "x", "size": 9, "color": "@orange"},
            "hovertemplate": "<b>%{text}</b><br>%{x}: %{y:.4f}<extra></extra>", "showlegend": True,
        })  # fmt: skip
    return {"panels": [panel(*traces, xaxis=axis(words("axis.epoch")), yaxis=axis(data.metric))]}


def draw_matplotlib(data: LearningCurves, words: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure."""
    figure = new_figure(8.0)
    axes = figure.add_subplot()
    for place, curve in enumerate(data.curves):
        style: dict[str, Any] = {"color": HEX[STATUS_COLOURS[curve.status]], "alpha": 0.5, "linewidth": 1}
        if place == 0:
            style = {"color": HEX["ink"], "linewidth": 2.4, "zorder": 5, "label": plain(curve.label)}
        axes.plot(curve.epochs, curve.values, **style)
    terminated = [curve for curve in data.curves if curve.status == "terminated"]
    if terminated:
        ends = [curve.epochs[-1] for curve in terminated], [curve.values[-1] for curve in terminated]
        axes.plot(*ends, "x", color=HEX["orange"], label=words("status.terminated"))
    label_axes(axes, words("axis.epoch"), data.metric)
    axes.legend(frameon=False, fontsize=8)
    yield "", figure


def caption(data: LearningCurves, words: Translator) -> str:
    """Return how many curves are drawn, and what bold lines and crosses mean."""
    return words("caption.curves", count=len(data.curves), total=f"{data.num_runs:,}")


FIGURE = ReportFigure("learning_curves", compute, draw_plotly, draw_matplotlib, caption)
