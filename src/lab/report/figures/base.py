"""The interface of a figure of the report: its data, computed once, and two drawings of that data.

Each figure is one module that exports a `ReportFigure`. The page takes its Plotly drawing, the files take its
Matplotlib drawing, and both show the same numbers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from matplotlib.figure import Figure

from lab.report.findings import Report
from lab.report.text.translate import Translator

Data = TypeVar("Data")
Spec = dict[str, Any]
"""Plain JSON for Plotly, or a part of it."""


class Absent(NamedTuple):
    """Why a figure is not drawn: a key of the catalogue and its values."""

    reason: str
    values: Mapping[str, Any] = {}


@dataclass(frozen=True)
class ReportFigure(Generic[Data]):
    """One figure of the report.

    name: its id on the page, the key of its title (`figure.NAME`) and the name of its files.
    compute: returns the figure's data, or why there is nothing to draw.
    draw_plotly: returns what the page draws: `panels` (Plotly figures side by side) or `chooser` (data from which the
    reader chooses), and optionally `webgl` (needs it) and `warning`.
    draw_matplotlib: yields figures, each with the suffix of its file's name, which is empty for a single file.
    caption: returns the figure's main numbers in words.
    """

    name: str
    compute: Callable[[Report], Data | Absent]
    draw_plotly: Callable[[Data, Translator], Spec]
    draw_matplotlib: Callable[[Data, Translator], Iterator[tuple[str, Figure]]]
    caption: Callable[[Data, Translator], str]
    title: str | None = None
    """The title of a figure that is not in the catalogue of texts: one of a plug-in."""

    def page_entry(self, data: Data | Absent, words: Translator) -> Spec:
        """Return the figure as the page's script reads it: id and title, then `absent`, or caption and drawing."""
        entry: Spec = {"id": self.name, "title": self.title or words(f"figure.{self.name}")}
        if isinstance(data, Absent):
            return entry | {"absent": data.reason if self.title else words(data.reason, **data.values)}
        return entry | {"caption": self.caption(data, words)} | self.draw_plotly(data, words)

    def images(self, data: Data | Absent, words: Translator) -> Iterator[tuple[str, Figure]]:
        """Yield the name and drawing of each file, one at a time; nothing for an absent figure."""
        if not isinstance(data, Absent):
            yield from ((self.name + suffix, figure) for suffix, figure in self.draw_matplotlib(data, words))
