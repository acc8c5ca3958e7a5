"""Colours, axes and points that the figures share, for Plotly (plain JSON) and for Matplotlib.

The page receives points as base64 of float32, a tenth of the size of a list of numbers. Colours are names such as
`@accent`, which the page replaces by those of its light or dark theme. Plotly itself is not imported. Matplotlib
figures have an Agg canvas of their own: nothing global changes, and nothing stays open.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lab.report.figures.base import Spec
from lab.report.figures.run_figures import plain
from lab.report.findings import Floats

HEX = {
    "accent": "#2459a8", "teal": "#19766c", "orange": "#b4530a", "red": "#b3261e", "purple": "#6b4ba3",
    "gold": "#8a6a00", "muted": "#5d6875", "ink": "#1b2430",
}  # fmt: skip
"""The page's colours in its light theme, for the files."""
STATUS_COLOURS = {"completed": "accent", "early_stopped": "teal", "terminated": "orange", "failed": "red",
                  "running": "gold", "interrupted": "muted"}  # fmt: skip
SERIES = ("accent", "orange", "teal", "purple", "red", "gold", "muted", "ink")
MANY_POINTS = 2000
"""More points than this are drawn by WebGL on the page."""
MAX_BARS = 300
"""More bars than this are drawn as points, and more points than this as pixels in an SVG file."""


def typed(values: Any, dtype: str = "f4") -> dict[str, str]:
    """Return a typed array as Plotly and the page's script read it: little-endian bytes in base64."""
    array = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    coded = {"dtype": dtype, "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    return coded | ({"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {})


def points(x: Floats, y: Floats, rows: Sequence[int], **more: Any) -> Spec:
    """Return markers that show the name of their run; rows: of the page's table."""
    kind = "scattergl" if len(x) > MANY_POINTS else "scatter"
    template = "<b>%{text}</b><br>x %{x}<br>y %{y:.4f}<extra></extra>"
    return {"type": kind, "mode": "markers", "x": typed(x), "y": typed(y), "customdata": typed(rows, "i4"),
            "hovertemplate": template} | more  # fmt: skip


def marker(colour: str, num: int) -> Spec:
    """Return a marker's style, smaller and fainter where many points overlap."""
    size = {"size": 4, "opacity": 0.3} if num > MANY_POINTS else {"size": 8, "opacity": 0.55}
    return {"color": colour} | size


def axis(title: str, log: bool = False, **more: Any) -> Spec:
    """Return a Plotly axis."""
    return {"title": {"text": title}, "automargin": True} | ({"type": "log"} if log else {}) | more


def panel(*traces: Spec, **layout: Any) -> Spec:
    """Return one Plotly figure."""
    return {"data": list(traces), "layout": layout}


def new_figure(width_in: float = 7.0, height_in: float = 4.2) -> Figure:
    """Return an empty Matplotlib figure with an Agg canvas."""
    figure = Figure(figsize=(width_in, height_in), layout="tight")
    FigureCanvasAgg(figure)
    return figure


def label_axes(axes: Any, x: str, y: str) -> None:
    """Set the labels of both Matplotlib axes, with a faint grid and without the upper and right frame."""
    axes.set(xlabel=plain(x), ylabel=plain(y))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
