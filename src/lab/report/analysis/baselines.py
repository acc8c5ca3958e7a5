"""The baselines in the table of runs: their names, and which of them a run is shown beside.

Columns are `NAME/METRIC` on test and `NAME_val/METRIC` on validation (`lab.report.sources.record_columns`).
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from lab.core.record.baseline_comparison import ABOVE, MAJORITY, below_in_accuracy, head_comparisons, overall
from lab.report.findings import Runs, Sentence
from lab.report.sources.record_columns import STANDING
from lab.report.text.translate import Translator

VALIDATION = "_val"
"""Ending of a baseline's name in the columns of its validation scores."""
BAYES = "bayes"
PERSISTENCE = ("persistence", "seasonal_persistence")
WARNINGS = ("persistence_above", "standing_no_better", "standing_below", "accuracy_below", "head_no_better",
            "head_below", "head_accuracy_below")  # fmt: skip
"""Sentences that the first screen shows as warnings."""
SPLITS = ("train", "val", "test", "data")


class Standing(NamedTuple):
    """How a run stands to its best baseline on the test rows, as `baseline_comparison` of its record says."""

    baseline: str
    verdict: str
    metric: str
    own: float
    other: float
    difference: float
    low: float
    high: float


def standing(values: Mapping[str, Any]) -> Standing | None:
    """Return the recorded comparison of a row of the table, None if it has none. values: by column."""
    found = [values.get(f"{STANDING}/{name}") for name in Standing._fields]
    if found[1] is None or found[1] != found[1]:
        return None
    texts, numbers = [str(each) for each in found[:3]], [float(each) for each in found[3:] if each is not None]
    return Standing(*texts, *numbers) if len(numbers) == len(found) - len(texts) else None  # type: ignore[arg-type]


def baselines(runs: Runs) -> list[str]:
    """Return the names of the baselines that were scored on the test rows, with `bayes`, the reference."""
    before = (str(name).partition("/")[0] for name in runs.frame.columns if "/" in str(name))
    others = (*SPLITS, STANDING)
    return [name for name in dict.fromkeys(before) if name not in others and not name.endswith(VALIDATION)]


def best_baseline(runs: Runs, row: int) -> str | None:
    """Return the baseline whose objective on validation is best beside a run.

    Of runs without validation scores of baselines (those of older versions, or of a service): the majority if known.
    """
    values = runs.frame.iloc[row]
    names = [name for name in baselines(runs) if name != BAYES]
    scores = {name: runs.sign * float(values.get(f"{name}{VALIDATION}/{runs.score}", math.nan)) for name in names}
    known = {name: score for name, score in scores.items() if not math.isnan(score)}
    if known.keys() <= {MAJORITY}:  # the run validates by leave-one-out: chosen on test, as in its own comparison
        tested = {name: runs.sign * float(values.get(f"{name}/{runs.score}", math.nan)) for name in names}
        known = {name: score for name, score in tested.items() if not math.isnan(score)} if known else {}
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


def standing_sentences(runs: Runs, row: int, record: Mapping[str, Any]) -> list[Sentence]:
    """Return how a run stands to its baselines, the most important first, and how many runs are not above theirs.

    A baseline of persistence that scores higher is named first. record: run.json of the run, empty if unknown.
    """
    values, heads = runs.frame.iloc[row].to_dict(), head_comparisons(record)
    sentences = _persistence_above(runs, values)
    whole = standing(values)
    if whole is not None:
        sentences.append(Sentence(f"standing_{whole.verdict}", whole._asdict()))
    sentences += _accuracy_below("accuracy_below", overall(record))
    for name, part in heads.items() if len(heads) > 1 else ():
        if part["verdict"] != ABOVE:
            low, high = part["interval"]
            sentences.append(Sentence(f"head_{part['verdict']}", {**part, "head": name, "low": low, "high": high}))
        sentences += _accuracy_below("head_accuracy_below", part, head=name)
    verdicts = runs.frame.get(f"{STANDING}/verdict")
    if verdicts is not None and verdicts.notna().sum() > 1:
        known = verdicts[verdicts.notna()]
        sentences.append(Sentence("standing_counts", {"num": int((known != ABOVE).sum()), "total": len(known)}))
    return sentences


def _accuracy_below(key: str, part: Mapping[str, Any] | None, **others: str) -> list[Sentence]:
    """Return a sentence if a part is below its baseline in accuracy, though not in its own metric."""
    accuracy = below_in_accuracy(part) if part is not None else None
    if part is None or accuracy is None:
        return []
    low, high = accuracy["interval"]
    return [Sentence(key, {**accuracy, **others, "baseline": part["baseline"], "low": low, "high": high})]


def _persistence_above(runs: Runs, values: Mapping[str, Any]) -> list[Sentence]:
    """Return a sentence if the class of now, or of a season ago, scores higher on test than the run."""
    own = float(values.get(f"test/{runs.score}", math.nan))
    scores = {name: float(values.get(f"{name}/{runs.score}", math.nan)) for name in PERSISTENCE}
    higher = {name: score for name, score in scores.items() if runs.sign * score > runs.sign * own}
    if not higher:
        return []
    name = max(higher, key=lambda each: runs.sign * higher[each])
    found = {"baseline": name.replace("_", " "), "score": runs.score, "own": own, "other": higher[name]}
    return [Sentence("persistence_above", found)]
