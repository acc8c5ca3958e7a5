"""The text of each row, read on demand: its columns joined, without missing cells.

Why: texts are the largest part of a corpus and are read only a few times (lengths, tokens, predictions), so they stay
on disk. A
text is its columns' cells in the requested order; a cell is missing if it is null or, trimmed, one of the markers.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.data.readers.text_table import Table


class Texts(Protocol):
    """Texts of one split, in row order, read on demand; picklable for loader workers."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> str: ...

    def batches(self, size: int) -> Iterator[list[str]]:
        """Return all texts in row order, at most `size` at a time."""
        ...

    def cells(self, size: int) -> Iterator[dict[str, Any]]:
        """Return all cells by column in row order, null where missing, at most `size` rows at a time."""
        ...

    def at(self, places: npt.NDArray[np.int64]) -> "Texts":
        """Return the texts at `places` only, in that order."""
        ...


class ColumnTexts:
    """`Texts` of the rows `rows` of a table; each must have a text cell that is not missing."""

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        separator: str,
        missing: Sequence[str],
        rows: npt.NDArray[np.int64],
    ) -> None:
        self._table, self._columns = table.narrow(columns), tuple(columns)
        self._separator, self._missing, self._rows = separator, tuple(missing), rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> str:
        place = range(len(self))[index]
        return self._read(self._rows[place : place + 1])[0]

    def batches(self, size: int) -> Iterator[list[str]]:
        """Yield all texts in row order, at most `size` at a time."""
        for start in range(0, len(self), size):
            yield self._read(self._rows[start : start + size])

    def at(self, places: npt.NDArray[np.int64]) -> "ColumnTexts":
        """Return the texts at `places` only, in that order."""
        return ColumnTexts(self._table, self._columns, self._separator, self._missing, self._rows[places])

    def cells(self, size: int) -> Iterator[dict[str, Any]]:
        """Yield all cells by column as string arrays, null where missing, at most `size` rows at a time."""
        for start in range(0, len(self), size):
            yield self._cells(self._rows[start : start + size])

    def _cells(self, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        cells = self._table.read(rows)
        return {name: without_markers(cells[name], self._missing) for name in self._columns}

    def _read(self, rows: npt.NDArray[np.int64]) -> list[str]:
        texts: list[str] = join_columns(list(self._cells(rows).values()), self._separator).to_pylist()
        return texts


def without_markers(cells: Any, missing: Sequence[str]) -> Any:
    """Return a string array with null where the cell, trimmed, is one of the markers `missing`."""
    absent = pc.is_in(pc.utf8_trim_whitespace(cells), value_set=pa.array(list(missing), pa.string()))
    return pc.if_else(absent, pa.scalar(None, pa.string()), cells)


def join_columns(cells: Sequence[Any], separator: str) -> Any:
    """Return string arrays joined row by row without nulls; null where all are null."""
    if len(cells) == 1:
        return cells[0]
    absent = cells[0].is_null()
    for column in cells[1:]:
        absent = pc.and_(absent, column.is_null())
    # A row of nulls alone would not be in the result at all (pyarrow 25.0.1).
    first = pc.if_else(absent, pa.scalar("", pa.string()), cells[0])
    texts = pc.binary_join_element_wise(first, *cells[1:], separator, null_handling="skip")
    return pc.if_else(absent, pa.scalar(None, pa.string()), texts)
