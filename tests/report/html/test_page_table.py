"""The page's data block: exact values in the smallest encoding, and which columns are shown first."""

import base64
from typing import Any

import numpy as np
import pytest

from lab.report.html import page_table


def decoded(column: dict[str, Any], name: str) -> np.ndarray:
    block = column[name]
    return np.frombuffer(base64.b64decode(block["bdata"]), np.dtype("<" + block["dtype"]))


def columns(report: Any) -> dict[str, dict[str, Any]]:
    return {column["name"]: column for column in page_table.table(report)["columns"]}


def test_numbers_are_exact_in_the_smaller_type(tabled) -> None:
    result = columns(tabled(objective=[0.5, 0.25, 0.125], time_s=[0.1, 0.2, 0.3]))
    assert result["objective"]["values"]["dtype"] == "f4"
    assert decoded(result["objective"], "values").tolist() == [0.5, 0.25, 0.125]
    assert result["time_s"]["values"]["dtype"] == "f8", "0.1 is not a float32"
    assert decoded(result["time_s"], "values").tolist() == [0.1, 0.2, 0.3]


def test_few_levels_of_many_rows_are_codes(tabled) -> None:
    values = [0.1, 0.2, float("nan")] * 100
    column = columns(tabled(objective=[0.5] * 300, time_s=values))["time_s"]
    assert column["levels"] == [0.1, 0.2, None]
    assert decoded(column, "codes").tolist() == [0, 1, 2] * 100


def test_texts_and_commands_share_their_words(tabled) -> None:
    commands = ["python train.py seed=1", "python train.py seed=2"]
    result = columns(tabled(objective=[0.5, 0.6], command=commands, **{"model.name": ["tiny", None]}))
    assert result["model.name"]["levels"] == ["tiny", None]
    command = result["command"]
    assert command["words"] == ["python", "train.py", "seed=1", "seed=2"]
    assert decoded(command, "codes").tolist() == [0, 1, 2, 0, 1, 3]
    assert decoded(command, "sizes").tolist() == [3, 3]


def test_empty_columns_are_left_out(tabled) -> None:
    assert "time_s" not in columns(tabled(objective=[0.5, 0.6], time_s=[float("nan")] * 2))


@pytest.mark.parametrize(("num", "type_"), [(256, "u1"), (257, "u2"), (65536, "u2"), (65537, "i4")])
def test_codes_have_the_smallest_type(num: int, type_: str) -> None:
    assert page_table._smallest(num) == type_
