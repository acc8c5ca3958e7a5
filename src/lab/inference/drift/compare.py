"""The comparison of new rows with the rows of a run: one entry per subject, with its level.

Labels are compared with the training rows; predictions, confidences and unknown tokens with the test rows, which the
model was not trained on. Rows of series follow one another, so their p values are too small: read the measures.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lab.core.record.drift_fields import SCHEMA_VERSION
from lab.core.reference.content import Reference
from lab.core.reference.histogram import Histogram
from lab.inference.drift.measures import Counts, Measure, holm, level, of_classes, of_numbers
from lab.inference.drift.profile import Profile

NO_ROWS = "the new rows have no value"
OLDER = "the run does not have it"
QUANTILES = (0.05, 0.5, 0.95)
MOST_SHARES = 20
"""Classes whose shares are listed: those that changed the most."""


def compare(reference: Reference, profile: Profile, about: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a drift file. about: `run`, `input`, `output` and `rows`."""
    left_out: dict[str, str] = {}
    subjects = [*_numbers(reference, profile, left_out), *_heads(reference, profile, left_out)]
    indices = [subject["measures"]["population_stability_index"] for subject in subjects]
    for subject, index, corrected in zip(subjects, indices, holm([each["p"] for each in indices]), strict=True):
        subject |= {"p_holm": corrected, "level": level(index["value"], corrected)}
    return {"schema_version": SCHEMA_VERSION, **about, "subjects": subjects, "left_out": left_out}


def _numbers(reference: Reference, profile: Profile, left_out: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, (before, unit) in reference.numbers.items():
        after = profile.numbers[name]
        if before.missing or after.missing:
            parts = [np.array([each.missing, each.num]) for each in (before, after)]
            if parts[1].sum():
                yield _of_classes(f"missing: {name}", "missing", ["missing", "there"], *parts)
        if not after.num:
            left_out[name] = NO_ROWS
        else:
            yield _of_numbers(name, unit, before, after)


def _heads(reference: Reference, profile: Profile, left_out: dict[str, str]) -> Iterator[dict[str, Any]]:
    for head, (classes, counts) in reference.heads.items():
        expected = {"labels": counts, "predictions": reference.predicted.get(head)}
        actual = {"labels": profile.labels[head], "predictions": profile.predicted[head]}
        for kind, before in expected.items():
            name, after = f"{kind}/{head}", actual[kind]
            if not after.any():
                left_out[name] = NO_ROWS
            elif before is None or not before.any():
                left_out[name] = OLDER
            else:
                yield _of_classes(name, "classes", classes, before, after)


def _of_numbers(name: str, unit: str, before: Histogram, after: Histogram) -> dict[str, Any]:
    quantiles = [[each.quantile(share) for share in QUANTILES] for each in (before, after)]
    outside = float(after.counts[0] + after.counts[-1]) / after.num
    return {
        **_entry(name, "numbers", unit, before.num, after.num, of_numbers(before, after)),
        "quantiles": quantiles, "shares": None, "outside_share": outside,
    }  # fmt: skip


def _of_classes(name: str, kind: str, classes: Sequence[str], before: Counts, after: Counts) -> dict[str, Any]:
    shares = np.stack([before / before.sum(), after / after.sum()], 1)
    order = np.argsort(-np.abs(shares[:, 1] - shares[:, 0]), kind="stable")[:MOST_SHARES]
    return {
        **_entry(name, kind, "share", int(before.sum()), int(after.sum()), of_classes(before, after)),
        "quantiles": None, "shares": {classes[place]: shares[place].tolist() for place in order.tolist()},
    }  # fmt: skip


def _entry(name: str, kind: str, unit: str, before: int, after: int, measures: Sequence[Measure]) -> dict[str, Any]:
    values = {each.name: {"value": each.value, "p": each.p} for each in measures}
    return {"name": name, "kind": kind, "unit": unit, "reference_rows": before, "rows": after, "measures": values}
