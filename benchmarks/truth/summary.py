"""What all sets say together: ranks, margins, calibration, the choices of `auto`; and the table that a default follows.

Ranks are among the models (not the baselines) of a set that all of its compared models were run on, 1 is the best.
"""

from collections.abc import Iterable, Sequence
from statistics import mean, median, median_low
from typing import Any

from benchmarks.truth.sets import DataSet
from benchmarks.truth.table import (
    AS_GOOD,
    MODEL,
    TITLES,
    Line,
    Row,
    bayes_of,
    by_set,
    linear_of,
    pair,
    rows_of,
    share_of_way,
    spread,
)
from lab.core.record.baseline_comparison import ABOVE, BELOW, NO_BETTER

CALIBRATED = 0.05
"""Expected calibration error after calibration that the project aims at."""
AUTO = "auto"
ORDER = (BELOW, NO_BETTER, ABOVE)


def per_set(sets: Sequence[DataSet], lines: Iterable[Line], split: str) -> list[tuple[DataSet, list[Row]]]:
    """The rows of each set that has a model and something simple to compare it with."""
    known = by_set(lines)
    found = [(data, rows_of(data, known[data.name], split)) for data in sets if data.name in known]
    return [(data, rows) for data, rows in found if len({row.kind == MODEL for row in rows}) == 2]


def summary(sets: Sequence[DataSet], lines: Iterable[Line], split: str) -> str:
    """A table of the models over all sets, by task, and what `auto` chose."""
    compared, parts = per_set(sets, list(lines), split), []
    for task in dict.fromkeys(data.task for data, _ in compared):
        rows_by_set = [rows for data, rows in compared if data.task == task]
        names = dict.fromkeys(row.name for rows in rows_by_set for row in rows if row.kind == MODEL)
        parts += [f"### All sets of {task}", "", *_header(), *(_line(name, rows_by_set) for name in names), ""]
    chosen = [name for _, rows in compared for row in rows if row.name == AUTO for name in row.chosen]
    if chosen:
        share = sum(name in ("linear", "logistic_lags") for name in chosen) / len(chosen)
        on_base = sum("model.base" in name for name in chosen) / len(chosen)
        parts.append(
            f"`auto` chose a linear model in {share:.0%} of {len(chosen)} runs, a network on one in {on_base:.0%}.\n"
        )
    return "\n".join(parts)


def overview(sets: Sequence[DataSet], lines: Iterable[Line], split: str) -> str:
    """One line a set: the best simple model, `auto` (or the best model where it was not run), and how it stands.

    Of test rows also the verdict in accuracy, and how far the model is on the way to the Bayes rule.
    """
    of_test = ["in accuracy", "Bayes rule", "of the way"] if split == "test" else []
    titles = ["data", "metric", "best simple model", "", "model", "", "seeds", "stands", *of_test, "ECE", "Brier",
              "seconds"]  # fmt: skip
    parts, lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"], list(lines)
    known = by_set(lines)
    for data, rows in per_set(sets, lines, split):
        models = [row for row in rows if row.kind == MODEL]
        own = next((row for row in models if row.name == AUTO), models[0])
        simple = next(row for row in rows if row.kind != MODEL)
        name = f"auto: {', '.join(sorted(set(own.chosen)))}" if own.chosen else own.name
        bound = bayes_of(known[data.name], split).get(data.metric)
        ways = [middle(own.in_accuracy).replace("_", " "), "" if bound is None else f"{bound:.3f}",
                share_of_way(own.score, simple.score, bound)]  # fmt: skip
        cells = [data.name, TITLES[data.metric], simple.name, f"{simple.score:.3f}", name, spread(own), own.seeds,
                 standing(own, simple.score).replace("_", " "), *ways[: len(of_test)], pair(own.ece), pair(own.brier),
                 f"{own.seconds:.0f}"]  # fmt: skip
        parts.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(parts) + "\n"


def _header() -> list[str]:
    titles = ["model", "sets", "mean rank", "over linear, mean", "above / no better / below the best simple model",
              "ECE after, mean", "ECE below .05", "seconds, median"]  # fmt: skip
    return ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]


def _line(name: str, rows_by_set: Sequence[Sequence[Row]]) -> str:
    ranks, margins, stands, errors, seconds = [], [], [], [], []
    for rows in rows_by_set:
        models = [row for row in rows if row.kind == MODEL]
        own = next((row for row in models if row.name == name), None)
        if own is None:
            continue
        ranks.append(1 + models.index(own))
        seconds.append(own.seconds)
        stands.append(standing(own, next(row.score for row in rows if row.kind != MODEL)))
        margins += [] if (linear := linear_of(rows)) is None else [own.score - linear.score]
        errors += [] if own.ece is None else [own.ece[1]]
    cells = [
        name, len(ranks), f"{mean(ranks):.1f}", f"{mean(margins):+.3f}" if margins else "",
        " / ".join(str(stands.count(name)) for name in (ABOVE, NO_BETTER, BELOW)),
        f"{mean(errors):.3f}" if errors else "",
        f"{sum(error < CALIBRATED for error in errors)} of {len(errors)}" if errors else "", f"{median(seconds):.0f}",
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def standing(row: Row, simple: float) -> str:
    """How a model stands to the simple models of a set. simple: the score of the best of them on the same rows.

    Scores that differ by less than `AS_GOOD` count as no better. On test rows it is the worse of this and the median
    over seeds of the paired bootstrap's verdicts, which are against the baseline that was best on validation rows.
    """
    gap = row.score - simple
    plain = ABOVE if gap > AS_GOOD else BELOW if gap < -AS_GOOD else NO_BETTER
    return min(plain, middle(row.verdicts) or plain, key=ORDER.index)


def middle(verdicts: Sequence[str]) -> str:
    """The median over seeds, the lower of two in the middle; empty without verdicts."""
    return ORDER[median_low(map(ORDER.index, verdicts))] if verdicts else ""


def defaults(sets: Sequence[DataSet], lines: Iterable[Line]) -> list[dict[str, Any]]:
    """What a choice of model can follow: per set its size, the best model on validation rows, and all scores."""
    lines = list(lines)
    known = by_set(lines)
    found = []
    for data, rows in per_set(sets, lines, "val"):
        models = [row for row in rows if row.kind == MODEL and row.name != AUTO]
        if not models:
            continue
        simple = next(row for row in rows if row.kind != MODEL)
        size = next((line for line in known[data.name] if line.get("rows")), {})
        found.append({
            "data": data.name, "task": data.task, "metric": data.metric, "rows": size.get("rows"),
            "classes": size.get("classes"), "best": models[0].name, "best_simple": simple.name,
            "margin": round(models[0].score - simple.score, 4),
            "scores": {row.name: round(row.score, 4) for row in rows},
            "seeds": {row.name: row.seeds for row in models},
            "seconds": {row.name: round(row.seconds) for row in models},
        })  # fmt: skip
    return found
