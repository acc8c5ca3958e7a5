"""Figures of a single run: learning curves, confusion matrices, the learning-rate range test.

Each figure has an Agg canvas of its own, without pyplot: nothing global changes, no window system is needed, and
nothing stays open. `save_png` and `save_gif` write whole files. Cost: about .3 s per figure, 1 s for 45 classes.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from lab.core.files import write_whole

TRAIN, VAL, GREY = "#4477aa", "#cc6633", "#888888"
"""Blue and orange are distinguishable for colour-blind readers and in grey print."""
DPI = 110
COUNTED_CLASSES = 20
"""Up to this many classes, each cell of a confusion matrix shows its count; with more, numbers would overlap."""
DRAWN_CLASSES = 80
"""At most this many classes are drawn, 23 inches wide; 600 would take minutes and gigabytes, unreadable."""


def learning_curves(rows: Sequence[Mapping[str, Any]], metric: str, shown: int | None = None) -> Figure:
    """Return losses, the metric (mean and per head) and the learning rate over the epochs.

    rows: of history.jsonl (`epoch` 0-based, names with their split); metric: `val/f1_macro`; shown: number of first
    rows to draw, on axes for all rows (a frame of an animation).
    """
    panels = [name for name in ("loss", metric.removeprefix("val/"), "lr") if _has(rows, name)]
    figure = new_figure(4.6 * max(1, len(panels)), 3.6)
    for axes, name in zip(_grid(figure, len(panels)), panels, strict=True):
        _panel(axes, rows, name, len(rows) if shown is None else shown)
    return figure


def places(epochs: Sequence[float]) -> list[float]:
    """Return where each validation lies on an axis of epochs, which count from 0: several of one epoch share it out.

    >>> places([0, 1, 2]), places([0, 0, 1, 1])
    ([1.0, 2.0, 3.0], [0.5, 1.0, 1.5, 2.0])
    """
    total, seen = Counter(epochs), Counter[float]()
    found = []
    for epoch in epochs:
        seen[epoch] += 1
        found.append(epoch + seen[epoch] / total[epoch])
    return found


def _panel(axes: Any, rows: Sequence[Mapping[str, Any]], name: str, shown: int) -> None:
    epochs = places([row["epoch"] for row in rows])
    for column, label, style in _lines(rows, name):
        values = [_number(row.get(column)) for row in rows]
        axes.plot(epochs, values, alpha=0.0)  # sets the axes by all rows
        axes.plot(epochs[:shown], values[:shown], label=plain(label), **style)
    axes.set_title("learning rate" if name == "lr" else plain(name))
    axes.set_xlabel("epochs")
    axes.grid(alpha=0.25)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if name == "lr":
        axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    else:
        axes.legend(fontsize=8, frameon=False)


def _lines(rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (column, label, style) of each line of a panel: thin lines for heads, then train and val."""
    if name == "lr":
        return [("lr", "lr", {"color": GREY, "marker": "o", "markersize": 3})]
    columns = {column for row in rows for column in row}
    heads = sorted(
        column for column in columns - {f"val/{name}"} if column.startswith("val/") and column.endswith(f"/{name}")
    )
    lines: list[tuple[str, str, dict[str, Any]]] = []
    if name != "loss":
        for number, column in enumerate(heads):
            style = {"color": GREY, "linewidth": 1.0, "linestyle": ("--", ":", "-.")[number % 3]}
            lines.append((column, column, style))
    for split, colour in (("train", TRAIN), ("val", VAL)):
        if f"{split}/{name}" in columns:
            style = {"color": colour, "marker": "o", "markersize": 3}
            lines.append((f"{split}/{name}", f"{split}/{name}", style))
    return lines


