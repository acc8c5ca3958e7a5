"""The page's data block: every column of the table of runs with exact values, for the page's script.

Numbers are base64 of typed arrays, texts are indices of their distinct values: about .5 kB for a run with 60 columns.
Empty columns are left out.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.report.analysis.baselines import best_baseline
from lab.report.analysis.groups import value_text
from lab.report.figures.drawing import typed
from lab.report.figures.run_columns import LR_KEYS
from lab.report.findings import COSTS, OUTCOME, Floats, Report, Runs
from lab.report.sources.record_columns import STANDING

MAX_KEYS = 6
"""The leaderboard shows this many varied keys at first; the reader can choose others."""


def table(report: Report) -> dict[str, Any]:
    """Return the table. columns: in the frame's order; order: rows of the leaderboard; shown: first visible columns."""
    runs = report.runs
    columns = [column for name in runs.frame.columns if (column := _column(runs, str(name))) is not None]
    names = {column["name"] for column in columns}
    return {
        "columns": columns,
        "num_rows": len(runs.frame),
        "order": typed(report.leaderboard, "i4"),
        "shown": [name for name in _shown(report) if name in names],
        "top_k": report.top_k,
        "winner": -1 if report.winner is None else report.winner.row,
        "axes": _axes(report, names),
    }


def _column(runs: Runs, name: str) -> dict[str, Any] | None:
    column = runs.frame[name]
    if not column.notna().any():
        return None
    described = {"name": name, "group": _group(runs, name)}
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return described | {"kind": "number"} | _numbers(column.to_numpy(np.float64))
    values = column.tolist()
    if name in runs.varied and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return described | {"kind": "number"} | _numbers(np.array(values, np.float64))
    texts = [None if value is None or value is pd.NA or value != value else value_text(value) for value in values]
    return described | {"kind": "text"} | (_phrases(texts) if name == "command" else _texts(texts))


def _numbers(values: Floats) -> dict[str, Any]:
    """Return numbers exactly: few different values as levels, float32 where it is exact, else float64."""
    distinct, codes = np.unique(values, return_inverse=True)  # NaN is one value
    if len(distinct) <= 256 < len(values):
        return {
            "levels": [None if np.isnan(value) else float(value) for value in distinct],
            "codes": typed(codes, "u1"),
        }
    with np.errstate(over="ignore"):
        single = np.array_equal(values.astype(np.float32).astype(np.float64), values, equal_nan=True)
    return {"values": typed(values, "f4" if single else "f8")}


def _texts(texts: Sequence[str | None]) -> dict[str, Any]:
    """Return texts as codes of their levels (distinct texts, null for a missing one)."""
    place = {text: at for at, text in enumerate(dict.fromkeys(texts))}
    return {"levels": list(place), "codes": typed([place[text] for text in texts], _smallest(len(place)))}


def _phrases(texts: Sequence[str | None]) -> dict[str, Any]:
    """Return commands as codes of shared words: a row has the next sizes[row] codes, joined by blanks."""
    rows = [(text or "").split(" ") for text in texts]
    place = {word: at for at, word in enumerate(dict.fromkeys(word for row in rows for word in row))}
    codes = [place[word] for row in rows for word in row]
    sizes = [len(row) for row in rows]
    return {"words": list(place), "codes": typed(codes, _smallest(len(place))), "sizes": typed(sizes, "i4")}


def _smallest(num: int) -> str:
    """Return the smallest unsigned type for codes below `num`."""
    return "u1" if num <= 256 else "u2" if num <= 65536 else "i4"


def _group(runs: Runs, name: str) -> str:
    """Return the heading of a column in the list of columns."""
    if name in runs.varied:
        return "config"
    if name in OUTCOME or name in COSTS:
        return "outcome" if name in OUTCOME else "cost"
    return name.partition("/")[0] if "/" in name else "run"


def _shown(report: Report) -> list[str]:
    runs = report.runs
    beside = None if report.winner is None else best_baseline(runs, report.winner.row)
    baseline = [*([] if beside is None else [f"{beside}/{runs.score}"]), f"{STANDING}/verdict"]
    test = list(dict.fromkeys((f"test/{runs.score}", "test/accuracy", "test/mcc", "test/em")))[:3]
    costs = ["time_s", "core_s", "peak_rss_gib", "parameters_trainable"]
    return ["run", "status", "objective", *test, *baseline, *costs, *runs.varied[:MAX_KEYS], "seed"]


def _axes(report: Report, names: set[str]) -> dict[str, str]:
    """Return the first axes of the scatter plot."""
    keys = [key for key in report.runs.varied if key in names]
    x = next((key for key in (*LR_KEYS, *keys) if key in keys), "time_s")
    colour = next((key for key in ("model.name", *keys) if key in keys and key != x), "status")
    return {"x": x, "y": "objective", "colour": colour}
