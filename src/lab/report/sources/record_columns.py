"""Flattens a record and a history into the columns of the table of runs."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lab.core.record.baseline_comparison import overall
from lab.core.record.baselines import SPLITS, baseline_scores
from lab.core.record.fields import BEFORE_TRAINING
from lab.report.findings import History

LARGEST_NUMBER = 1e30
STANDING = "against"
"""Prefix of the columns of the recorded comparison with the best baseline: `against/verdict`, `against/low`."""


def record_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's values by column, without missing numbers, which become NaN in the table."""
    objective, data, sweep = record["objective"], record.get("data") or {}, record.get("sweep") or {}
    timing, memory = record.get("timing_s") or {}, record.get("memory") or {}
    parameters = record.get("parameters") or {}
    values: dict[str, Any] = {
        "study": sweep.get("study"),
        "trial": sweep.get("trial"),
        "status": record["status"],
        "reason": record.get("reason"),
        "failure": record.get("failure"),
        "command": record.get("command"),
        "seed": record.get("seed"),
        "metric": objective["metric"],
        "mode": objective.get("mode", "max"),
        "data": data.get("name"),
        "fingerprint": data.get("compared_as") or data.get("fingerprint"),  # leave-one-out: as with a held-out part
    }
    numbers: dict[str, Any] = {
        "objective": objective.get("value"),
        "objective_epoch": objective.get("epoch"),
        "objective_step": objective.get("step"),
        "time_s": timing.get("total"),
        "fit_s": timing.get("fit"),
        "core_s": timing.get("cpu") if not record.get("resumed") else None,  # a process knows only its own time
        "peak_rss_gib": memory.get("peak_rss_gib"),
        "peak_gpu_gib": memory.get("peak_gpu_gib"),
        "parameters_total": parameters.get("total"),
        "parameters_trainable": parameters.get("trainable"),
        "data/truncated_share": data.get("truncated_share"),
        "data/leak_share": _leak_share(data.get("leaks") or {}),
    }
    for split, metrics in (record.get("metrics") or {}).items():
        numbers |= {f"{split}/{name}": value for name, value in metrics.items()}
    for split in SPLITS:
        for baseline, metrics in baseline_scores(record, split).items():
            numbers |= {baseline_column(baseline, name, split): value for name, value in metrics.items()}
    numbers |= {f"bayes/{name}": value for name, value in (record.get("reference") or {}).items()}
    compared = overall(record)
    if compared is not None:
        low, high = compared["interval"]
        values |= {f"{STANDING}/{name}": compared[name] for name in ("baseline", "verdict", "metric")}
        named = {name: compared[name] for name in ("own", "other", "difference")} | {"low": low, "high": high}
        numbers |= {f"{STANDING}/{name}": value for name, value in named.items()}
    return values | {name: comparable_number(value) for name, value in numbers.items() if value is not None}


def baseline_column(baseline: str, metric: str, split: str = "test") -> str:
    """Return the column of a baseline's score: `linear/f1_macro` on test, `linear_val/f1_macro` on validation.

    >>> baseline_column("linear", "f1_macro"), baseline_column("linear", "f1_macro", "val")
    ('linear/f1_macro', 'linear_val/f1_macro')
    """
    return f"{baseline}{'' if split == 'test' else f'_{split}'}/{metric}"


def comparable_number(value: float) -> float:
    """Return the value, or NaN beyond 1e30: no meaningful score or cost is so large, and float32 ends at 3e38."""
    return float(value) if abs(value) <= LARGEST_NUMBER else math.nan


def _leak_share(leaks: Mapping[str, Mapping[str, float]]) -> float | None:
    """Return the largest share of a split's rows whose text occurs in another split.

    Texts that are equal only after masking numbers and tags do not count: this is common among short notices, and the
    data checks judge it.
    """
    return max((leak.get("same_share") or 0.0 for leak in leaks.values()), default=None)


def num_epochs(history: History) -> int:
    """Return how many epochs have a validation; the one before the first step (`BEFORE_TRAINING`) does not count."""
    epochs = history.get("epoch", np.empty(0))
    return len(np.unique(epochs[epochs > BEFORE_TRAINING]))


def history_columns(rows: list[dict[str, Any]], metric: str) -> History:
    """Return history.jsonl as columns: metrics of all heads together and the objective, NaN for missing numbers."""
    kept = (metric, f"train/{metric.partition('/')[2]}")
    names = dict.fromkeys(name for row in (rows[:1] + rows[-1:]) for name in row if name.count("/") < 2 or name in kept)
    nan = math.nan
    return {
        name: np.array(
            [nan if (value := row.get(name)) is None else comparable_number(value) for row in rows], np.float64
        )
        for name in names
    }
