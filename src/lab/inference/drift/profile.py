"""What new rows are like, collected while they are predicted, in the terms of the run's reference.

Memory does not depend on the number of rows. Shapes: B rows, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING
from lab.core.reference.content import CHARACTERS, CONFIDENCE, UNKNOWN_TOKENS, Reference, unknown_shares


class Profile:
    """Counts of new rows. numbers: by subject; predicted, labels: per head (K,) rows per class."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.numbers = {name: each.histogram.empty() for name, each in reference.numbers.items()}
        self.predicted = {name: np.zeros_like(head.counts) for name, head in reference.heads.items()}
        self.labels = {name: np.zeros_like(head.counts) for name, head in reference.heads.items()}

    def add(self, subject: str, values: npt.ArrayLike) -> None:
        """Count the values of a subject; one that the reference does not have is ignored."""
        if subject in self.numbers:
            self.numbers[subject].add(values)

    def add_texts(self, columns: Mapping[str, Sequence[str | None]]) -> None:
        """Count the characters of cells by column of the run; None is missing."""
        for column, cells in columns.items():
            self.add(CHARACTERS.format(column), [np.nan if cell is None else len(cell) for cell in cells])

    def add_tokens(self, ids: Sequence[Sequence[int]]) -> None:
        """Count the share of unknown tokens of each row."""
        if self.reference.seen is None or not ids:
            return
        flat = np.concatenate([np.asarray(row, np.int64) for row in ids])
        row_of = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
        self.add(UNKNOWN_TOKENS, unknown_shares(flat, row_of, len(ids), self.reference.seen))

    def add_classes(
        self, head: str, chosen: npt.NDArray[np.int64], confidence: npt.NDArray[np.floating[Any]], labels: Sequence[int]
    ) -> None:
        """Count the predictions of a head: chosen classes and their probabilities (B,), and labels (B,), `MISSING`
        where unknown."""
        if head not in self.predicted:
            return
        num = len(self.predicted[head])
        self.predicted[head] += np.bincount(chosen, minlength=num)
        codes = np.asarray(labels, np.int64)
        self.labels[head] += np.bincount(codes[codes != MISSING], minlength=num)
        self.add(CONFIDENCE.format(head), confidence)
