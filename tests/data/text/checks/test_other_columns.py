"""The remedy of a column that is no label can be typed: other label columns, or a column that repeats its values."""

import pyarrow as pa

from lab.data.readers.text_table import Table
from lab.data.text.checks.other_columns import NO_OTHER, other_labels, unused_labels
from lab.data.text.label_survey import Columns

CELLS = {"texto": ["w x", "y z", "u v", "s t"], "modo": ["a"] * 4, "id": list("pqrs"), "b": ["k", "k", "l", "l"],
         "one": ["c"] * 4, "empty": pa.nulls(4, pa.string()), "b2": ["m", "n", "m", "n"]}  # fmt: skip
COLUMNS = Columns(("texto",), ("modo",))


def test_a_column_that_repeats_several_values_may_be_a_label() -> None:
    table = Table(pa.table(CELLS))
    assert unused_labels({"all": table}, COLUMNS) == ["b", "b2"]
    assert unused_labels({"train": table, "val": Table(table.data.drop_columns(["b"]))}, COLUMNS) == ["b2"]
    assert unused_labels({"all": table.narrow(COLUMNS.all)}, COLUMNS) == []


def test_the_remedy_can_be_typed() -> None:
    assert other_labels(["modo"]) == "leave it out: 'data.labels=[modo]'"
    assert other_labels([], lambda: ["b", "b2"]) == "'data.labels=[b]'"
    assert other_labels([]) == NO_OTHER
