"""The field `baseline_comparison` of run.json: how a run stands to its best baseline on the test rows.

`overall` compares the mean over heads, or the only head; `heads` has each head (of questions: `f1` and `em`). Each is
{baseline, chosen_on, metric, own, other, difference, interval, verdict, rows, resamples, sample, blocks, accuracy}: the
interval is that of the paired bootstrap at `confidence`, the verdict is `above`, `no_better` or `below`, sample says on
how many of the training rows the baseline was fitted (null for all), and blocks how many blocks of time were drawn
(null: rows). `accuracy` has own, other, difference, interval and verdict in accuracy against the same baseline; it is
null where the metric is accuracy or a grade of answers, and absent in older records.
"""

from collections.abc import Iterator, Mapping
from typing import Any

FIELD = "baseline_comparison"
ABOVE, NO_BETTER, BELOW = "above", "no_better", "below"
VERDICTS = (ABOVE, NO_BETTER, BELOW)
METRIC_WORDS = {"f1_macro": "macro-F1", "mcc": "MCC", "auc": "AUC", "f1": "F1", "em": "exact match"}
SMALLEST = "Above the best baseline everywhere; the smallest margin is that of "
MAJORITY = "majority"
ACCURACY = "accuracy"
ALONE = "Compared with the most frequent class alone, since no other simple model was fitted: "
"""Begins the sentence of a run that is itself the simple model, or whose baselines are turned off."""
Compared = Mapping[str, Any]


def overall(record: Mapping[str, Any]) -> Compared | None:
    """Return the comparison of all heads together; None in a record without a comparison."""
    return (record.get(FIELD) or {}).get("overall")


def head_comparisons(record: Mapping[str, Any]) -> dict[str, Compared]:
    """Return the comparisons by head, empty in a record without them."""
    return dict((record.get(FIELD) or {}).get("heads") or {})


def sentences(field: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each part that is not above its best baseline, or else a line with the smallest margin; and
    one sentence with the parts that are below in accuracy alone.

    field: `baseline_comparison` of a record.
    """
    heads, confidence = dict(field.get("heads") or {}), float(field.get("confidence") or 0.95)
    parts = {"": field["overall"]} if len(heads) < 2 else {"mean of heads": field["overall"], **heads}
    if heads.keys() == {"f1", "em"}:
        parts = {"": heads["f1"], "exact match": heads["em"]}
    return [*_standings(parts, confidence), *_accuracy_sentence(parts)]


def below_in_accuracy(part: Compared) -> Compared | None:
    """Return the comparison in accuracy of a part that is below its baseline there, though not in its own metric."""
    accuracy: Compared | None = part.get(ACCURACY)
    is_below = accuracy is not None and accuracy["verdict"] == BELOW and part["verdict"] != BELOW
    return accuracy if is_below else None


def _accuracy_sentence(parts: Mapping[str, Compared]) -> list[str]:
    found = [(name, part, accuracy) for name, part in parts.items() if (accuracy := below_in_accuracy(part))]
    each = [
        f"{name}{' ' if name else ''}{_short(accuracy['own'])} against {_short(accuracy['other'])} of "
        f"{part['baseline'].replace('_', ' ')}, {_interval(accuracy)}"
        for name, part, accuracy in found
    ]
    metric = METRIC_WORDS.get(found[0][1]["metric"], found[0][1]["metric"]) if found else ""
    return [f"Below its baseline in accuracy, though not in {metric}: {'; '.join(each)}."] if found else []


def _standings(parts: Mapping[str, Compared], confidence: float) -> list[str]:
    behind = {name: part for name, part in parts.items() if part["verdict"] != ABOVE}
    if behind:
        return [_prefixed(name, _standing(part, confidence)) for name, part in behind.items()]
    name = min(parts, key=lambda each: parts[each]["difference"])
    least = _standing(parts[name], confidence)
    if all(part["baseline"] == MAJORITY for part in parts.values()):
        return [_prefixed("", f"{ALONE}{least}")]
    return [_prefixed("", least if len(parts) == 1 else f"{SMALLEST}{name or 'F1'}, {least}")]


def standing(part: Compared, confidence: float = 0.95) -> str:
    """Return a sentence: how one part stands to its baseline.

    >>> standing({"baseline": "linear", "chosen_on": "val", "metric": "f1_macro", "own": 0.812, "other": 0.829,
    ...           "difference": -0.017, "interval": [-0.041, 0.006], "verdict": "no_better", "rows": 640})
    'No better than linear: macro-F1 .812 against .829, difference -.017 [-.041, +.006] (95 % interval, 640 test rows).'
    """
    return _prefixed("", _standing(part, confidence))


def _standing(part: Compared, confidence: float) -> str:
    name, metric = part["baseline"].replace("_", " "), METRIC_WORDS.get(part["metric"], part["metric"])
    words = {ABOVE: "above", NO_BETTER: "no better than", BELOW: "below"}[part["verdict"]]
    scores = f"{metric} {_short(part['own'])} against {_short(part['other'])}"
    chosen = "; the baseline was chosen on test" if part["chosen_on"] == "test" else ""
    sample = f"; {name} was {part['sample']}" if part.get("sample") else ""
    rows = f"{part['rows']:,} test row{'' if part['rows'] == 1 else 's'}"
    rows += f" in {part['blocks']:,} blocks of time" if part.get("blocks") else ""
    words = f"{words} {name}: {scores}, {_interval(part)}"
    return f"{words} ({confidence:.0%} interval, {rows}{chosen}{sample})".replace("%", " %", 1)


def _interval(part: Compared) -> str:
    low, high = part["interval"]
    return f"difference {_short(part['difference'], '+')} [{_short(low, '+')}, {_short(high, '+')}]"


def _prefixed(name: str, sentence: str) -> str:
    return f"{name}: {sentence}." if name else f"{sentence[0].upper()}{sentence[1:]}."


def _short(value: float, sign: str = "") -> str:
    """A number with three decimals, without the zero before the point."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:{sign}.3f}"


def comparison_faults(name: str, value: Any) -> Iterator[str]:
    """Yield what a part lacks to be read: a verdict of `VERDICTS`, an interval of two numbers."""
    if not isinstance(value, Mapping):
        return  # named by the shape
    if "verdict" in value and value["verdict"] not in VERDICTS:
        yield f"{name}.verdict is not one of {', '.join(VERDICTS)}"
    if "chosen_on" in value and value["chosen_on"] not in ("val", "test"):
        yield f"{name}.chosen_on is not one of val, test"
