"""The figures of `lab` in the order of the page. A new figure is one module and one entry in `BUILT_IN`."""

from typing import Any

from lab.core.registry import FIGURES
from lab.report.figures.base import ReportFigure
from lab.report.figures.scores import (
    bars,
    box_plots,
    confusion,
    coverage,
    learning_curves,
    metrics_comparison,
    pareto_front,
    reliability,
)
from lab.report.figures.settings import correlation, importance, objective_by_setting, parallel_coordinates, scatter
from lab.report.findings import Report

BUILT_IN: tuple[ReportFigure[Any], ...] = (
    bars.FIGURE,
    learning_curves.FIGURE,
    objective_by_setting.LEARNING_RATE,
    objective_by_setting.BATCH_SIZE,
    pareto_front.FIGURE,
    box_plots.FIGURE,
    metrics_comparison.FIGURE,
    importance.FIGURE,
    correlation.FIGURE,
    parallel_coordinates.FIGURE,
    scatter.FIGURE,
    confusion.FIGURE,
    reliability.FIGURE,
    coverage.FIGURE,
)
for built_in in BUILT_IN:
    FIGURES.register(built_in.name, built_in)


def compute_all(report: Report) -> dict[str, Any]:
    """Return the data of each figure by its name, `Absent` where there is nothing to draw."""
    return {figure.name: figure.compute(report) for figure in FIGURES.values()}
