"""Figures of how sure a single run may be: reliability, and accuracy against coverage. Drawn from calibration.json.

Every training imports this module, so it imports nothing of the report's analysis.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from lab.report.figures.run_figures import GREY, TRAIN, VAL, new_figure, plain

MOST_HEADS = 8
"""Heads of a figure; more would be unreadable."""


def shown_split(content: Mapping[str, Any]) -> str | None:
    """The split to show: `test`, whose rows the temperature was not fitted to, else `val`; None without either."""
    measured = content.get("scores") or {}
    return next((split for split in ("test", "val") if measured.get(split)), None)


def reliability_diagram(content: Mapping[str, Any]) -> Figure | None:
    """Return accuracy against probability per head, before and after the temperature; None where no label is known."""
    if (split := shown_split(content)) is None:
        return None
    heads = list(content["reliability"][split].items())[:MOST_HEADS]
    figure = new_figure(3.4 * len(heads), 3.6)
    for axes, (head, bins) in zip(figure.subplots(1, len(heads), squeeze=False)[0], heads, strict=True):
        scores = content["scores"][split][head]
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.0)
        for name, colour in (("before", VAL), ("after", TRAIN)):
            _, confidence, accuracy = zip(*bins[name], strict=True)
            label = f"{name}: error {scores[f'ece_{name}']:.3f}"
            axes.plot(confidence, accuracy, color=colour, marker="o", markersize=4, label=label)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability", ylabel=f"accuracy on {split}")
        axes.set_title(plain(f"{head}: temperature {content['temperatures'][head]:.2f}"), fontsize=10)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, frameon=False)
    return figure


def coverage_curves(content: Mapping[str, Any]) -> Figure | None:
    """Return accuracy against the share of rows that the model decides, a line per head; None as above."""
    if (split := shown_split(content)) is None:
        return None
    figure = new_figure(5.4, 3.8)
    axes = figure.add_subplot()
    for head, points in list(content["coverage"][split].items())[:MOST_HEADS]:
        _, coverage, accuracy = zip(*points, strict=True)
        axes.plot(coverage, accuracy, marker="o", markersize=3, label=plain(head))
    axes.set(xlim=(0, 1.02), xlabel="share of rows that the model decides, the surest first")
    axes.set(ylabel=f"accuracy on {split}")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, frameon=False)
    return figure
