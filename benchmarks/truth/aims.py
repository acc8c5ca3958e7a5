"""The aims that were set before the runs, and how many sets meet each: what `auto` is measured by.

Means over seeds are compared with simple models on the same rows; `AS_GOOD` is the margin of `above`. "Significantly"
is the paired bootstrap (95 %), which is of test rows only.
"""

from collections.abc import Iterable, Iterator, Sequence
from statistics import mean
from typing import NamedTuple

from benchmarks.truth.cells import CHECK
from benchmarks.truth.sets import DataSet
from benchmarks.truth.summary import AUTO, CALIBRATED, middle, per_set
from benchmarks.truth.table import AS_GOOD, MODEL, Line, Row, bayes_of, by_set, linear_of
from lab.core.record.baseline_comparison import BELOW
from lab.core.record.baselines import baseline_scores

WAY = 1 / 3
"""Share of the way from the linear model to the Bayes rule that counts as a gain."""
MORE_THAN_HALF = 0.5 + 1e-9
IN_TIME = ("persistence", "logistic_lags", "check: last class", "check: logistic on lags")
"""Simple models of series that the aim names."""


class Aim(NamedTuple):
    """An aim and the sets that it is about. needed: share of them that has to meet it; missed: the others, in words."""

    words: str
    needed: float
    num_sets: int
    missed: tuple[str, ...]

    @property
    def met(self) -> int:
        return self.num_sets - len(self.missed)

    @property
    def holds(self) -> bool:
        return self.met >= self.needed * self.num_sets


def aims(sets: Sequence[DataSet], lines: Iterable[Line], split: str) -> list[Aim]:
    """The aims, on the sets that `auto` was run on."""
    lines = list(lines)
    known = by_set(lines)
    own = [
        (data, row, rows, known[data.name])
        for data, rows in per_set(sets, lines, split)
        for row in rows
        if row.kind == MODEL and row.name == AUTO
    ]
    texts = [each for each in own if each[0].task == "texts"]
    series = [each for each in own if each[0].task == "series"]
    cases = [each for each in series if each[0].metric == "accuracy"]
    result = [
        _aim("texts: at least .01 above the linear model in macro-F1, or a third of the way to the Bayes rule", 2 / 3,
             [(data, _gain(row, rows, bayes_of(each, split).get(data.metric)))
              for data, row, rows, each in texts]),
        _aim("series: above the best of persistence and logistic regression in MCC, or in AUC of two classes",
             MORE_THAN_HALF, [(data, _beside(each, split)) for data, _, _, each in series]),
        _aim("UCR: accuracy not below ridge regression on statistics of the window", 1.0,
             [(data, _ridge(row, rows)) for data, row, rows, _ in cases]),
        _aim(f"calibration error below {CALIBRATED:.2f} after the temperature".replace("0.", "."), 1.0,
             [(data, "" if row.ece is None or row.ece[1] < CALIBRATED else f"{row.ece[1]:.3f}")
              for data, row, _, _ in own]),
    ]  # fmt: skip
    if split == "test":
        result = [*_not_below("texts", texts), *_not_below("series", series), *result]
    return [aim for aim in result if aim.num_sets]


def _aim(words: str, needed: float, by_set: Sequence[tuple[DataSet, str | None]]) -> Aim:
    """by_set: what a set misses, empty: nothing; None: the aim is not about it."""
    about = [(data, missed) for data, missed in by_set if missed is not None]
    return Aim(words, needed, len(about), tuple(f"{data.name} ({missed})" for data, missed in about if missed))


def _gain(row: Row, rows: Sequence[Row], bound: float | None) -> str | None:
    linear = linear_of([each for each in rows if each.kind != MODEL])
    if linear is None:
        return None
    gap = row.score - linear.score
    far = bound is not None and bound > linear.score and gap >= WAY * (bound - linear.score)
    return "" if gap >= AS_GOOD or far else f"{gap:+.3f}"


def _ridge(row: Row, rows: Sequence[Row]) -> str | None:
    ridge = next((each for each in rows if each.name == "ridge" and each.kind != MODEL), None)
    return None if ridge is None else "" if row.score >= ridge.score else f"{row.score - ridge.score:+.3f}"


def _not_below(task: str, own: Sequence[tuple[DataSet, Row, Sequence[Row], Sequence[Line]]]) -> Iterator[Aim]:
    for metric, verdicts in (("macro-F1", "verdicts"), ("accuracy", "in_accuracy")):
        words = f"{task}: the median seed is not significantly below the best baseline in {metric}"
        yield _aim(words, 1.0, [(data, "below" if middle(getattr(row, verdicts)) == BELOW else "")
                                for data, row, _, _ in own])  # fmt: skip


def _beside(lines: Sequence[Line], split: str) -> str | None:
    """AUC is compared where persistence or logistic regression of a run have it, else MCC."""
    for metric in ("auc", "mcc"):
        own = [line["metrics"][split][metric] for line in lines if _is_own(line) and metric in line["metrics"][split]]
        simple = list(_simple(lines, split, metric))
        if own and simple:
            gap = mean(own) - max(simple)
            return "" if gap > AS_GOOD else f"{metric.upper()} {gap:+.3f}"
    return None


def _is_own(line: Line) -> bool:
    return line["model"] == AUTO and "failed" not in line


def _simple(lines: Sequence[Line], split: str, metric: str) -> Iterator[float]:
    """Scores of persistence and of logistic regression, as baselines, as models and in scikit-learn."""
    for line in lines:
        if "failed" in line:
            continue
        scores = {name: by_split.get(split, {}) for name, by_split in line.get("scores", {}).items()}
        if line["model"] == "logistic_lags":
            scores["logistic_lags"] = line["metrics"][split]
        if line["model"] != CHECK:
            scores |= baseline_scores(line, split)
        yield from (
            value for name, each in scores.items() if name in IN_TIME and (value := each.get(metric)) is not None
        )


def table(found: Sequence[Aim]) -> str:
    """The aims as Markdown."""
    parts = ["| aim | sets | of | met | misses |", "|---|---|---|---|---|"]
    parts += [
        f"| {aim.words} | {aim.met} | {aim.num_sets} | {'yes' if aim.holds else 'no'} | {', '.join(aim.missed)} |"
        for aim in found
    ]
    return "\n".join(parts) + "\n"
