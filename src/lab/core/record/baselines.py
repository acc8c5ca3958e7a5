"""The field `baselines` of run.json: by name the scores of simple models, per split (`val`, `test`), `calibration` of
those with probabilities ({split: {head: {rows, ece, brier}}}, absent in older records), and a `note`.

Records of older versions have the test scores without a split; they are read as such.
"""

from collections.abc import Mapping
from typing import Any

SPLITS = ("val", "test")
"""The splits on which baselines are scored."""
NOTE = "note"
"""Key of a line about the baseline: why it has no scores, or on which rows it was fitted."""
CALIBRATION = "calibration"
"""Key of the calibration error (10 bins) and the Brier score of a baseline's probabilities."""
Scores = dict[str, float | None]


def has_splits(baseline: Mapping[str, Any]) -> bool:
    """Return whether the scores are kept per split; False for those of an older version."""
    return not baseline or any(key in baseline for key in (*SPLITS, NOTE))


def baseline_scores(record: Mapping[str, Any], split: str = "test") -> dict[str, Scores]:
    """Return the scores of a split by the baseline's name, without baselines that have none there."""
    found = {}
    for name, baseline in (record.get("baselines") or {}).items():
        if not baseline:
            continue
        scores = baseline.get(split) if has_splits(baseline) else baseline if split == "test" else None
        if scores:
            found[name] = dict(scores)
    return found


def baseline_notes(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the notes by the baseline's name, of those baselines that have one."""
    baselines = (record.get("baselines") or {}).items()
    return {name: each[NOTE] for name, each in baselines if each and has_splits(each) and each.get(NOTE)}
