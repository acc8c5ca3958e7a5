"""The report's figures for the page: each figure's data becomes what Plotly draws, as plain JSON.

Points travel as base64 of float32 (Plotly reads typed arrays): a tenth of a list of numbers. Colours are names such as
`@accent`, which the page replaces by those of its light or dark dress; names of runs are looked up by `customdata`, the
row in the page's table. Needs no Plotly in Python.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from lab.report.figures.boxes import Boxes
from lab.report.figures.curves import Confusion, Curves
from lab.report.figures.plots import MOST_BARS, MOST_LEVELS, Against, Bars, Front, Metrics
from lab.report.figures.relations import Correlation, Dimension, Importance, Parallel
from lab.report.findings import Floats
from lab.report.text.language import Words

Spec = dict[str, Any]
COLOURS = {"completed": "@accent", "early_stopped": "@teal", "terminated": "@orange", "failed": "@red",
           "interrupted": "@muted"}  # fmt: skip
SYMBOLS = {"completed": "circle", "early_stopped": "diamond", "terminated": "x", "interrupted": "circle-open"}
SERIES = ("@accent", "@orange", "@teal", "@purple", "@red", "@gold", "@muted", "@ink")
MANY_POINTS = 2000
"""From here on points are drawn by WebGL."""


def typed(values: Any, dtype: str = "f4") -> dict[str, str]:
    """A typed array as Plotly and the page's script read it: little-endian bytes in base64."""
    array = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    coded = {"dtype": dtype, "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    return coded | ({"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {})


def points(x: Floats, y: Floats, rows: Sequence[int], **more: Any) -> Spec:
    """Markers that say which run they are."""
    kind = "scattergl" if len(x) > MANY_POINTS else "scatter"
    template = "<b>%{text}</b><br>x %{x}<br>y %{y:.4f}<extra></extra>"
    return {"type": kind, "mode": "markers", "x": typed(x), "y": typed(y), "customdata": typed(rows, "i4"),
            "hovertemplate": template} | more  # fmt: skip


def _dots(num: int) -> Spec:
    """Smaller and fainter where many lie upon each other."""
    return {"size": 4, "opacity": 0.3} if num > MANY_POINTS else {"size": 8, "opacity": 0.55}


def axis(title: str, log: bool = False, **more: Any) -> Spec:
    return {"title": {"text": title}, "automargin": True} | ({"type": "log"} if log else {}) | more


def bars(info: Bars, words: Words) -> Spec:
    data = []
    ranks = np.arange(1, len(info.rows) + 1)
    for status in dict.fromkeys(info.statuses):
        mine = np.array([other == status for other in info.statuses])
        common = {"name": words(f"status.{status}"), "marker": {"color": COLOURS[status]}}
        rows = [row for row, is_mine in zip(info.rows, mine, strict=True) if is_mine]
        if len(info.rows) > MOST_BARS:
            data.append(points(ranks[mine], info.values[mine], rows, **common))
            continue
        hover = "<b>%{text}</b><br>%{y:.4f}<extra></extra>"
        data.append({"type": "bar", "x": typed(ranks[mine]), "y": typed(info.values[mine]), "textposition": "none",
                     "customdata": typed(rows, "i4"), "hovertemplate": hover} | common)  # fmt: skip
    layout = {"xaxis": axis(words("axis.rank")), "yaxis": axis(info.metric),
              "barmode": "overlay", "bargap": 0.15, "showlegend": True}  # fmt: skip
    return {"data": data, "layout": layout}


def against(info: Against, words: Words) -> Spec:
    cloud = points(info.x, info.y, info.rows, name=words("legend.runs"),
                   marker={"color": "@accent"} | _dots(len(info.rows)))  # fmt: skip
    middle = {"type": "scatter", "mode": "lines+markers", "x": typed(info.centres), "y": typed(info.medians),
              "name": words("legend.median"), "line": {"color": "@orange", "width": 2}, "marker": {"size": 6},
              "hovertemplate": "%{x}: %{y:.4f}<extra></extra>"}  # fmt: skip
    few = len(info.centres) <= 12
    ticks = {"tickvals": [float(x) for x in info.centres], "ticktext": [f"{x:g}" for x in info.centres]} if few else {}
    layout = {"xaxis": axis(info.key, info.log, **ticks), "yaxis": axis(info.metric), "showlegend": True}
    return {"data": [cloud, middle], "layout": layout}


def boxes(info: tuple[Boxes, ...]) -> dict[str, Any]:
    """Every box of every key and metric, for the page to choose from."""
    return {
        one.key: {
            metric: {name: [getattr(box, name) for box in made] for name in made[0]._fields}
            for metric, made in one.by.items()
        }
        for one in info
    }


def front(info: Front, words: Words) -> Spec:
    cloud = points(info.time_s, info.values, info.rows, name=words("legend.runs"),
                   marker={"color": "@muted"} | _dots(len(info.rows)))  # fmt: skip
    best = list(info.front)
    line = points(info.time_s[best], info.values[best], [info.rows[at] for at in best], type="scatter",
                  mode="lines+markers", name=words("legend.front"), marker={"color": "@accent", "size": 10},
                  line={"color": "@accent", "shape": "hv", "width": 2})  # fmt: skip
    layout = {"xaxis": axis(words("axis.time_s"), info.log), "yaxis": axis(info.metric), "showlegend": True}
    return {"data": [cloud, line], "layout": layout}


