"""The table: per data set, every model and baseline with mean and spread over seeds, and one honest sentence."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any, NamedTuple

from benchmarks.truth.sets import DataSet
from lab.core.record.baselines import baseline_scores

TITLES = {"f1_macro": "macro-F1", "accuracy": "accuracy", "mcc": "MCC"}
AS_GOOD = 0.01
"""Scores that differ by less are called equal."""


class Row(NamedTuple):
    """A model or a baseline on one data set. spread: standard deviation over seeds, NaN for one seed."""

    name: str
    is_baseline: bool
    score: float
    spread: float
    accuracy: float
    seeds: int
    seconds: float
    ece: tuple[float, float] | None
    """Expected calibration error before and after, mean over heads and seeds."""


def rows_of(data: DataSet, lines: Iterable[Mapping[str, Any]], split: str) -> list[Row]:
    """The rows of a data set, the best first. lines: finished cells of that set."""
    by_model: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        if "failed" not in line:
            by_model.setdefault(line["model"], []).append(line)
    rows = [_row(name, data.metric, each, split) for name, each in by_model.items()]
    simple: dict[str, list[Mapping[str, float | None]]] = {}
    for line in next(iter(by_model.values()), []):
        for name, scores in baseline_scores(line, split).items():
            simple.setdefault(name, []).append(scores)
    for name, each in simple.items():
        scores = [value for part in each if (value := part.get(data.metric)) is not None]
        if scores:
            accuracy = mean(part.get("accuracy") or math.nan for part in each)
            rows.append(Row(name, True, mean(scores), _spread(scores), accuracy, len(scores), math.nan, None))
    return sorted(rows, key=lambda row: -row.score)


def _row(name: str, metric: str, lines: Sequence[Mapping[str, Any]], split: str) -> Row:
    scores = [float(line["metrics"][split][metric]) for line in lines]
    accuracy = mean(float(line["metrics"][split]["accuracy"]) for line in lines)
    return Row(name, False, mean(scores), _spread(scores), accuracy, len(scores),
               median(line["seconds"] for line in lines), _ece(lines, split))  # fmt: skip


def _ece(lines: Sequence[Mapping[str, Any]], split: str) -> tuple[float, float] | None:
    """Of the heads and runs that have a temperature."""
    found = [
        (head["ece_before"], head["ece_after"])
        for line in lines
        for head in ((line.get("calibration") or {}).get(split) or {}).values()
    ]
    return (mean(before for before, _ in found), mean(after for _, after in found)) if found else None


def _spread(scores: Sequence[float]) -> float:
    return stdev(scores) if len(scores) > 1 else math.nan


def sentence(data: DataSet, rows: Sequence[Row]) -> str:
    """What the scores of a data set say, in one sentence."""
    models, simple = ([row for row in rows if row.is_baseline == wanted] for wanted in (False, True))
    if not models or not simple:
        return "Nothing to compare yet."
    best, other = models[0], simple[0]
    title = TITLES[data.metric]
    gap = f"{title} {best.score:.3f} against {other.score:.3f}"
    if best.score < other.score - AS_GOOD:
        return f"No model reaches {other.name}: the best is {best.name}, {gap}."
    if best.score <= other.score + AS_GOOD:
        return f"{best.name} is no better than {other.name}: {gap}."
    return f"{best.name} is above {other.name}: {gap}."


def markdown(sets: Sequence[DataSet], lines: Iterable[Mapping[str, Any]], split: str) -> str:
    """The whole table as Markdown. Failed cells are named below their set."""
    known: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        known.setdefault(line["data"], []).append(line)
    parts = []
    for data in sets:
        if data.name not in known:
            continue
        rows = rows_of(data, known[data.name], split)
        parts += [f"### {data.name}", "", sentence(data, rows), ""]
        parts += [f"| model | {TITLES[data.metric]} | accuracy | seeds | seconds | ECE |", "|---|---|---|---|---|---|"]
        parts += [_cells(row) for row in rows]
        failed = {
            (line["model"], line["failed"].splitlines()[-1][:160]) for line in known[data.name] if "failed" in line
        }
        parts += [f"\n{model} did not train: {words}" for model, words in sorted(failed)]
        parts.append("")
    return "\n".join(parts)


def _cells(row: Row) -> str:
    spread = "" if math.isnan(row.spread) else f" ± {row.spread:.3f}"
    name = f"*{row.name}* (baseline)" if row.is_baseline else row.name
    seconds = "" if math.isnan(row.seconds) else f"{row.seconds:.0f}"
    ece = "" if row.ece is None else f"{row.ece[0]:.3f} -> {row.ece[1]:.3f}"
    accuracy = "" if math.isnan(row.accuracy) else f"{row.accuracy:.3f}"
    return f"| {name} | {row.score:.3f}{spread} | {accuracy} | {row.seeds} | {seconds} | {ece} |"
