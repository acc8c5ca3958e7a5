"""Columns of text, read slice by slice from a memory-mapped data set or from a small table in memory.

Why: a file may be larger than memory, so no other module contains a whole column of strings. Every value is returned as
text: an integer 3 and a float 3.0 are "3", and class indices of the hub are class names. Cost: about a
microsecond per row and column.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Rows = npt.NDArray[np.int64]
BATCH = 4096
"""Rows read at once: about 5 MB of reviews."""
MOST_SPREAD = 16
"""Rows of a slice for each row that is taken from it."""


@dataclass(frozen=True)
class Table:
    """Named columns.

    data: a `datasets.Dataset` or a `pyarrow.Table`. class_names: class names of each column that contains class
    indices. repeated: names that occur more than once in a file's header; the column of that name is the first of them.
    json_kinds: for columns of JSON lines, the first line with true or false (`switch`) and with another value
    (`other`).
    """

    data: Any
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()
    json_kinds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.data.num_rows)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.data.column_names)

    def kind(self, column: str) -> Any:
        """The pyarrow type of a column."""
        table = self.data if isinstance(self.data, pa.Table) else self.data.data
        return table.schema.field(column).type

    def narrow(self, columns: Sequence[str]) -> "Table":
        """Return the same rows with `columns` only, so that reading skips the others."""
        wanted = list(dict.fromkeys(columns))
        if isinstance(self.data, pa.Table):
            return Table(self.data.select(wanted), self.class_names)
        return Table(self.data.select_columns(wanted).with_format("arrow"), self.class_names)

    def read(self, rows: Rows | slice) -> dict[str, Any]:
        """Return each column of a narrowed table at `rows`: a pyarrow string array, null where a value is missing."""
        if not isinstance(self.data, pa.Table):
            part = self.data[rows] if isinstance(rows, slice) else self._near(rows)
        elif isinstance(rows, slice):
            part = self.data.slice(rows.start, rows.stop - rows.start)
        else:
            part = self.data.take(pa.array(rows))
        return {name: as_text(part.column(name), self.class_names.get(name)) for name in part.column_names}

    def _near(self, rows: Rows) -> Any:
        """The rows of a data set; those that are close together are taken from a slice, which is a tenth of the work of
        looking up each."""
        first, end = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
        if end - first > MOST_SPREAD * len(rows) or self.data._indices is not None:
            return self.data[rows]
        return self.data.data.fast_slice(first, end - first).take(pa.array(rows - first))

    def batches(self, first: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """The rows from `first` up to `stop` (all) in order, `BATCH` at a time."""
        end = len(self) if stop is None else stop
        for start in range(first, end, BATCH):
            yield self.read(slice(start, min(start + BATCH, end)))


def holds_text(kind: Any) -> bool:
    """Return whether `as_text` can turn a plain value of a pyarrow type into text: no lists, structs or bytes."""
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def holds_list(kind: Any) -> bool:
    """Return whether a pyarrow type is a list of values that `as_text` turns into text."""
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return lists and holds_text(kind.value_type)


def as_text(column: Any, class_names: Sequence[str] | None = None) -> Any:
    """Return a pyarrow (chunked) array as one string array. Whole floats lose their ".0", NaN and class -1 become null,
    lists become JSON lists of texts."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], type=values.type)
    if holds_list(values.type):
        return _lists_as_text(values, class_names)
    if class_names is not None:
        known = pc.if_else(pc.less(values, 0), pa.scalar(None, values.type), values)
        return pc.take(pa.array(list(class_names), pa.string()), known)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values if pa.types.is_string(values.type) else pc.cast(values, pa.string())


def _lists_as_text(values: Any, class_names: Sequence[str] | None) -> Any:
    cells = [
        None if cell is None else json.dumps(as_text(pa.array(cell, kind), class_names).to_pylist(), ensure_ascii=False)
        for kind in (values.type.value_type,)
        for cell in values.to_pylist()
    ]
    return pa.array(cells, pa.string())
