"""The table: per data set, every model and baseline with mean and spread over seeds, and one honest sentence."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any, NamedTuple

from benchmarks.truth.cells import BAYES, CHECK
from benchmarks.truth.sets import DataSet
from lab.core.record.baseline_comparison import ACCURACY
from lab.core.record.baselines import CALIBRATION, baseline_scores

Line = Mapping[str, Any]
TITLES = {"f1_macro": "macro-F1", "accuracy": "accuracy", "mcc": "MCC"}
AS_GOOD = 0.01
"""Scores that differ by less are called equal."""
MODEL, BASELINE, CHECKED = "model", "baseline", "scikit-learn"
LINEAR = ("linear", "logistic_lags", "ridge", "check: TF-IDF + LinearSVC", "check: logistic on lags")
"""Rows, of baselines and models alike, that count as the linear model."""


class Row(NamedTuple):
    """A model or a simple model on one data set.

    kind: MODEL, BASELINE (of lab, from the records of its runs) or CHECKED (the same in scikit-learn alone); spread:
    standard deviation over seeds, NaN for one seed; ece, brier: before and after calibration, mean over heads and
    seeds; chosen: models that `auto` chose, one a seed; verdicts: of the paired bootstrap on the test rows against the
    baseline that was best on validation rows, one a seed (`above`, `no_better`, `below`), for the split test only;
    in_accuracy: the same in accuracy, of the cells that have it.
    """

    name: str
    kind: str
    score: float
    spread: float
    accuracy: float
    seeds: int
    seconds: float
    ece: tuple[float, float] | None = None
    brier: tuple[float, float] | None = None
    chosen: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    in_accuracy: tuple[str, ...] = ()


def rows_of(data: DataSet, lines: Iterable[Line], split: str) -> list[Row]:
    """The rows of a data set, the best first. lines: finished cells of that set."""
    by_model: dict[str, list[Line]] = {}
    for line in lines:
        if "failed" not in line:
            by_model.setdefault(line["model"], []).append(line)
    checks, _ = by_model.pop(CHECK, []), by_model.pop(BAYES, None)
    rows = [_row(name, data.metric, each, split) for name, each in by_model.items()]
    simple: dict[tuple[str, str], dict[int, Mapping[str, float | None]]] = {}
    for line in [line for each in by_model.values() for line in each]:
        for name, scores in baseline_scores(line, split).items():
            simple.setdefault((BASELINE, name), {})[line["seed"]] = scores
    for line in checks:
        for name, by_split in line["scores"].items():
            simple.setdefault((CHECKED, name), {})[line["seed"]] = by_split[split]
    of_lab = [line for each in by_model.values() for line in each]
    for (kind, name), each in simple.items():
        if (row := _simple(name, kind, data.metric, each.values())) is not None:
            known = of_lab if kind == BASELINE else []
            ece, brier = (_of_baseline(known, name, split, measure) for measure in ("ece", "brier"))
            rows.append(row._replace(ece=ece, brier=brier))
    return sorted(rows, key=lambda row: -row.score)


def _row(name: str, metric: str, lines: Sequence[Line], split: str) -> Row:
    scores = [float(line["metrics"][split][metric]) for line in lines]
    accuracy = mean(float(line["metrics"][split]["accuracy"]) for line in lines)
    chosen = tuple(line["trained"] for line in lines if name == "auto")
    return Row(name, MODEL, mean(scores), _spread(scores), accuracy, len(scores),
               median(line["seconds"] for line in lines), _calibration(lines, split, "ece"),
               _calibration(lines, split, "brier"), chosen, *_verdicts(lines, split))  # fmt: skip


def _verdicts(lines: Sequence[Line], split: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of each seed's run, whose comparison is on test rows: in its metric, and in accuracy."""
    compared = [(line.get("baseline_comparison") or {}).get("overall") for line in lines if split == "test"]
    parts = [part for part in compared if part]
    accuracies = [part if part.get("metric") == ACCURACY else part.get(ACCURACY) for part in parts]
    return tuple(part["verdict"] for part in parts), tuple(part["verdict"] for part in accuracies if part)


def _simple(name: str, kind: str, metric: str, each: Iterable[Mapping[str, float | None]]) -> Row | None:
    parts = list(each)
    scores = [value for part in parts if (value := part.get(metric)) is not None]
    if not scores:
        return None
    accuracy = mean(math.nan if (value := part.get("accuracy")) is None else value for part in parts)
    return Row(name, kind, mean(scores), _spread(scores), accuracy, len(scores), math.nan)


def _calibration(lines: Sequence[Line], split: str, measure: str) -> tuple[float, float] | None:
    """Of the heads and runs that have a temperature."""
    found = [
        (head[f"{measure}_before"], head[f"{measure}_after"])
        for line in lines
        for head in ((line.get("calibration") or {}).get(split) or {}).values()
        if head.get(f"{measure}_before") is not None
    ]
    return (mean(before for before, _ in found), mean(after for _, after in found)) if found else None


def _of_baseline(lines: Sequence[Line], name: str, split: str, measure: str) -> tuple[float, float] | None:
    """Of the heads and runs whose record has it: before calibration it is not known."""
    baselines = [(line["baselines"].get(name) or {}).get(CALIBRATION) or {} for line in lines]
    found = [head[measure] for each in baselines for head in (each.get(split) or {}).values()]
    return (math.nan, mean(found)) if found else None


