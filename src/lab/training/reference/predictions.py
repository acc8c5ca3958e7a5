"""What a model predicts for the test rows, which it was never trained on: what to expect on new rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lab.core.reference.content import CONFIDENCE, Reference

ANSWER = "answer"


def add_predictions(reference: Reference, columns: Mapping[str, Any]) -> None:
    """Add predicted classes and confidences. columns: those of test_predictions.parquet."""
    for head, (classes, _) in reference.heads.items():
        places = {name: place for place, name in enumerate(classes)}
        codes = np.array([places[name] for name in columns[f"{head}_predicted"].to_pylist()], np.int64)
        reference.predicted[head] = np.bincount(codes, minlength=len(classes))
    for head in [*reference.heads, *([] if reference.heads else [ANSWER])]:
        confidences = np.asarray(columns[f"{head}_probability"], np.float64)
        reference.add_numbers(CONFIDENCE.format(head), confidences, "probability")
