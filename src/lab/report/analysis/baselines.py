"""The baselines in the table of runs: their names, and which of them a run is shown beside.

Columns are `NAME/METRIC` on test and `NAME_val/METRIC` on validation (`lab.report.sources.record_columns`).
"""

import math

from lab.report.findings import Runs
from lab.report.text.translate import Translator

VALIDATION = "_val"
"""Ending of a baseline's name in the columns of its validation scores."""
MAJORITY, BAYES = "majority", "bayes"
SPLITS = ("train", "val", "test", "data")


def baselines(runs: Runs) -> list[str]:
    """Return the names of the baselines that were scored on the test rows, with `bayes`, the reference."""
    before = (str(name).partition("/")[0] for name in runs.frame.columns if "/" in str(name))
    return [name for name in dict.fromkeys(before) if name not in SPLITS and not name.endswith(VALIDATION)]


def best_baseline(runs: Runs, row: int) -> str | None:
    """Return the baseline whose objective on validation is best beside a run.

    Of runs without validation scores of baselines (those of older versions, or of a service): the majority if known.
    """
    values = runs.frame.iloc[row]
    names = [name for name in baselines(runs) if name != BAYES]
    scores = {name: runs.sign * float(values.get(f"{name}{VALIDATION}/{runs.score}", math.nan)) for name in names}
    known = {name: score for name, score in scores.items() if not math.isnan(score)}
    if known:
        return max(known, key=lambda name: known[name])
    return MAJORITY if MAJORITY in names else None


def shown_baselines(runs: Runs, row: int) -> list[str]:
    """Return the baselines that a run is shown beside: the best, the majority, and the Bayes rule."""
    best, known = best_baseline(runs, row), baselines(runs)
    return [name for name in dict.fromkeys((best, MAJORITY, BAYES)) if name in known and name is not None]


def baseline_name(name: str, words: Translator) -> str:
    """Return a baseline in words; its own name where it is not one of this program's."""
    key = f"baseline.{name}"
    return words(key) if key in words.texts else words("tile.baseline", name=name)
