"""Which rows of a batch are usable, and the split of each: a pure function of its text, for any order of reading.

A row's split follows from the hash of its text without differences of case, accents and spaces, so that equal texts
share a split without a table of all texts. Cost: about 3 microseconds per row, less where no split is drawn.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.core.batches import MISSING
from lab.data.label_encoder import LabelEncoder
from lab.data.text.label_survey import Columns, hashed, plain_text
from lab.data.text.streaming.shards import Cells
from lab.data.text.text_columns import join_columns, without_markers

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """Shares of the texts that become val and test, 0 for a split with files of its own, and the share of the training
    texts that represents them in memory."""

    val: float
    test: float
    sample: float


@dataclass(frozen=True)
class Selected:
    """Usable rows of a batch. texts: string array; cells: as read, if needed; labels: codes per head; places: (rows,)
    of each text in [0, 1), None where no split is drawn."""

    texts: Any
    cells: Cells
    labels: dict[str, Ints]
    places: Places | None

    def __len__(self) -> int:
        return len(self.texts)

    def at(self, kept: npt.NDArray[np.bool_]) -> "Selected":
        """Return the rows that are `kept`."""
        if kept.all():
            return self
        where = pa.array(np.flatnonzero(kept))
        labels = {name: codes[kept] for name, codes in self.labels.items()}
        cells = {name: values.take(where) for name, values in self.cells.items()}
        return replace(
            self, texts=self.texts.take(where), cells=cells, labels=labels,
            places=None if self.places is None else self.places[kept],
        )  # fmt: skip

    def slice(self, start: int, stop: int) -> "Selected":
        """Return the rows from `start` up to `stop`."""
        kept = np.zeros(len(self), bool)
        kept[start:stop] = True
        return self.at(kept)


def usable(
    cells: Cells, columns: Columns, encoders: dict[str, LabelEncoder], placed: bool, with_cells: bool = False
) -> Selected:
    """Return the rows with a text and a label. placed, with_cells: whether their places and cells are needed."""
    known = {name: without_markers(values, columns.missing) for name, values in cells.items()}
    texts = join_columns([known[name] for name in columns.text], columns.separator)
    labels = {head: encoders[head].encode(known[head]) for head in columns.labels}
    kept = texts.is_valid().to_numpy(zero_copy_only=False)
    kept &= np.any([codes != MISSING for codes in labels.values()], axis=0)
    rows = Selected(texts, cells if with_cells else {}, labels, None).at(kept)
    return replace(rows, places=hashed(plain_text(rows.texts)) / 2.0**64) if placed else rows


def split_of(rows: Selected, shares: Shares) -> npt.NDArray[np.int8]:
    """The split of each row: 0 train, 1 val, 2 test, 3 train and its sample."""
    assert rows.places is not None, "rows without places"
    splits = np.zeros(len(rows), np.int8)
    splits[rows.places < shares.test + shares.val] = 1
    splits[rows.places < shares.test] = 2
    splits[rows.places >= 1 - shares.sample] = 3
    return splits
