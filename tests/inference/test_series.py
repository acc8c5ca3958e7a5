"""Mistakes in the settings of a run's table, in the words of a new table."""

import pytest

from lab.core.errors import Mistake
from lab.inference.series import _for_new_rows


@pytest.mark.parametrize(
    ("mistake", "remedy"),
    [
        (Mistake("data.path", "no such file", "data.path=new.csv", "nwe.csv"), "input=new.csv"),
        (Mistake("data.path", "is a workbook", "rename it, then data.path=a.xlsx"), "rename it, then input=a.xlsx"),
        (Mistake("data.time", "no such column", "data.time=date", "time"), "a table like that of the run"),
    ],
)
def test_another_file_is_typed_as_the_input(mistake: Mistake, remedy: str) -> None:
    made = _for_new_rows(mistake, "nwe.csv")
    assert (made.key, made.value) == ("input", "nwe.csv")
    assert made.remedy.startswith(remedy)
