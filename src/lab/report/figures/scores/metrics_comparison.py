"""Metrics comparison: all test metrics of the best runs beside the baselines."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from lab.report.analysis.baselines import shown_baselines
from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, SERIES, axis, label_axes, new_figure, panel, typed
from lab.report.figures.run_columns import ranked_rows, run_names, scored
from lab.report.figures.run_figures import plain
from lab.report.findings import Floats, Report
from lab.report.text.translate import Translator

COMPARED_RUNS = 6


class MetricsComparison(NamedTuple):
    """Test metrics of the best runs and the baselines. values: (series, metrics), NaN where not known."""

    metrics: tuple[str, ...]
    series: tuple[str, ...]
    values: Floats


def compute(report: Report) -> MetricsComparison | Absent:
    """Return the metrics of the best run of each configuration; and on the test rows of the first of them, those of the
    best baseline, the majority and the Bayes rule."""
    frame = report.runs.frame
    names = tuple(name for name in scored(report.runs) if name.startswith("test/") and name != "test/loss")
    by_configuration: dict[Any, int] = {}
    for row in ranked_rows(report.runs, report.leaderboard):
        by_configuration.setdefault(frame["configuration"].iloc[row], row)
    best = list(by_configuration.values())[:COMPARED_RUNS]
    if not best or not names:
        return Absent("absent.no_test")
    series, values = list(run_names(report.runs, best)), [frame[list(names)].iloc[row].tolist() for row in best]
    for baseline in shown_baselines(report.runs, best[0]):
        columns = [f"{baseline}/{name.removeprefix('test/')}" for name in names]
        series.append(baseline)
        values.append([frame[column].iloc[best[0]] if column in frame else np.nan for column in columns])
    return MetricsComparison(names, tuple(series), np.array(values, np.float64))


def draw_plotly(data: MetricsComparison, _: Translator) -> Spec:
    """Return grouped bars, one colour per run or baseline."""
    short = [name.removeprefix("test/") for name in data.metrics]
    traces = [
        {"type": "bar", "name": name, "x": short, "y": typed(values),
         "marker": {"color": f"@{SERIES[at % len(SERIES)]}"},
         "hovertemplate": f"<b>{name}</b><br>%{{x}} %{{y:.4f}}<extra></extra>"}
        for at, (name, values) in enumerate(zip(data.series, data.values, strict=True))
    ]  # fmt: skip
    return {"panels": [panel(*traces, barmode="group", yaxis=axis("test"), xaxis=axis(""), showlegend=True)]}


def draw_matplotlib(data: MetricsComparison, _: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure."""
    figure = new_figure(max(7.0, 1.3 * len(data.metrics)))
    axes = figure.add_subplot()
    places, width = np.arange(len(data.metrics)), 0.85 / len(data.series)
    for at, (name, values) in enumerate(zip(data.series, data.values, strict=True)):
        colour = HEX[SERIES[at % len(SERIES)]]
        axes.bar(places + (at + 0.5) * width - 0.425, values, width, label=plain(name), color=colour)
    names = [plain(name.removeprefix("test/")) for name in data.metrics]
    axes.set_xticks(places, names, rotation=20, ha="right", fontsize=9)
    label_axes(axes, "", "test")
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    yield "", figure


def caption(_: MetricsComparison, words: Translator) -> str:
    """Return which runs are compared."""
    return words("caption.metrics")


FIGURE = ReportFigure("metrics_comparison", compute, draw_plotly, draw_matplotlib, caption)
