"""Learning curves of many runs and confusion matrices of the best: what happened inside the runs.

Curves are thinned to a few dozen, the best and an even choice of the others, terminated ones among them. Matrices are
counted from test_predictions.parquet, so they hold the rows that the test scores are of.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lab.core.files import Unreadable, regular
from lab.core.record.run_folder import RunFolder
from lab.report.figures.plots import Absent, ended
from lab.report.figures.relations import thinned
from lab.report.findings import Floats, Report

BEST_CURVES, OTHER_CURVES = 12, 28
MOST_POINTS = 120
MOST_MATRICES = 4
MOST_CLASSES = 1_000
"""A matrix of more is larger than a page, and no one could read it."""
MOST_ROWS = 20_000_000


class Curve(NamedTuple):
    """epochs are counted from 1."""

    row: int
    label: str
    status: str
    reason: str
    epochs: Floats
    values: Floats


class Curves(NamedTuple):
    """Of the objective, the best first. num_runs: how many there are with a history."""

    metric: str
    curves: tuple[Curve, ...]
    num_runs: int


class Confusion(NamedTuple):
    """counts: (K, K), rows are true classes. of test rows with a label."""

    label: str
    head: str
    classes: tuple[str, ...]
    counts: npt.NDArray[np.int64]


class Confusions(NamedTuple):
    """unread: runs whose test predictions cannot be read, each with the reason."""

    matrices: tuple[Confusion, ...]
    unread: tuple[str, ...]


def curves(report: Report) -> Curves | Absent:
    runs = report.runs
    rows = [
        row for row in report.leaderboard
        if runs.metric in runs.histories[row] and np.isfinite(runs.histories[row][runs.metric]).any()
    ]  # fmt: skip
    if not rows:
        return Absent("absent.history")
    cut = [row for row in rows[BEST_CURVES:] if runs.frame["status"].iloc[row] == "terminated"]
    rest = [row for row in rows[BEST_CURVES:] if runs.frame["status"].iloc[row] != "terminated"]
    half = OTHER_CURVES // 2
    chosen = rows[:BEST_CURVES] + sorted(thinned(cut, half) + thinned(rest, half), key=rows.index)
    return Curves(runs.metric, tuple(_curve(report, row) for row in chosen), len(rows))


def _curve(report: Report, row: int) -> Curve:
    runs = report.runs
    history, run = runs.histories[row], runs.frame.iloc[row]
    points = np.array(thinned(range(len(history["epoch"])), MOST_POINTS))
    reason = run["reason"] if isinstance(run["reason"], str) else ""
    return Curve(
        row, str(run["run"]), str(run["status"]), reason, history["epoch"][points] + 1, history[runs.metric][points]
    )


def confusions(report: Report) -> Confusions | Absent:
    """Of the best runs whose predictions are there, one of a configuration; the matrices of a head stand together."""
    good, found, seen = set(ended(report.runs).tolist()), list[Confusion](), set[object]()
    unread: list[str] = []
    for row in report.leaderboard:
        run = report.runs.frame.iloc[row]
        folder = RunFolder(Path(run["path"] or ""))
        if row not in good or run["configuration"] in seen or not folder.predictions.is_file():
            continue
        try:
            found += _matrices(folder, str(run["run"]))
            seen.add(run["configuration"])
        except (OSError, Unreadable) as error:
            unread.append(f"{run['run']} ({error})")
        if MOST_MATRICES in (len(seen), len(unread)):
            break
    heads = list(dict.fromkeys(one.head for one in found))
    found.sort(key=lambda one: heads.index(one.head))  # stable: the best run first in each head
    if not found:
        return Absent("absent.unread", {"runs": "; ".join(unread)}) if unread else Absent("absent.predictions")
    return Confusions(tuple(found), tuple(unread))


def _matrices(folder: RunFolder, label: str) -> list[Confusion]:
    """One a head. Raises Unreadable for predictions that are damaged or too many, OSError as `open` does."""
    import pyarrow
    import pyarrow.parquet

    path = regular(folder.predictions)
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise Unreadable(path, f"holds more than {MOST_ROWS:,} rows")
            names = Counter(file.schema_arrow.names)
            heads = [name.removesuffix("_predicted") for name in names if name.endswith("_predicted")]
            heads = [
                head for head in heads if names[head] == names[f"{head}_predicted"] == names[f"{head}_probability"] == 1
            ]
            tables = {head: file.read(columns=[head, f"{head}_predicted"]).to_pydict() for head in heads}
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise Unreadable(path, f"no table of predictions: {error}") from error
    return [_matrix(path, label, head, tables[head]) for head in heads]


def _matrix(path: Path, label: str, head: str, columns: Mapping[str, Sequence[object]]) -> Confusion:
    pairs = [(str(truth), str(predicted)) for truth, predicted in zip(*columns.values(), strict=True)
             if truth is not None and predicted is not None]  # fmt: skip
    classes = sorted({name for pair in pairs for name in pair})
    if len(classes) > MOST_CLASSES:
        raise Unreadable(path, f"{head} has more than {MOST_CLASSES:,} classes")
    place = {name: at for at, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for truth, predicted in pairs:
        counts[place[truth], place[predicted]] += 1
    return Confusion(label, head, tuple(classes), counts)
