"""Confusion matrices of the best runs, one per head.

They are counted from test_predictions.parquet, so they hold the same rows as the test scores.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from lab.core.files import Unreadable, regular
from lab.core.record.run_folder import RunFolder
from lab.report.figures.base import Absent, ReportFigure, Spec
from lab.report.figures.drawing import HEX, axis, new_figure, panel, typed
from lab.report.figures.run_columns import ranked_rows
from lab.report.figures.run_figures import plain
from lab.report.findings import Floats, Report
from lab.report.text.translate import Translator

MAX_RUNS = 4
MAX_CLASSES = 1_000
"""A matrix with more classes is larger than a page and unreadable."""
MAX_ROWS = 20_000_000
MAX_COUNTED_CLASSES = 15
"""Up to this many classes each cell shows its count."""


class ConfusionMatrix(NamedTuple):
    """One matrix. counts: (K, K) test rows with a label, true classes by predicted classes."""

    label: str
    head: str
    classes: tuple[str, ...]
    counts: npt.NDArray[np.int64]

    @property
    def shares(self) -> Floats:
        """Shares of each true class (K, K), NaN for a class without rows."""
        totals = self.counts.sum(axis=1, keepdims=True)
        out: Floats = np.full(self.counts.shape, np.nan)
        np.divide(self.counts, totals, out=out, where=totals > 0)
        return out


class ConfusionMatrices(NamedTuple):
    """Matrices by head, the best run first in each. unread: runs with unreadable predictions, each with the reason."""

    matrices: tuple[ConfusionMatrix, ...]
    unread: tuple[str, ...]


def compute(report: Report) -> ConfusionMatrices | Absent:
    """Return the matrices of the best runs that have predictions, one run per configuration."""
    matrices, seen, unread = list[ConfusionMatrix](), set[object](), list[str]()
    for row in ranked_rows(report.runs, report.leaderboard):
        run = report.runs.frame.iloc[row]
        folder = RunFolder(Path(run["path"] or ""))
        if run["configuration"] in seen or not folder.predictions.is_file():
            continue
        try:
            matrices += _matrices(folder, str(run["run"]))
            seen.add(run["configuration"])
        except (OSError, Unreadable) as error:
            unread.append(f"{run['run']} ({error})")
        if MAX_RUNS in (len(seen), len(unread)):
            break
    heads = list(dict.fromkeys(matrix.head for matrix in matrices))
    matrices.sort(key=lambda matrix: heads.index(matrix.head))  # stable: the best run stays first in each head
    if not matrices:
        return Absent("absent.unread", {"runs": "; ".join(unread)}) if unread else Absent("absent.predictions")
    return ConfusionMatrices(tuple(matrices), tuple(unread))


def _matrices(folder: RunFolder, label: str) -> list[ConfusionMatrix]:
    """Return one matrix per head. Raises Unreadable for damaged or too many predictions, OSError as `open` does."""
    import pyarrow
    import pyarrow.parquet

    path = regular(folder.predictions)
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > MAX_ROWS:
                raise Unreadable(path, f"holds more than {MAX_ROWS:,} rows")
            names = Counter(file.schema_arrow.names)
            heads = [name.removesuffix("_predicted") for name in names if name.endswith("_predicted")]
            heads = [
                head for head in heads if names[head] == names[f"{head}_predicted"] == names[f"{head}_probability"] == 1
            ]
            tables = {head: file.read(columns=[head, f"{head}_predicted"]).to_pydict() for head in heads}
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise Unreadable(path, f"no table of predictions: {error}") from error
    return [_matrix(path, label, head, tables[head]) for head in heads]


def _matrix(path: Path, label: str, head: str, columns: Mapping[str, Sequence[object]]) -> ConfusionMatrix:
    pairs = [(str(truth), str(predicted)) for truth, predicted in zip(*columns.values(), strict=True)
             if truth is not None and predicted is not None]  # fmt: skip
    classes = sorted({name for pair in pairs for name in pair})
    if len(classes) > MAX_CLASSES:
        raise Unreadable(path, f"{head} has more than {MAX_CLASSES:,} classes")
    place = {name: at for at, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for truth, predicted in pairs:
        counts[place[truth], place[predicted]] += 1
    return ConfusionMatrix(label, head, tuple(classes), counts)


def draw_plotly(data: ConfusionMatrices, words: Translator) -> Spec:
    """Return one panel per matrix; colours are shares of the true class, numbers are counts."""
    return {"panels": [_plotly_matrix(matrix, words) for matrix in data.matrices]}


def _plotly_matrix(matrix: ConfusionMatrix, words: Translator) -> Spec:
    names = [name if len(name) <= 22 else name[:21] + "…" for name in matrix.classes]
    counts = [["" if not cell else str(cell) for cell in row] for row in matrix.counts.tolist()]
    trace = {"type": "heatmap", "x": names, "y": names, "z": typed(matrix.shares), "text": counts, "zmin": 0,
             "zmax": 1, "colorscale": "@sequential", "xgap": 1, "ygap": 1, "showscale": False,
             "texttemplate": "%{text}" if len(names) <= MAX_COUNTED_CLASSES else "",
             "hovertemplate": "%{y} → %{x}: %{text} (%{z:.0%})<extra></extra>"}  # fmt: skip
    right, total = int(np.trace(matrix.counts)), int(matrix.counts.sum())
    title = {"text": f"{matrix.label} · {matrix.head}: {right:,} / {total:,}", "font": {"size": 13}}
    xaxis = axis(words("axis.predicted"), tickangle=-40)
    return panel(trace, title=title, xaxis=xaxis, yaxis=axis(words("axis.true"), autorange="reversed"), height=420)


def draw_matplotlib(data: ConfusionMatrices, _: Translator) -> Iterator[tuple[str, Figure]]:
    """Yield one figure with all matrices side by side, one row of matrices per head."""
    heads = list(dict.fromkeys(matrix.head for matrix in data.matrices))
    num_columns = max(sum(matrix.head == head for matrix in data.matrices) for head in heads)
    figure = new_figure(3.6 * num_columns, 3.5 * len(heads))
    grid = figure.subplots(len(heads), num_columns, squeeze=False)
    for head, line in zip(heads, grid, strict=True):
        mine = [matrix for matrix in data.matrices if matrix.head == head]
        for axes, matrix in zip(line, mine, strict=False):
            _draw_matrix(axes, matrix)
        for axes in line[len(mine) :]:
            axes.remove()
    yield "", figure


def _draw_matrix(axes: Any, matrix: ConfusionMatrix) -> None:
    shares = matrix.shares
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_title(plain(f"{matrix.label} · {matrix.head}"), fontsize=9)
    places, names = range(len(matrix.classes)), [plain(name[:14]) for name in matrix.classes]
    axes.set_xticks(places, names, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(places, names, fontsize=7)
    for (row, column), count in np.ndenumerate(matrix.counts) if len(names) <= MAX_COUNTED_CLASSES else ():
        if count:
            colour = "white" if shares[row, column] > 0.5 else HEX["ink"]
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)


def caption(data: ConfusionMatrices, words: Translator) -> str:
    """Return how to read a matrix, and which runs' predictions cannot be read."""
    unread = [words("absent.unread", runs="; ".join(data.unread))] if data.unread else []
    return " ".join([words("caption.confusion"), *unread])


FIGURE = ReportFigure("confusion", compute, draw_plotly, draw_matplotlib, caption)
