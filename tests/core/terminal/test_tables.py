"""A table is data: what is in a column, before anything is drawn."""

import pytest

from lab.core.terminal.tables import Column, Table


def test_the_texts_of_a_column_are_its_head_and_cells() -> None:
    table = Table([Column("head"), Column("F1")], [])
    table.add_row("cause", "0.5")
    table.add_row("mode", "0.25", bold=True, ends_section=True)
    assert list(table.texts(1)) == ["F1", "0.5", "0.25"]
    assert (table.bold_rows, table.ends_of_sections) == ({1}, {1})


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(AssertionError, match="1 cells in 2 columns"):
        Table([Column("head"), Column("F1")]).add_row("cause")