def confusion_matrix(matrix: npt.ArrayLike, classes: Sequence[str], title: str) -> Figure:
    """Return a confusion matrix: colours are shares of the true class, numbers are counts.

    matrix: (K, K) non-negative ints, true classes by predicted classes. The colour scale is a square root, so that a
    confusion of a few per cent is visible. Of more than `DRAWN_CLASSES` classes, those with most rows are drawn, and
    the title says so; shares stay those of all predictions. A class without rows is grey. Raises ValueError if the
    shapes disagree.
    """
    counts = np.asarray(matrix)
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"a matrix of shape {counts.shape} for {len(classes)} classes")
    heading = f"{plain(title)}: {int(np.trace(counts)):,} of {int(counts.sum()):,} rows right"
    totals = counts.sum(axis=1, keepdims=True)
    drawn = np.sort(np.argsort(-totals[:, 0], kind="stable")[:DRAWN_CLASSES])
    if len(drawn) < len(classes):
        heading += f"\n(drawn: the {len(drawn)} of {len(classes):,} classes with most rows)"
    num_classes, counts, totals = len(drawn), counts[np.ix_(drawn, drawn)], totals[drawn]
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    size = 0.24 if num_classes > COUNTED_CLASSES else 0.46
    figure = new_figure(3.8 + size * num_classes, 2.6 + size * num_classes)
    axes = figure.add_subplot()
    axes.set_facecolor("#dddddd")
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0.0, vmax=1.0))
    names = [plain(name if len(name) <= 28 else name[:27] + "…") for name in (classes[place] for place in drawn)]
    font = 7 if num_classes > COUNTED_CLASSES else 9
    axes.set_xticks(range(num_classes), names, rotation=90, fontsize=font)
    axes.set_yticks(range(num_classes), names, fontsize=font)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(heading, fontsize=11)
    figure.colorbar(image, ax=axes, label="share of the true class", fraction=0.04, pad=0.02)
    if num_classes <= COUNTED_CLASSES:
        _write_counts(axes, counts, shares)
    return figure


def _write_counts(axes: Any, counts: npt.NDArray[Any], shares: npt.NDArray[Any]) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.35 else "black"
        count = int(counts[row, column])
        axes.text(
            column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=8 if count < 10_000 else 6
        )


def lr_curve(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], suggestion: float | None
) -> Figure:
    """Return the loss against the learning rate (log scale) of a range test, with a mark at the suggestion.

    smoothed: finite values, fewer than `losses` if those end in values that are not finite.
    """
    figure = new_figure(6.0, 3.8)
    axes = figure.add_subplot()
    axes.plot(rates, losses, color=GREY, alpha=0.5, linewidth=1.0, label="loss of the batch")
    axes.plot(rates[: len(smoothed)], smoothed, color=TRAIN, label="smoothed")
    if suggestion is not None:
        axes.axvline(suggestion, color=VAL, linestyle="--", label=f"steepest descent: {suggestion:.2e}")
    axes.set_xscale("log")
    if smoothed:
        low, high = min(smoothed), max(smoothed[: max(1, len(smoothed) // 2)])
        room = max(high - low, 1e-6)
        axes.set_ylim(low - 0.3 * room, high + 0.6 * room)
    axes.set(xlabel="learning rate", ylabel="loss", title="learning-rate range test")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, frameon=False)
    return figure


def plain(text: str) -> str:
    """Return `text` for Matplotlib without formulas, which it would read between two `$`."""
    return text.replace("$", r"\$")


def save_png(figure: Figure, path: Path) -> None:
    """Write the figure as a whole PNG file and make its folder."""
    write_whole(path, lambda aside: figure.savefig(aside, format="png", dpi=DPI))


def save_gif(figures: Sequence[Figure], path: Path, frame_s: float = 0.5) -> None:
    """Write figures of equal size as an animation that shows its last frame for two seconds."""
    from PIL import Image

    frames = [Image.fromarray(_pixels(figure)) for figure in figures]
    durations_ms = [round(1000 * frame_s)] * (len(frames) - 1) + [2000]
    write_whole(
        path,
        lambda aside: frames[0].save(
            aside, format="GIF", save_all=True, append_images=frames[1:], duration=durations_ms, loop=0
        ),
    )


def _pixels(figure: Figure) -> npt.NDArray[np.uint8]:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure with an Agg canvas."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _grid(figure: Figure, num_panels: int) -> list[Any]:
    return list(np.atleast_1d(figure.subplots(1, num_panels))) if num_panels else []


def _has(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    wanted = {name, f"train/{name}", f"val/{name}"}
    return any(wanted & set(row) for row in rows)


def _number(value: Any) -> float:
    """Return a value of the history, where null stands for a number that was not finite."""
    return math.nan if value is None else float(value)
