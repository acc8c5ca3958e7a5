"""Lines of a cell that a stray quote has swallowed, read as the rows that they are."""

import pytest

from lab.data.readers.csv_quotes import count_known, rows_within


@pytest.mark.parametrize(
    ("cell", "column", "width", "others"),
    [
        ("x,A\ny,B\nz", 0, 2, [(1, "A"), (1, "B")]),
        ("x\nB,y", 1, 2, [(0, "B")]),
        ("x,A,1\r\ny,B,2\r\nz", 0, 3, [(1, "A"), (2, "1"), (1, "B"), (2, "2")]),
        ("x,A\n\ny,B\nz", 0, 2, [(1, "A"), (1, "B")]),
        ("x\ny,B\nz", 0, 2, None),
        ("x,A\ny\nz", 0, 2, None),
    ],
)
def test_lines_as_rows(cell: str, column: int, width: int, others: list[tuple[int, str]] | None) -> None:
    assert rows_within(cell, column, width, ",") == others


def test_rows_are_believed_where_one_column_knows_all_their_cells() -> None:
    known = {0: frozenset({"7"}), 2: frozenset({"A", "B"})}
    assert count_known([(0, "1"), (2, "A"), (0, "2"), (2, "B")], lambda column: known[column]) == 2
    assert count_known([(0, "1"), (2, "A"), (0, "2"), (2, "C")], lambda column: known[column]) == 0
    assert count_known([], lambda column: known[column]) == 0
