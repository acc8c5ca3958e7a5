"""The report's figures drawn by Matplotlib, on Agg canvases of their own: nothing global is touched, nothing left open.

Each function takes a figure's data and gives the figure; about .1 s each.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lab.report.figures.boxes import Boxes
from lab.report.figures.curves import Confusion, Curves
from lab.report.figures.plots import MOST_BARS, Against, Bars, Front, Metrics
from lab.report.figures.relations import Correlation, Importance, Parallel
from lab.report.figures.run_figures import plain
from lab.report.text.language import Words

ACCENT, TEAL, ORANGE, RED, PURPLE, GOLD, MUTED, INK = (
    "#2459a8", "#19766c", "#b4530a", "#b3261e", "#6b4ba3", "#8a6a00", "#5d6875", "#1b2430",
)  # fmt: skip
COLOURS = {"completed": ACCENT, "early_stopped": TEAL, "terminated": ORANGE, "failed": RED, "interrupted": MUTED}
SERIES = (ACCENT, ORANGE, TEAL, PURPLE, RED, GOLD, MUTED, INK)
MOST_TICKS = 12
"""So many values of a key stand on its axis, each at its place."""
BOXED_METRICS = 6
"""A file holds so many metrics of a key; the page has them all."""
NAMED_MATRIX = 15


def _figure(width_in: float = 7.0, height_in: float = 4.2) -> Figure:
    figure = Figure(figsize=(width_in, height_in), layout="tight")
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: Any, x: str, y: str) -> None:
    axes.set(xlabel=plain(x), ylabel=plain(y))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def bars(info: Bars, words: Words) -> Figure:
    figure = _figure(9.0)
    axes = figure.add_subplot()
    ranks = np.arange(1, len(info.rows) + 1)
    for status in dict.fromkeys(info.statuses):
        mine = np.array([other == status for other in info.statuses])
        style: dict[str, Any] = {"color": COLOURS[status], "label": words(f"status.{status}")}
        if len(ranks) > MOST_BARS:
            axes.plot(ranks[mine], info.values[mine], ".", markersize=3, rasterized=True, **style)
        else:
            axes.bar(ranks[mine], info.values[mine], width=0.85, **style)
    axes.set_ylim(bottom=min(0.0, float(info.values.min())))
    _plain(axes, words("axis.rank"), info.metric)
    axes.legend(frameon=False, fontsize=8)
    return figure


def against(info: Against) -> Figure:
    figure = _figure()
    axes = figure.add_subplot()
    axes.plot(info.x, info.y, "o", color=ACCENT, alpha=0.5, markersize=5, rasterized=len(info.x) > MOST_BARS)
    axes.plot(info.centres, info.medians, "-o", color=ORANGE, markersize=4)
    if info.log:
        axes.set_xscale("log")
    if len(info.centres) <= MOST_TICKS:
        axes.set_xticks(info.centres, [f"{x:g}" for x in info.centres], rotation=30 if len(info.centres) > 6 else 0)
        axes.minorticks_off()
    _plain(axes, info.key, info.metric)
    return figure


def front(info: Front, words: Words) -> Figure:
    figure = _figure()
    axes = figure.add_subplot()
    many = len(info.rows) > MOST_BARS
    axes.plot(info.time_s, info.values, "o", color=MUTED, alpha=0.5, markersize=4, rasterized=many)
    best = list(info.front)
    axes.step(info.time_s[best], info.values[best], "-o", where="post", color=ACCENT, label=words("legend.front"))
    if info.log:
        axes.set_xscale("log")
    _plain(axes, words("axis.time_s"), info.metric)
    axes.legend(frameon=False, fontsize=8)
    return figure


def metrics(info: Metrics) -> Figure:
    figure = _figure(max(7.0, 1.3 * len(info.metrics)))
    axes = figure.add_subplot()
    places, width = np.arange(len(info.metrics)), 0.85 / len(info.series)
    for at, (name, values) in enumerate(zip(info.series, info.values, strict=True)):
        axes.bar(places + (at + 0.5) * width - 0.425, values, width, label=plain(name), color=SERIES[at % len(SERIES)])
    axes.set_xticks(
        places, [plain(name.removeprefix("test/")) for name in info.metrics], rotation=20, ha="right", fontsize=9
    )
    _plain(axes, "", "test")
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def correlation(info: Correlation) -> Figure:
    figure = _figure(3.4 + 0.75 * len(info.outcomes), 1.8 + 0.42 * len(info.keys))
    axes = figure.add_subplot()
    image = axes.imshow(info.values, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(info.outcomes)), [*map(plain, info.outcomes)], rotation=35, ha="right", fontsize=8)
    names = [plain(f"{key} ({method})") for key, method in zip(info.keys, info.methods, strict=True)]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for (row, column), value in np.ndenumerate(info.values):
        if np.isfinite(value):
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8,
                      color="white" if abs(value) > 0.6 else INK)  # fmt: skip
    figure.colorbar(image, ax=axes, fraction=0.03)
    return figure


def importance(info: Importance, words: Words) -> Figure:
    figure = _figure(7.0, 1.2 + 0.34 * len(info.keys))
    axes = figure.add_subplot()
    axes.barh(range(len(info.keys)), info.shares, color=ACCENT)
    axes.set_yticks(range(len(info.keys)), [*map(plain, info.keys)], fontsize=9)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:.0%}")
    _plain(axes, words("axis.share"), "")
    return figure


def curves(info: Curves, words: Words) -> Figure:
    figure = _figure(8.0)
    axes = figure.add_subplot()
    for place, curve in enumerate(info.curves):
        style: dict[str, Any] = {"color": COLOURS[curve.status], "alpha": 0.5, "linewidth": 1}
        if place == 0:
            style = {"color": INK, "linewidth": 2.4, "zorder": 5, "label": plain(curve.label)}
        axes.plot(curve.epochs, curve.values, **style)
    cut = [curve for curve in info.curves if curve.status == "terminated"]
    if cut:
        ends = [curve.epochs[-1] for curve in cut], [curve.values[-1] for curve in cut]
        axes.plot(*ends, "x", color=ORANGE, label=words("status.terminated"))
    _plain(axes, words("axis.epoch"), info.metric)
    axes.legend(frameon=False, fontsize=8)
    return figure


def boxes(info: Boxes) -> Figure:
    shown = [name for name in info.by if name.startswith(("test/", "time_s"))] or list(info.by)
    shown = shown[: BOXED_METRICS - 1] + [name for name in ("time_s",) if name in shown[BOXED_METRICS - 1 :]]
    columns = min(3, len(shown))
    num_rows = -(-len(shown) // columns)
    figure = _figure(3.4 * columns, 2.9 * num_rows)
    for axes, name in zip(np.ravel(figure.subplots(num_rows, columns, squeeze=False)), shown, strict=False):
        drawn_boxes = [
            {
                "label": plain(box.level),
                "whislo": box.low,
                "q1": box.q1,
                "med": box.median,
                "q3": box.q3,
                "whishi": box.high,
            }
            for box in info.by[name]
        ]
        axes.bxp(drawn_boxes, showfliers=False, widths=0.55, medianprops={"color": ORANGE, "linewidth": 1.6})
        axes.set_title(plain(name), fontsize=9)
        axes.tick_params(labelsize=8)
        if len(drawn_boxes) > 4:
            axes.tick_params(axis="x", rotation=45, labelsize=7)
        _plain(axes, info.key, "")
    for axes in figure.axes[len(shown) :]:
        axes.remove()
    return figure


def parallel(info: Parallel) -> Figure:
    figure = _figure(max(7.0, 1.25 * len(info.dimensions)))
    axes = figure.add_subplot()
    scaled = np.array([_unit(one.values) for one in info.dimensions])
    colours = _unit(info.dimensions[-1].values)
    places = list(range(len(info.dimensions)))
    scale = colormaps["viridis"]
    for line, colour in sorted(zip(scaled.T, colours, strict=True), key=lambda pair: pair[1]):
        axes.plot(places, line, color=scale(colour), alpha=0.45, linewidth=0.9)
    for place, one in zip(places, info.dimensions, strict=True):
        low, high = np.nanmin(one.values), np.nanmax(one.values)
        ends = [one.levels[int(end)] if one.levels else f"{10**end if one.log else end:.4g}" for end in (low, high)]
        axes.text(place, -0.04, plain(ends[0]), ha="center", va="top", fontsize=7)
        axes.text(place, 1.03, plain(ends[1]), ha="center", va="bottom", fontsize=7)
        axes.axvline(place, color=MUTED, linewidth=0.6)
    axes.set_xticks(places, [plain(one.name) for one in info.dimensions], rotation=20, ha="right", fontsize=8)
    axes.set_yticks([])
    axes.tick_params(axis="x", pad=12, length=0)
    axes.set_ylim(-0.02, 1.02)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure


def _unit(values: Any) -> Any:
    low, high = np.nanmin(values), np.nanmax(values)
    return (values - low) / (high - low) if high > low else np.full(len(values), 0.5)


def scatters(info: Parallel) -> Iterator[tuple[str, Figure]]:
    """The objective over the two numeric keys with the most values: as colour of a plane, then as height."""
    keys = [one for one in info.dimensions[:-1] if not one.levels and np.ptp(one.values) > 0]
    keys = sorted(keys, key=lambda one: -len(np.unique(one.values)))[:2]
    if len(keys) < 2:
        return
    result = info.dimensions[-1]
    order = np.argsort(result.values)  # the best on top
    names = [plain(f"log10 {one.name}" if one.log else one.name) for one in keys]
    for kind in ("2d", "3d"):
        figure = _figure(6.5, 5.0)
        axes = figure.add_subplot(projection="3d" if kind == "3d" else None)
        where = [one.values[order] for one in (*keys, result)][: 3 if kind == "3d" else 2]
        made = axes.scatter(*where, c=result.values[order], cmap="viridis", s=26)  # type: ignore[misc]  # 2 or 3 axes
        axes.set(xlabel=names[0], ylabel=names[1])
        figure.colorbar(made, ax=axes, fraction=0.035, label=plain(result.name))
        yield f"scatter_{kind}", figure


def confusions(found: tuple[Confusion, ...]) -> Figure:
    """Side by side; one head a row of matrices where there are several."""
    heads = list(dict.fromkeys(one.head for one in found))
    num_columns = max(sum(one.head == head for one in found) for head in heads)
    figure = _figure(3.6 * num_columns, 3.5 * len(heads))
    grid = figure.subplots(len(heads), num_columns, squeeze=False)
    for head, line in zip(heads, grid, strict=True):
        mine = [one for one in found if one.head == head]
        for axes, one in zip(line, mine, strict=False):
            _matrix(axes, one)
        for axes in line[len(mine) :]:
            axes.remove()
    return figure


def _matrix(axes: Any, one: Confusion) -> None:
    totals = one.counts.sum(axis=1, keepdims=True)
    shares = np.divide(one.counts, totals, out=np.full(one.counts.shape, np.nan), where=totals > 0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_title(plain(f"{one.label} · {one.head}"), fontsize=9)
    places, names = range(len(one.classes)), [plain(name[:14]) for name in one.classes]
    axes.set_xticks(places, names, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(places, names, fontsize=7)
    for (row, column), count in np.ndenumerate(one.counts) if len(names) <= NAMED_MATRIX else ():
        if count:
            dark = shares[row, column] > 0.5
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color="white" if dark else INK)
