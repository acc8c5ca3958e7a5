"""The page's list of figures: each with its title, a caption that says its numbers in words, and what to draw.

A figure whose data is `Absent` carries the reason instead. `panels` are drawn side by side, `chooser` is filled by what
the reader picks.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from lab.report.figures import boxes as plots_boxes
from lab.report.figures import curves, plots, relations
from lab.report.figures import plotly_drawing as draw
from lab.report.figures.plots import Absent, Against
from lab.report.figures.relations import FEW_RUNS, Correlation
from lab.report.findings import Report
from lab.report.text.language import Words


class Data(NamedTuple):
    """What every figure shows, or why it is not drawn; page and files draw from the same."""

    bars: plots.Bars | Absent
    accuracy_vs_lr: Against | Absent
    accuracy_vs_batch: Against | Absent
    boxes: tuple[plots_boxes.Boxes, ...] | Absent
    front: plots.Front | Absent
    metrics_comparison: plots.Metrics | Absent
    correlation_heatmap: Correlation | Absent
    importance: relations.Importance | Absent
    learning_curves: curves.Curves | Absent
    parallel: relations.Parallel | Absent
    confusion: curves.Confusions | Absent


def data(report: Report) -> Data:
    return Data(
        bars=plots.bars(report),
        accuracy_vs_lr=plots.against(report, plots.LR_KEYS),
        accuracy_vs_batch=plots.against(report, plots.BATCH_KEYS),
        boxes=plots_boxes.boxes(report),
        front=plots.front(report),
        metrics_comparison=plots.metrics(report),
        correlation_heatmap=relations.correlation(report),
        importance=relations.importance(report),
        learning_curves=curves.curves(report),
        parallel=relations.parallel(report),
        confusion=curves.confusions(report),
    )


def figures(found: Data, words: Words) -> list[dict[str, Any]]:
    """In the page's order. Keys: id, title, then absent, or caption and panels or chooser."""
    makers: dict[str, Callable[[Any], dict[str, Any]]] = {
        "bars": lambda info: {
            "panels": [draw.bars(info, words)],
            "caption": words("caption.bars", count=f"{len(info.rows):,}", without=f"{info.num_without:,}"),
        },
        "learning_curves": lambda info: {
            "panels": [draw.curves(info, words)],
            "caption": words("caption.curves", count=len(info.curves), total=f"{info.num_runs:,}"),
        },
        "accuracy_vs_lr": lambda info: _against(info, words),
        "accuracy_vs_batch": lambda info: _against(info, words),
        "front": lambda info: {
            "panels": [draw.front(info, words)],
            "caption": words("caption.front", count=len(info.front), total=f"{len(info.rows):,}"),
        },
        "boxes": lambda info: {"chooser": draw.boxes(info), "caption": words("caption.boxes")},
        "metrics_comparison": lambda info: {"panels": [draw.metrics(info)], "caption": words("caption.metrics")},
        "importance": lambda info: {
            "panels": [draw.importance(info, words)],
            "caption": words("caption.importance", count=f"{info.num_runs:,}"),
        },
        "correlation_heatmap": lambda info: _correlation(info, words),
        "parallel": lambda info: {
            "panels": [draw.parallel(info)], "webgl": True,
            "caption": words("caption.parallel", count=len(info.rows), total=f"{info.num_runs:,}"),
        },
        "confusion": lambda info: {
            "panels": [draw.confusion(one, words) for one in info.matrices], "caption": _said_of(info, words),
        },
    }  # fmt: skip
    listed = [_figure(name, getattr(found, name), make, words) for name, make in makers.items()]
    free = {"id": "scatter", "title": words("figure.scatter"), "caption": words("caption.scatter"), "chooser": {}}
    return [*listed[:-1], free, listed[-1]]


def _figure(name: str, info: Any, make: Callable[[Any], dict[str, Any]], words: Words) -> dict[str, Any]:
    head = {"id": name, "title": words(f"figure.{name}")}
    return head | ({"absent": words(info.reason, **info.values)} if isinstance(info, Absent) else make(info))


def _against(info: Against, words: Words) -> dict[str, Any]:
    best = info.medians.argmax()
    said = words("caption.against", count=f"{len(info.rows):,}", best=info.medians[best], at=info.centres[best])
    return {"panels": [draw.against(info, words)], "caption": said}


def _said_of(info: curves.Confusions, words: Words) -> str:
    unread = [words("absent.unread", runs="; ".join(info.unread))] if info.unread else []
    return " ".join([words("caption.confusion"), *unread])


def _correlation(info: Correlation, words: Words) -> dict[str, Any]:
    figure = {
        "panels": [draw.correlation(info, words)],
        "caption": words("caption.correlation", count=f"{info.num_runs:,}"),
    }
    return figure | ({"warning": words("caption.few", count=info.num_runs, least=FEW_RUNS)} if info.few else {})
