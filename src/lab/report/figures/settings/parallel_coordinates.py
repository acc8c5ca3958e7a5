"""Parallel coordinates: one line per run across its settings and its result.

Many runs are thinned by rank. On the page this figure needs WebGL.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from lab.report.analysis.groups import short_key, value_text
from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, new_figure, panel, typed
from lab.report.figures.run_columns import MAX_LEVELS, level_names, needs_log_axis, numbers, ranked_rows, thinned
from lab.report.figures.run_figures import plain
from lab.report.findings import Floats, Report, Runs
from lab.report.text.translate import Translator

MAX_LINES = 400


class Dimension(NamedTuple):
    """One axis. values: (lines,), of a choice the position in `levels`, of a logarithmic axis the log to base 10."""

    name: str
    values: Floats
    levels: tuple[str, ...]
    log: bool


class ParallelCoordinates(NamedTuple):
    """The settings and, last, the objective. rows: the runs drawn, evenly spaced by rank; num_runs: with a result."""

    dimensions: tuple[Dimension, ...]
    rows: tuple[int, ...]
    num_runs: int


def compute(report: Report) -> ParallelCoordinates | Absent:
    """Return the lines, absent for fewer than two runs and without a varied key."""
    runs = report.runs
    rows = ranked_rows(runs, report.leaderboard)
    if len(rows) < 2 or not runs.varied:
        return Absent("absent.parallel", {"num": len(rows)})
    lines = thinned(rows, MAX_LINES)
    dimensions = [_dimension(runs, name, lines) for name in (*runs.varied, "objective")]
    known = tuple(dimension for dimension in dimensions if np.isfinite(dimension.values).any())
    return ParallelCoordinates(known, tuple(lines), len(rows))


def _dimension(runs: Runs, name: str, rows: list[int]) -> Dimension:
    column = numbers(runs, name)
    if column is None:
        levels = level_names(runs.frame[name])
        places = {level: place for place, level in enumerate(levels)}
        texts = runs.frame[name].iloc[rows].map(value_text)
        return Dimension(short_key(name), np.array([places[text] for text in texts], np.float64), tuple(levels), False)
    values = column[rows]
    log = needs_log_axis(values)
    return Dimension(short_key(name), np.log10(values) if log else values, (), log)


def draw_plotly(data: ParallelCoordinates, _: Translator) -> Spec:
    """Return Plotly's parallel coordinates, coloured by the objective."""
    line = {"color": typed(data.dimensions[-1].values), "colorscale": "@sequential", "showscale": True,
            "colorbar": {"thickness": 10}}  # fmt: skip
    trace = {
        "type": "parcoords",
        "line": line,
        "dimensions": [_plotly_dimension(dimension) for dimension in data.dimensions],
    }
    return {"panels": [panel(trace, height=460, margin={"t": 90, "l": 70, "r": 50, "b": 30})], "webgl": True}


def _plotly_dimension(dimension: Dimension) -> Spec:
    spec: Spec = {"label": dimension.name, "values": typed(dimension.values)}
    if dimension.levels:
        return spec | {"tickvals": list(range(len(dimension.levels))), "ticktext": list(dimension.levels)}
    distinct = np.unique(dimension.values[np.isfinite(dimension.values)])
    if len(distinct) <= MAX_LEVELS:
        ticks = distinct
    elif dimension.log:
        ticks = np.arange(np.ceil(distinct[0]), np.floor(distinct[-1]) + 1)
    else:
        return spec
    texts = [f"{10**tick:g}" if dimension.log else f"{tick:g}" for tick in ticks]
    return spec | {"tickvals": [float(tick) for tick in ticks], "ticktext": texts}


def draw_matplotlib(data: ParallelCoordinates, _: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure; the best lines are drawn on top."""
    figure = new_figure(max(7.0, 1.25 * len(data.dimensions)))
    axes = figure.add_subplot()
    scaled = np.array([_scaled(dimension.values) for dimension in data.dimensions])
    colours = _scaled(data.dimensions[-1].values)
    places = list(range(len(data.dimensions)))
    scale = colormaps["viridis"]
    for line, colour in sorted(zip(scaled.T, colours, strict=True), key=lambda pair: pair[1]):
        axes.plot(places, line, color=scale(colour), alpha=0.45, linewidth=0.9)
    for place, dimension in zip(places, data.dimensions, strict=True):
        low, high = np.nanmin(dimension.values), np.nanmax(dimension.values)
        ends = [
            dimension.levels[int(end)] if dimension.levels else f"{10**end if dimension.log else end:.4g}"
            for end in (low, high)
        ]
        axes.text(place, -0.04, plain(ends[0]), ha="center", va="top", fontsize=7)
        axes.text(place, 1.03, plain(ends[1]), ha="center", va="bottom", fontsize=7)
        axes.axvline(place, color=HEX["muted"], linewidth=0.6)
    axes.set_xticks(
        places, [plain(dimension.name) for dimension in data.dimensions], rotation=20, ha="right", fontsize=8
    )
    axes.set_yticks([])
    axes.tick_params(axis="x", pad=12, length=0)
    axes.set_ylim(-0.02, 1.02)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    yield "", figure


def _scaled(values: Any) -> Any:
    low, high = np.nanmin(values), np.nanmax(values)
    return (values - low) / (high - low) if high > low else np.full(len(values), 0.5)


def caption(data: ParallelCoordinates, words: Translator) -> str:
    """Return how many runs are drawn."""
    return words("caption.parallel", count=len(data.rows), total=f"{data.num_runs:,}")


FIGURE = ReportFigure("parallel", compute, draw_plotly, draw_matplotlib, caption)
