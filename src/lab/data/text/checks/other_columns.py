"""What to type for `data.labels` instead of a column that is no label."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow.compute as pc

from lab.core.hydra_quoting import quoted
from lab.data.readers.text_table import Table, holds_text
from lab.data.text.label_survey import Columns

Unused = Callable[[], Sequence[str]]
"""Returns columns that the request does not read and that may be labels."""
FIRST_ROWS = 1000
"""Rows that are looked at."""
NO_OTHER = "add a column of labels to the file: no other one of it has values that repeat"


def other_labels(kept: Sequence[str], unused: Unused = tuple) -> str:
    """Return the remedy: the label columns of the request that are kept; if there is none, a column of `unused`."""
    if kept:
        return f"leave it out: {quoted('data.labels', list(kept))}"
    other = next(iter(unused()), None)
    return quoted("data.labels", [other]) if other is not None else NO_OTHER


def unused_labels(tables: Mapping[str, Table], columns: Columns) -> list[str]:
    """Return the columns of all tables that the request does not read and that repeat several values, as labels do."""
    first, *others = tables.values()
    free = [name for name in first.columns if name not in columns.all and holds_text(first.kind(name))]
    free = [name for name in free if all(name in table.columns for table in others)]
    if not free or not len(first):
        return []
    rows = next(first.narrow(free).batches(0, FIRST_ROWS))
    values = {name: cells.drop_null().value_counts() for name, cells in rows.items()}
    return [name for name in free if 2 <= len(values[name]) <= pc.sum(values[name].field("counts")).as_py() / 2]