def _spread(scores: Sequence[float]) -> float:
    return stdev(scores) if len(scores) > 1 else math.nan


def linear_of(rows: Sequence[Row]) -> Row | None:
    """The best linear model among the rows, of whatever kind."""
    return next((row for row in rows if row.name in LINEAR), None)


def bayes_of(lines: Iterable[Line], split: str) -> Mapping[str, float]:
    """The scores of the Bayes rule on the rows of a data set, empty where they are not known."""
    known: Mapping[str, Mapping[str, float]] = next(
        (scores for line in lines if line["model"] == BAYES for scores in line["scores"].values()), {}
    )
    return known.get(split, {})


def share_of_way(score: float, simple: float, bayes: float | None) -> str:
    """How far a score is on the way from the simple model's to that of the Bayes rule, in per cent; empty without a
    way.

    >>> share_of_way(0.7, 0.6, 0.9), share_of_way(0.5, 0.6, 0.9), share_of_way(0.7, 0.6, None)
    ('33 %', '-33 %', '')
    """
    return "" if bayes is None or bayes <= simple else f"{round(100 * (score - simple) / (bayes - simple))} %"


def _bayes_sentence(data: DataSet, rows: Sequence[Row], bayes: Mapping[str, float]) -> str:
    models, simple = ([row for row in rows if (row.kind == MODEL) is wanted] for wanted in (True, False))
    if not bayes or not models or not simple:
        return ""
    shares = [share_of_way(models[0].score, simple[0].score, bayes[data.metric]),
              share_of_way(models[0].accuracy, max(row.accuracy for row in simple), bayes["accuracy"])]  # fmt: skip
    return (
        f"The Bayes rule has {TITLES[data.metric]} {bayes[data.metric]:.3f} and accuracy {bayes['accuracy']:.3f}; "
        f"{models[0].name} is {' and '.join(shares)} of the way to it from the best simple model."
    )


def sentence(data: DataSet, rows: Sequence[Row]) -> str:
    """What the scores of a data set say, in one sentence."""
    models = [row for row in rows if row.kind == MODEL]
    simple = [row for row in rows if row.kind != MODEL]
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


def markdown(sets: Sequence[DataSet], lines: Iterable[Line], split: str) -> str:
    """The whole table as Markdown. Failed cells are named below their set."""
    known = by_set(lines)
    parts = []
    for data in sets:
        if data.name not in known:
            continue
        rows = rows_of(data, known[data.name], split)
        linear = linear_of(rows)
        bound = _bayes_sentence(data, rows, bayes_of(known[data.name], split))
        parts += [f"### {data.name}", "", " ".join([sizes(known[data.name]), sentence(data, rows), bound]).strip(), ""]
        titles = ["", TITLES[data.metric], "over linear", "accuracy", "seeds", "seconds", "ECE", "Brier"]
        if split == "test":
            titles += ["paired bootstrap", "in accuracy"]
        parts += ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
        parts += [_cells(row, linear, split) for row in rows]
        failed = {(line["model"], line["failed"].splitlines()[-1][:160])
                  for line in known[data.name] if "failed" in line}  # fmt: skip
        parts += [f"\n{model} did not train: {words}" for model, words in sorted(failed)]
        parts.append("")
    return "\n".join(parts)


def by_set(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """The lines of each data set."""
    known: dict[str, list[Line]] = {}
    for line in lines:
        known.setdefault(line["data"], []).append(line)
    return known


def sizes(lines: Sequence[Line]) -> str:
    """`516 training rows, 27 classes.`, or nothing where no line knows."""
    found = next((line for line in lines if line.get("rows") and line.get("classes")), None)
    return f"{found['rows']:,} training rows, {found['classes']} classes." if found else ""


def spread(row: Row) -> str:
    """The score with its standard deviation over seeds."""
    return f"{row.score:.3f}" + ("" if math.isnan(row.spread) else f" ± {row.spread:.3f}")


def _cells(row: Row, linear: Row | None, split: str) -> str:
    name = row.name if row.kind == MODEL else f"*{row.name}*"
    if row.chosen:
        name += f" (chose {', '.join(sorted(set(row.chosen)))})"
    margin = "" if linear is None else f"{row.score - linear.score:+.3f}"
    seconds = "" if math.isnan(row.seconds) else f"{row.seconds:.0f}"
    accuracy = "" if math.isnan(row.accuracy) else f"{row.accuracy:.3f}"
    cells = [name, spread(row), margin, accuracy, row.seeds, seconds, pair(row.ece), pair(row.brier)]
    if split == "test":
        cells += [_counts(row.verdicts), _counts(row.in_accuracy)]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _counts(verdicts: Sequence[str]) -> str:
    counts = {name.replace("_", " "): verdicts.count(name) for name in verdicts}
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def pair(values: tuple[float, float] | None) -> str:
    """Before and after calibration, empty where unknown; the second alone where the first is not known."""
    if values is None:
        return ""
    before = "" if math.isnan(values[0]) else f"{values[0]:.3f} -> "
    return f"{before}{values[1]:.3f}"
