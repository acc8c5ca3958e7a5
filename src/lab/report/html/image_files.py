"""The report's figures as files: PNG and SVG of each, from the same data as the page's.

An absent figure writes no file (the page says why). About .25 s a figure, both files.
"""

from collections.abc import Callable, Iterator
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from lab.core.files import write_whole
from lab.report.figures import matplotlib_drawing as draw
from lab.report.figures.boxes import Boxes
from lab.report.figures.plots import Absent
from lab.report.findings import Report
from lab.report.html.page_figures import Data
from lab.report.text.language import Words

DPI = 110
BOXED_KEYS = 3
"""So many keys get a file of box plots, the most important ones; the page has them all."""


def write(report: Report, found: Data, words: Words) -> list[str]:
    """figures/NAME.png and .svg; gives the names. Texts in the SVG are texts, not outlines."""
    names = []
    with rc_context({"svg.fonttype": "none"}):
        for name, figure in drawn(found, words):
            for kind in ("png", "svg"):
                _save(figure, report, f"{name}.{kind}", kind)
                figure.set_layout_engine("none")  # laid out once is enough
            names.append(name)
    return names


def _save(figure: Figure, report: Report, name: str, kind: str) -> None:
    write_whole(report.folder / "figures" / name, lambda aside: figure.savefig(aside, format=kind, dpi=DPI))


def drawn(found: Data, words: Words) -> Iterator[tuple[str, Figure]]:
    """Name and figure of all that can be drawn, one at a time."""
    single: dict[str, Callable[[Any], Figure]] = {
        "bars": lambda info: draw.bars(info, words),
        "accuracy_vs_lr": draw.against,
        "accuracy_vs_batch": draw.against,
        "front": lambda info: draw.front(info, words),
        "metrics_comparison": draw.metrics,
        "correlation_heatmap": draw.correlation,
        "importance": lambda info: draw.importance(info, words),
        "learning_curves": lambda info: draw.curves(info, words),
        "parallel": draw.parallel,
        "confusion": lambda info: draw.confusions(info.matrices),
    }
    for name, make in single.items():
        info = getattr(found, name)
        if not isinstance(info, Absent):
            yield name, make(info)
    if not isinstance(found.boxes, Absent):
        for one in _boxed(found):
            yield f"boxes_{one.key.replace('.', '_')}", draw.boxes(one)
    if not isinstance(found.parallel, Absent):
        yield from draw.scatters(found.parallel)


def _boxed(found: Data) -> list[Boxes]:
    assert not isinstance(found.boxes, Absent)
    order = () if isinstance(found.importance, Absent) else found.importance.keys
    place = {key: at for at, key in enumerate(order)}
    return sorted(found.boxes, key=lambda one: place.get(one.key, len(place)))[:BOXED_KEYS]
