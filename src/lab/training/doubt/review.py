"""review.csv: held-out rows whose label is probably wrong, and rows that are hard for the model.

Only rows that the model was not trained on are ranked; of rows that it was trained on it may have learned the error. A
label is doubtful if the model is as sure of another class as it is, on average, of rows that have that class as their
label (confident learning, Northcutt et al. 2021, arXiv 1911.00068). Doubtful labels come first, then the highest loss.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lab.core.spreadsheet import as_text
from lab.models.calibration import AnswerRows, Bools, ClassRows, Floats, ScoredRows

MOST_ROWS = 1000
"""Rows of the file."""
DOUBTFUL, HARD = "label may be wrong", "hard"


class Finding(NamedTuple):
    """A row of one head to review. place: among the scored rows; probability: of the prediction; label_probability: of
    the label."""

    head: str
    place: int
    doubtful: bool
    probability: float
    label_probability: float


def findings(head: str, rows: ScoredRows, temperature: float) -> list[Finding]:
    """Return the rows whose prediction is not their label, in their order; of more than `MOST_ROWS` those that
    `ranked` has first."""
    probability, right = rows.best(temperature)
    truth, doubtful = _truth(rows, temperature, probability)
    places = np.flatnonzero(rows.known & ~right)
    if len(places) > MOST_ROWS:
        order = np.lexsort((-probability[places], truth[places], ~doubtful[places]))
        places = np.sort(places[order[:MOST_ROWS]])
    return [
        Finding(head, int(place), bool(doubtful[place]), float(probability[place]), float(truth[place]))
        for place in places
    ]


def ranked(everything: Iterable[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    """Return findings with their split: doubtful labels first, then by the loss, at most `MOST_ROWS`."""
    order = sorted(everything, key=lambda item: (not item[1].doubtful, item[1].label_probability, -item[1].probability))
    return order[:MOST_ROWS]


def review_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the content of review.csv. Texts that a spreadsheet would compute have an apostrophe before them."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["split", "row", "head"]
    file = io.StringIO(newline="")
    table = csv.DictWriter(file, names, lineterminator="\n")
    table.writeheader()
    table.writerows({name: as_text(cell) for name, cell in row.items()} for row in rows)
    return file.getvalue()


def _truth(rows: ScoredRows, temperature: float, probability: Floats) -> tuple[Floats, Bools]:
    """(N,) probability of the label, and whether the label is doubtful; anything where it is not known."""
    if isinstance(rows, ClassRows):
        return _of_classes(rows, temperature)
    assert isinstance(rows, AnswerRows), f"{type(rows).__name__} has no probability of its truth"
    sure = probability[rows.right].mean() if rows.right.any() else np.inf
    return np.where(rows.right, probability, 1 - probability), ~rows.right & (probability >= sure)


def _of_classes(rows: ClassRows, temperature: float) -> tuple[Floats, Bools]:
    known, num_classes = rows.known, rows.scores.shape[1]
    labels, best = np.where(known, rows.labels, 0), rows.chosen(temperature)
    truth, highest = np.empty(len(labels)), np.empty(len(labels))
    for part, table in rows.probabilities(temperature):
        places = np.arange(len(table))
        truth[part], highest[part] = table[places, labels[part]], table[places, best[part]]
    # mean probability of a class in the rows that have it as label
    counts, sums = (np.bincount(labels[known], weights, num_classes) for weights in (None, truth[known]))
    usual = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    return truth, known & (best != labels) & (highest >= usual[best])
