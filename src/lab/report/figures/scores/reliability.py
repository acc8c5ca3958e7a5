"""Reliability of the best run: accuracy against probability per head, before and after its temperature.

A head on the diagonal is right as often as it says. The data are those of calibration.json, of the test rows where
these have labels.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from lab.core.files import Unreadable
from lab.core.record.run_folder import RunFolder
from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.doubt_figures import MOST_HEADS, shown_split
from lab.report.figures.drawing import HEX, axis, label_axes, new_figure, panel
from lab.report.figures.run_columns import ranked_rows
from lab.report.figures.run_figures import plain
from lab.report.findings import Report
from lab.report.text.translate import Translator

COLOURS = {"before": "orange", "after": "accent"}


class Head(NamedTuple):
    """One head. bins: `before` and `after` the temperature, [rows, mean probability, accuracy]; errors: their ECE."""

    name: str
    temperature: float
    bins: Mapping[str, list[list[float]]]
    errors: Mapping[str, float]


class Reliability(NamedTuple):
    """The heads of the best run that was calibrated. split: of the rows."""

    label: str
    split: str
    heads: tuple[Head, ...]


def best_calibration(report: Report) -> tuple[str, str, dict[str, Any]] | None:
    """Return the label, the split and calibration.json of the best run that has measured probabilities."""
    for row in ranked_rows(report.runs, report.leaderboard):
        run = report.runs.frame.iloc[row]
        try:
            content = RunFolder(Path(run["path"] or "")).read_calibration() or {}
        except (OSError, Unreadable):
            continue  # the page must not depend on a damaged file of one run; the next best run is shown
        if (split := shown_split(content)) is not None:
            return str(run["run"]), split, content
    return None


def compute(report: Report) -> Reliability | Absent:
    """Return the bins of the best calibrated run."""
    if (best := best_calibration(report)) is None:
        return Absent("absent.calibration")
    label, split, content = best
    heads = []
    for name, scores in list(content["scores"][split].items())[:MOST_HEADS]:
        errors = {when: scores[f"ece_{when}"] for when in COLOURS}
        heads.append(Head(name, scores["temperature"], content["reliability"][split][name], errors))
    return Reliability(label, split, tuple(heads))


def draw_plotly(data: Reliability, words: Translator) -> Spec:
    """Return one panel per head with the diagonal and two lines."""
    return {"panels": [_panel(head, words) for head in data.heads]}


def _panel(head: Head, words: Translator) -> Spec:
    diagonal = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "showlegend": False, "hoverinfo": "skip",
                "line": {"color": "@muted", "dash": "dot", "width": 1}}  # fmt: skip
    lines = []
    for when, colour in COLOURS.items():
        rows, confidence, accuracy = zip(*head.bins[when], strict=True)
        lines.append({
            "type": "scatter", "mode": "lines+markers", "x": list(confidence), "y": list(accuracy),
            "text": [f"{int(num):,}" for num in rows], "line": {"color": f"@{colour}"},
            "name": f"{words(f'calibration.{when}')}: {head.errors[when]:.3f}",
            "hovertemplate": "%{x:.2f}: %{y:.2f} (n = %{text})<extra></extra>",
        })  # fmt: skip
    title = {"text": f"{head.name} · T = {head.temperature:.2f}", "font": {"size": 13}}
    axes = {"xaxis": axis(words("axis.probability"), range=[0, 1]), "yaxis": axis(words("axis.accuracy"), range=[0, 1])}
    return panel(diagonal, *lines, title=title, height=380, **axes)


def draw_matplotlib(data: Reliability, words: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure with the heads side by side."""
    figure = new_figure(3.6 * len(data.heads), 3.6)
    for axes, head in zip(figure.subplots(1, len(data.heads), squeeze=False)[0], data.heads, strict=True):
        axes.plot([0, 1], [0, 1], color=HEX["muted"], linestyle=":", linewidth=1)
        for when, colour in COLOURS.items():
            _, confidence, accuracy = zip(*head.bins[when], strict=True)
            label = f"{words(f'calibration.{when}')}: {head.errors[when]:.3f}"
            axes.plot(confidence, accuracy, color=HEX[colour], marker="o", markersize=4, label=label)
        axes.set_title(plain(f"{head.name} · T = {head.temperature:.2f}"), fontsize=9)
        label_axes(axes, words("axis.probability"), words("axis.accuracy"))
        axes.legend(frameon=False, fontsize=8)
    yield "", figure


def caption(data: Reliability, words: Translator) -> str:
    """Return whose rows are shown, and how to read the lines."""
    return words("caption.reliability", run=data.label, split=data.split)


FIGURE = ReportFigure("reliability", compute, draw_plotly, draw_matplotlib, caption)
