"""The aims of `auto`, and how many sets meet each. They were set before the runs, but for the wording of the first two
about series, which were set in MCC or AUC: the paired bootstrap of a run is of macro-F1 and accuracy.

Means over seeds are compared with simple models on the same rows; `AS_GOOD` is the margin of `above`. "Significantly"
is the paired bootstrap (95 %), which is of test rows only. A set on which `auto` did not train is in no count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
MANY = 1000
"""Test rows from which a calibration error is measured well."""
MORE_THAN_HALF = 0.5 + 1e-9
LOGISTIC = "logistic_lags"
IN_TIME = ("persistence", LOGISTIC, "check: last class", "check: logistic on lags")
"""Simple models of series that the aim names."""


Own = tuple[DataSet, Row, Sequence[Row], Sequence[Line]]
"""A set, the row of `auto`, all rows of the set, and its cells."""


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
    own: list[Own] = [
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
        _aim("series: .01 above the best of persistence and logistic regression in MCC, or in AUC where both have it "
             "(two classes); logistic regression itself is not", MORE_THAN_HALF,
             [(data, _beside(each, split)) for data, _, _, each in series]),
        _aim("UCR: accuracy not below ridge regression on statistics of the window", 1.0,
             [(data, _ridge(row, rows)) for data, row, rows, _ in cases]),
    ]  # fmt: skip
    if split == "test":
        result = [*_not_below("texts", texts), *_not_below("series", series), *result, _calibrated(own)]
    return [aim for aim in result if aim.num_sets]


def _aim(words: str, needed: float, missed: Sequence[tuple[DataSet, str | None]]) -> Aim:
    """missed: what each set misses, empty: nothing; None: the aim is not about it."""
    about = [(data, each) for data, each in missed if each is not None]
    return Aim(words, needed, len(about), tuple(f"{data.name} ({each})" for data, each in about if each))


def _gain(row: Row, rows: Sequence[Row], bound: float | None) -> str | None:
    linear = linear_of([each for each in rows if each.name != AUTO])
    if linear is None:
        return None
    gap = row.score - linear.score
    far = bound is not None and bound > linear.score and gap >= WAY * (bound - linear.score)
    return "" if gap >= AS_GOOD or far else f"{gap:+.3f}"


def _ridge(row: Row, rows: Sequence[Row]) -> str | None:
    ridge = next((each for each in rows if each.name == "ridge" and each.kind != MODEL), None)
    return None if ridge is None else "" if row.score >= ridge.score else f"{row.score - ridge.score:+.3f}"


def _not_below(task: str, own: Sequence[Own]) -> Iterator[Aim]:
    for metric, name in (("macro-F1", "verdicts"), ("accuracy", "in_accuracy")):
        words = f"{task}: the median seed is not significantly below the best baseline in {metric}"
        verdicts = [(data, getattr(row, name)) for data, row, _, _ in own]
        missed = [(data, None if not each else "below" if middle(each) == BELOW else "") for data, each in verdicts]
        yield _aim(words, 1.0, missed)


def _calibrated(own: Sequence[Own]) -> Aim:
    words = f"calibration error below {CALIBRATED} after the temperature, where test has {MANY:,} rows"
    found = []
    for data, row, _, lines in own:
        rows = [((line.get("baseline_comparison") or {}).get("overall") or {}).get("rows", 0) for line in lines]
        if row.ece is not None and max(rows) >= MANY:
            found.append((data, "" if row.ece[1] < CALIBRATED else f"{row.ece[1]:.3f}"))
    return _aim(words, 1.0, found)


def _beside(lines: Sequence[Line], split: str) -> str | None:
    """AUC is compared where logistic regression and the run have it, else MCC."""
    own = [line for line in lines if line["model"] == AUTO and "failed" not in line]
    if any(line["trained"] == LOGISTIC for line in own):
        return f"is {LOGISTIC}"
    simple = list(_simple(lines, split))
    in_auc = any(name == LOGISTIC and "auc" in scores for name, scores in simple)
    metric = "auc" if in_auc and all("auc" in line["metrics"][split] for line in own) else "mcc"
    others = [value for _, scores in simple if (value := scores.get(metric)) is not None]
    if not own or not others:
        return None
    gap = mean(line["metrics"][split][metric] for line in own) - max(others)
    return "" if gap > AS_GOOD else f"{metric.upper()} {gap:+.3f}"


def _simple(lines: Sequence[Line], split: str) -> Iterator[tuple[str, Mapping[str, float | None]]]:
    """Persistence and logistic regression with their scores, as baselines, as models and in scikit-learn."""
    for line in lines:
        if "failed" in line:
            continue
        if line["model"] == CHECK:
            scores = {name: by_split.get(split, {}) for name, by_split in line["scores"].items()}
        else:
            scores = baseline_scores(line, split)
        if line["model"] == LOGISTIC:
            scores |= {LOGISTIC: line["metrics"][split]}
        yield from ((name, each) for name, each in scores.items() if name in IN_TIME)


def table(found: Sequence[Aim]) -> str:
    """The aims as Markdown."""
    parts = ["| aim | sets | of | met | misses |", "|---|---|---|---|---|"]
    parts += [
        f"| {aim.words} | {aim.met} | {aim.num_sets} | {'yes' if aim.holds else 'no'} | {', '.join(aim.missed)} |"
        for aim in found
    ]
    return "\n".join(parts) + "\n"
