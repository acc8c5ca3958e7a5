"""Which cells a spreadsheet would compute."""

from typing import Any

import pytest

from lab.core.spreadsheet import as_text


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"),
     ("a=1", "a=1"), ("", ""), (-1.5, -1.5), (None, None)],
)  # fmt: skip
def test_a_formula_becomes_a_text(cell: Any, expected: Any) -> None:
    assert as_text(cell) == expected
