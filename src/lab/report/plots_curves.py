"""Learning curves of many runs and confusion matrices of the best: what happened inside the runs.

Curves are thinned to a few dozen, the best and an even choice of the others, terminated ones among them. Matrices are
counted from test_predictions.parquet, so they hold the rows that the test scores are of.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lab.record import RunFolder
from lab.report.plots import Absent, ended
from lab.report.plots_relations import thinned
from lab.report.table import Floats, Report

BEST_CURVES, OTHER_CURVES = 12, 28
MOST_POINTS = 120
MOST_MATRICES = 4


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


def confusions(report: Report) -> tuple[Confusion, ...] | Absent:
    """Of the best runs whose predictions are there, one of a configuration; the matrices of a head stand together."""
    good, found, seen = set(ended(report.runs).tolist()), list[Confusion](), set[object]()
    for row in report.leaderboard:
        run = report.runs.frame.iloc[row]
        folder = RunFolder(Path(run["path"] or ""))
        if row not in good or run["configuration"] in seen or not folder.predictions.is_file():
            continue
        found += _matrices(folder, str(run["run"]))
        seen.add(run["configuration"])
        if len(seen) == MOST_MATRICES:
            break
    heads = list(dict.fromkeys(one.head for one in found))
    found.sort(key=lambda one: heads.index(one.head))  # stable: the best run first in each head
    return tuple(found) or Absent("absent.predictions")


def _matrices(folder: RunFolder, label: str) -> list[Confusion]:
    import pyarrow.parquet

    names = pyarrow.parquet.read_schema(folder.predictions).names
    heads = [name.removesuffix("_predicted") for name in names if name.endswith("_predicted")]
    heads = [head for head in heads if head in names and f"{head}_probability" in names]
    made = []
    for head in heads:
        columns = pyarrow.parquet.read_table(folder.predictions, columns=[head, f"{head}_predicted"]).to_pydict()
        pairs = [pair for pair in zip(*columns.values(), strict=True) if None not in pair]
        classes = sorted({str(name) for pair in pairs for name in pair})
        place = {name: at for at, name in enumerate(classes)}
        counts = np.zeros((len(classes), len(classes)), np.int64)
        for truth, predicted in pairs:
            counts[place[str(truth)], place[str(predicted)]] += 1
        made.append(Confusion(label, head, tuple(classes), counts))
    return made
