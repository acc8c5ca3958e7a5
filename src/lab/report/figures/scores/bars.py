"""Bars: the objective of every run with a result, the best first."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import (
    HEX,
    MAX_BARS,
    STATUS_COLOURS,
    axis,
    label_axes,
    new_figure,
    panel,
    points,
    typed,
)
from lab.report.figures.run_columns import MIN_RUNS, ranked_rows
from lab.report.findings import Floats, Report
from lab.report.text.translate import Translator


class Bars(NamedTuple):
    """All runs with a result, the best first. values: the objective; num_without: number of runs without a result."""

    rows: tuple[int, ...]
    values: Floats
    statuses: tuple[str, ...]
    metric: str
    num_without: int


def compute(report: Report) -> Bars | Absent:
    """Return the ranked objectives, absent for fewer than two runs."""
    runs = report.runs
    rows = tuple(ranked_rows(runs, report.leaderboard))
    if len(rows) < MIN_RUNS:
        return Absent("absent.runs", {"least": MIN_RUNS, "num": len(rows)})
    statuses = tuple(runs.frame["status"].to_numpy()[list(rows)])
    values = runs.frame["objective"].to_numpy(np.float64)[list(rows)]
    return Bars(rows, values, statuses, runs.metric, len(runs.frame) - len(rows))


def draw_plotly(data: Bars, words: Translator) -> Spec:
    """Return one trace per status; many runs are drawn as points."""
    traces = []
    ranks = np.arange(1, len(data.rows) + 1)
    for status in dict.fromkeys(data.statuses):
        mine = np.array([other == status for other in data.statuses])
        common = {"name": words(f"status.{status}"), "marker": {"color": f"@{STATUS_COLOURS[status]}"}}
        rows = [row for row, is_mine in zip(data.rows, mine, strict=True) if is_mine]
        if len(data.rows) > MAX_BARS:
            traces.append(points(ranks[mine], data.values[mine], rows, **common))
            continue
        hover = "<b>%{text}</b><br>%{y:.4f}<extra></extra>"
        traces.append({"type": "bar", "x": typed(ranks[mine]), "y": typed(data.values[mine]), "textposition": "none",
                       "customdata": typed(rows, "i4"), "hovertemplate": hover} | common)  # fmt: skip
    drawing = panel(*traces, xaxis=axis(words("axis.rank")), yaxis=axis(data.metric),
                    barmode="overlay", bargap=0.15, showlegend=True)  # fmt: skip
    return {"panels": [drawing]}


def draw_matplotlib(data: Bars, words: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure whose bars start at zero, so that their lengths can be compared."""
    figure = new_figure(9.0)
    axes = figure.add_subplot()
    ranks = np.arange(1, len(data.rows) + 1)
    for status in dict.fromkeys(data.statuses):
        mine = np.array([other == status for other in data.statuses])
        style: dict[str, Any] = {"color": HEX[STATUS_COLOURS[status]], "label": words(f"status.{status}")}
        if len(ranks) > MAX_BARS:
            axes.plot(ranks[mine], data.values[mine], ".", markersize=3, rasterized=True, **style)
        else:
            axes.bar(ranks[mine], data.values[mine], width=0.85, **style)
    axes.set_ylim(bottom=min(0.0, float(data.values.min())))
    label_axes(axes, words("axis.rank"), data.metric)
    axes.legend(frameon=False, fontsize=8)
    yield "", figure


def caption(data: Bars, words: Translator) -> str:
    """Return the number of runs with and without a result."""
    return words("caption.bars", count=f"{len(data.rows):,}", without=f"{data.num_without:,}")


FIGURE = ReportFigure("bars", compute, draw_plotly, draw_matplotlib, caption)
