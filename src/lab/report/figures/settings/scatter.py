"""Scatter plots: on the page of any two or three columns that the reader chooses; in files of two settings.

The files show the objective over the two numeric keys with the most values, as a colour in 2-D and as height in 3-D.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import new_figure
from lab.report.figures.run_figures import plain
from lab.report.figures.settings import parallel_coordinates
from lab.report.figures.settings.parallel_coordinates import Dimension
from lab.report.findings import Report
from lab.report.text.translate import Translator


class Scatter(NamedTuple):
    """Two numeric keys and the objective; empty if fewer keys are numeric."""

    dimensions: tuple[Dimension, ...]


def compute(report: Report) -> Scatter:
    """Return the two numeric keys with the most values. The page needs none of them, so this is never absent."""
    lines = parallel_coordinates.compute(report)
    if isinstance(lines, Absent):
        return Scatter(())
    keys = [dimension for dimension in lines.dimensions[:-1] if not dimension.levels and np.ptp(dimension.values) > 0]
    keys = sorted(keys, key=lambda dimension: -len(np.unique(dimension.values)))[:2]
    return Scatter((*keys, lines.dimensions[-1]) if len(keys) == 2 else ())


def draw_plotly(_: Scatter, __: Translator) -> Spec:
    """Return an empty chooser: the page's script draws from the table of runs."""
    return {"chooser": {}}


def draw_matplotlib(data: Scatter, _: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield a figure in two dimensions and one in three, with the best runs on top."""
    if not data.dimensions:
        return
    *keys, result = data.dimensions
    order = np.argsort(result.values)
    names = [plain(f"log10 {dimension.name}" if dimension.log else dimension.name) for dimension in keys]
    for kind in ("2d", "3d"):
        figure = new_figure(6.5, 5.0)
        axes = figure.add_subplot(projection="3d" if kind == "3d" else None)
        places = [dimension.values[order] for dimension in data.dimensions][: 3 if kind == "3d" else 2]
        cloud = axes.scatter(*places, c=result.values[order], cmap="viridis", s=26)  # type: ignore[misc]  # 2 or 3 axes
        axes.set(xlabel=names[0], ylabel=names[1])
        figure.colorbar(cloud, ax=axes, fraction=0.035, label=plain(result.name))
        yield f"_{kind}", figure


def caption(_: Scatter, words: Translator) -> str:
    """Return what the reader can choose."""
    return words("caption.scatter")


FIGURE = ReportFigure("scatter", compute, draw_plotly, draw_matplotlib, caption)
