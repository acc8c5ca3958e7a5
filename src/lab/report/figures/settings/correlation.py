"""Correlation of each setting with each result, as a heat map.

Spearman's rank correlation for numbers; for choices eta, the correlation ratio: the square root of the share of the
variance that lies between the groups (Fisher 1925). Correlation is not cause: keys that were varied together share it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from lab.report.analysis.groups import value_text
from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, axis, new_figure, panel, typed
from lab.report.figures.run_columns import numbers, rows_with_result
from lab.report.figures.run_figures import plain
from lab.report.findings import Floats, Report
from lab.report.text.translate import Translator

MIN_RELIABLE_RUNS = 10
OUTCOMES = ("objective", "test/accuracy", "test/f1_macro", "test/f1", "test/em", "test/mcc", "test/loss", "time_s",
            "peak_rss_gib")  # fmt: skip


class Correlation(NamedTuple):
    """values: (keys, outcomes), NaN where either never changes. methods: `spearman` or `eta`, one per key."""

    keys: tuple[str, ...]
    outcomes: tuple[str, ...]
    methods: tuple[str, ...]
    values: Floats
    num_runs: int

    @property
    def has_few_runs(self) -> bool:
        """True if the runs are too few to rely on: the page shows a warning."""
        return self.num_runs < MIN_RELIABLE_RUNS


def compute(report: Report) -> Correlation | Absent:
    """Return all correlations, absent for fewer than three runs and without a varied key."""
    runs = report.runs
    rows = rows_with_result(runs)
    if len(rows) < 3 or not runs.varied:
        return Absent("absent.correlation", {"num": len(rows)})
    frame = runs.frame.iloc[rows]
    outcomes = tuple(name for name in OUTCOMES if name in frame and frame[name].nunique() > 1)
    if not outcomes:
        return Absent("absent.flat")
    columns = [numbers(runs, key) for key in runs.varied]
    methods = tuple("eta" if column is None else "spearman" for column in columns)
    results = [frame[name].to_numpy(np.float64) for name in outcomes]
    values = np.full((len(runs.varied), len(outcomes)), np.nan)
    for at, (key, column) in enumerate(zip(runs.varied, columns, strict=True)):
        for to, result in enumerate(results):
            if column is None:
                values[at, to] = eta(frame[key].map(value_text).to_numpy(), result)
            else:
                values[at, to] = spearman(column[rows], result)
    return Correlation(runs.varied, outcomes, methods, values, len(rows))


def spearman(x: Floats, y: Floats) -> float:
    """Return Pearson's correlation of the ranks (ties share theirs) where both are finite; NaN if either is constant.

    x, y: (N,). NaN for fewer than three pairs.
    """
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 3:
        return float("nan")
    ranks = [pd.Series(values[known]).rank().to_numpy() for values in (x, y)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def eta(levels: npt.NDArray[Any], y: Floats) -> float:
    """Return the correlation ratio of y (N,) over the levels (N,), 0 to 1; NaN with one level or a constant y."""
    known = np.isfinite(y)
    y, codes = y[known], np.unique(levels[known].astype(str), return_inverse=True)[1]
    if not len(y) or codes.max() == 0 or np.ptp(y) == 0:
        return float("nan")
    counts = np.bincount(codes)
    means = np.bincount(codes, weights=y) / counts
    between = float((counts * (means - y.mean()) ** 2).sum())
    total = float(((y - y.mean()) ** 2).sum())  # 0 where the squares underflow
    return float(np.sqrt(min(1.0, between / total))) if total > 0 else float("nan")


def draw_plotly(data: Correlation, words: Translator) -> Spec:
    """Return a heat map with its numbers, and a warning for few runs."""
    names = [f"{key} ({words(f'method.{method}')})" for key, method in zip(data.keys, data.methods, strict=True)]
    text = [["" if np.isnan(cell) else f"{cell:.2f}" for cell in row] for row in data.values]
    trace = {"type": "heatmap", "x": list(data.outcomes), "y": names, "z": typed(data.values), "text": text,
             "texttemplate": "%{text}", "zmin": -1, "zmax": 1, "colorscale": "@diverging", "xgap": 2, "ygap": 2,
             "hovertemplate": "%{y}<br>%{x}: %{z:.3f}<extra></extra>", "colorbar": {"thickness": 10}}  # fmt: skip
    xaxis, yaxis = axis("", tickangle=-35), axis("", autorange="reversed")
    spec: Spec = {"panels": [panel(trace, xaxis=xaxis, yaxis=yaxis, height=140 + 38 * len(data.keys))]}
    if data.has_few_runs:
        spec["warning"] = words("caption.few", count=data.num_runs, least=MIN_RELIABLE_RUNS)
    return spec


def draw_matplotlib(data: Correlation, _: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure."""
    figure = new_figure(3.4 + 0.75 * len(data.outcomes), 1.8 + 0.42 * len(data.keys))
    axes = figure.add_subplot()
    image = axes.imshow(data.values, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(data.outcomes)), [*map(plain, data.outcomes)], rotation=35, ha="right", fontsize=8)
    names = [plain(f"{key} ({method})") for key, method in zip(data.keys, data.methods, strict=True)]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for (row, column), value in np.ndenumerate(data.values):
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.6 else HEX["ink"]
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(image, ax=axes, fraction=0.03)
    yield "", figure


def caption(data: Correlation, words: Translator) -> str:
    """Return the number of runs and the two methods."""
    return words("caption.correlation", count=f"{data.num_runs:,}")


FIGURE = ReportFigure("correlation_heatmap", compute, draw_plotly, draw_matplotlib, caption)
