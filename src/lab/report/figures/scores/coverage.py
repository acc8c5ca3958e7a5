"""Accuracy against coverage of the best run: what is left to a person if the model decides only where it is sure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from matplotlib.figure import Figure

from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.doubt_figures import MOST_HEADS
from lab.report.figures.drawing import HEX, SERIES, axis, label_axes, new_figure, panel
from lab.report.figures.run_figures import plain
from lab.report.figures.scores.reliability import best_calibration
from lab.report.findings import Report
from lab.report.text.translate import Translator

HALF = 0.5


class Coverage(NamedTuple):
    """The best calibrated run. curves: per head points [least probability, share of rows, accuracy], surest first."""

    label: str
    split: str
    curves: Mapping[str, list[list[float]]]


def compute(report: Report) -> Coverage | Absent:
    """Return the curves of the best calibrated run."""
    if (best := best_calibration(report)) is None:
        return Absent("absent.calibration")
    label, split, content = best
    return Coverage(label, split, dict(list(content["coverage"][split].items())[:MOST_HEADS]))


def draw_plotly(data: Coverage, words: Translator) -> Spec:
    """Return one panel with a line per head."""
    traces = []
    for colour, (head, points) in zip(SERIES, data.curves.items(), strict=False):
        threshold, coverage, accuracy = zip(*points, strict=True)
        traces.append({
            "type": "scatter", "mode": "lines+markers", "x": list(coverage), "y": list(accuracy), "name": head,
            "text": [f"{value:.2f}" for value in threshold], "line": {"color": f"@{colour}"},
            "hovertemplate": f"<b>{head}</b><br>%{{x:.0%}}: %{{y:.3f}} (p ≥ %{{text}})<extra></extra>",
        })  # fmt: skip
    axes = {"xaxis": axis(words("axis.coverage"), tickformat=".0%"), "yaxis": axis(words("axis.accuracy"))}
    return {"panels": [panel(*traces, **axes)]}


def draw_matplotlib(data: Coverage, words: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure."""
    figure = new_figure()
    axes = figure.add_subplot()
    for colour, (head, points) in zip(SERIES, data.curves.items(), strict=False):
        _, coverage, accuracy = zip(*points, strict=True)
        axes.plot(coverage, accuracy, color=HEX[colour], marker="o", markersize=3, label=plain(head))
    label_axes(axes, words("axis.coverage"), words("axis.accuracy"))
    axes.legend(frameon=False, fontsize=8)
    yield "", figure


def caption(data: Coverage, words: Translator) -> str:
    """Return the accuracy of all rows and of the surer half, of the head that gains most."""
    half = {head: min(points, key=lambda point: abs(point[1] - HALF)) for head, points in data.curves.items()}
    head = max(half, key=lambda name: half[name][2] - data.curves[name][-1][2])
    threshold, share, accuracy = half[head]
    values = {"share": f"{share:.0%}", "threshold": f"{threshold:.2f}", "accuracy": f"{accuracy:.3f}"}
    everything = f"{data.curves[head][-1][2]:.3f}"
    return words("caption.coverage", run=data.label, split=data.split, head=head, everything=everything, **values)


FIGURE = ReportFigure("coverage", compute, draw_plotly, draw_matplotlib, caption)