def metrics(info: Metrics) -> Spec:
    short = [name.removeprefix("test/") for name in info.metrics]
    data = [
        {"type": "bar", "name": name, "x": short, "y": typed(values), "marker": {"color": SERIES[at % len(SERIES)]},
         "hovertemplate": f"<b>{name}</b><br>%{{x}} %{{y:.4f}}<extra></extra>"}
        for at, (name, values) in enumerate(zip(info.series, info.values, strict=True))
    ]  # fmt: skip
    return {"data": data, "layout": {"barmode": "group", "yaxis": axis("test"), "xaxis": axis(""), "showlegend": True}}


def correlation(info: Correlation, words: Words) -> Spec:
    names = [f"{key} ({words(f'method.{method}')})" for key, method in zip(info.keys, info.methods, strict=True)]
    text = [["" if np.isnan(cell) else f"{cell:.2f}" for cell in row] for row in info.values]
    data = {"type": "heatmap", "x": list(info.outcomes), "y": names, "z": typed(info.values), "text": text,
            "texttemplate": "%{text}", "zmin": -1, "zmax": 1, "colorscale": "@diverging", "xgap": 2, "ygap": 2,
            "hovertemplate": "%{y}<br>%{x}: %{z:.3f}<extra></extra>", "colorbar": {"thickness": 10}}  # fmt: skip
    layout = {"xaxis": axis("", tickangle=-35), "yaxis": axis("", autorange="reversed")}
    return {"data": [data], "layout": layout | {"height": 140 + 38 * len(info.keys)}}


def importance(info: Importance, words: Words) -> Spec:
    data = {"type": "bar", "orientation": "h", "x": typed(info.shares), "y": list(info.keys),
            "marker": {"color": "@accent"}, "hovertemplate": "%{y}: %{x:.1%}<extra></extra>"}  # fmt: skip
    layout = {"xaxis": axis(words("axis.share"), tickformat=".0%"), "yaxis": axis("", autorange="reversed")}
    return {"data": [data], "layout": layout | {"height": 150 + 30 * len(info.keys)}}


def curves(info: Curves, words: Words) -> Spec:
    data: list[Spec] = []
    for place, curve in enumerate(info.curves):
        colour = COLOURS[curve.status] if place else "@ink"
        data.append({
            "type": "scatter", "mode": "lines", "x": typed(curve.epochs), "y": typed(curve.values), "name": curve.label,
            "line": {"color": colour, "width": 3 if place == 0 else 1.2}, "opacity": 1.0 if place == 0 else 0.55,
            "hovertemplate": f"<b>{curve.label}</b><br>%{{x}}: %{{y:.4f}}<extra></extra>", "showlegend": place == 0,
        })  # fmt: skip
    cut = [curve for curve in info.curves if curve.status == "terminated"]
    if cut:
        data.append({
            "type": "scatter", "mode": "markers", "x": [float(curve.epochs[-1]) for curve in cut],
            "y": [float(curve.values[-1]) for curve in cut], "text": [curve.label for curve in cut],
            "name": words("status.terminated"), "marker": {"symbol": "x", "size": 9, "color": "@orange"},
            "hovertemplate": "<b>%{text}</b><br>%{x}: %{y:.4f}<extra></extra>", "showlegend": True,
        })  # fmt: skip
    return {"data": data, "layout": {"xaxis": axis(words("axis.epoch")), "yaxis": axis(info.metric)}}


def parallel(info: Parallel) -> Spec:
    result = info.dimensions[-1]
    lines = {"color": typed(result.values), "colorscale": "@sequential", "showscale": True,
             "colorbar": {"thickness": 10}}  # fmt: skip
    data = {"type": "parcoords", "line": lines, "dimensions": [_dimension(one) for one in info.dimensions]}
    return {"data": [data], "layout": {"height": 460, "margin": {"t": 90, "l": 70, "r": 50, "b": 30}}}


def _dimension(one: Dimension) -> Spec:
    spec: Spec = {"label": one.name, "values": typed(one.values)}
    if one.levels:
        return spec | {"tickvals": list(range(len(one.levels))), "ticktext": list(one.levels)}
    distinct = np.unique(one.values[np.isfinite(one.values)])
    if len(distinct) <= MOST_LEVELS:
        ticks = distinct
    elif one.log:
        ticks = np.arange(np.ceil(distinct[0]), np.floor(distinct[-1]) + 1)
    else:
        return spec
    named = [f"{10**tick:g}" if one.log else f"{tick:g}" for tick in ticks]
    return spec | {"tickvals": [float(tick) for tick in ticks], "ticktext": named}


def confusion(info: Confusion, words: Words) -> Spec:
    """Colour is the share of the true class, numbers are counts."""
    totals = info.counts.sum(axis=1, keepdims=True)
    shares = np.divide(info.counts, totals, out=np.full(info.counts.shape, np.nan), where=totals > 0)
    names = [name if len(name) <= 22 else name[:21] + "…" for name in info.classes]
    counts = [["" if not cell else str(cell) for cell in row] for row in info.counts.tolist()]
    data = {"type": "heatmap", "x": names, "y": names, "z": typed(shares), "text": counts, "zmin": 0, "zmax": 1,
            "colorscale": "@sequential", "xgap": 1, "ygap": 1, "showscale": False,
            "texttemplate": "%{text}" if len(names) <= 15 else "",
            "hovertemplate": "%{y} → %{x}: %{text} (%{z:.0%})<extra></extra>"}  # fmt: skip
    right, total = int(np.trace(info.counts)), int(info.counts.sum())
    title = f"{info.label} · {info.head}: {right:,} / {total:,}"
    layout = {"title": {"text": title, "font": {"size": 13}}, "xaxis": axis(words("axis.predicted"), tickangle=-40),
              "yaxis": axis(words("axis.true"), autorange="reversed"), "height": 420}  # fmt: skip
    return {"data": [data], "layout": layout}
