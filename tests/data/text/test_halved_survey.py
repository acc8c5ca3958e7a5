"""Two processes survey what one surveys."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lab.data.label_encoder import LabelEncoder
from lab.data.readers.text_table import Table
from lab.data.text import halved_survey
from lab.data.text.halved_survey import whole_survey
from lab.data.text.label_survey import Columns, survey


def table(num: int) -> Table:
    """Rows with missing cells, a repeated header, classes that begin late, and a text that is its label."""
    random = np.random.default_rng(0)
    rows = [
        {
            "text": None if place % 11 == 0 else "c3" if place % 17 == 0 else f"Aviso número {random.integers(num)}",
            "mode": "nan" if place % 5 == 0 else f"m{random.integers(1 + 8 * place // num)}",
            "cause": f"c{place % 7}",
            "plant": f"p{place % 13}" if place % 3 else None,
        }
        for place in range(num)
    ]
    rows[num - 3] = {name: name for name in rows[0]}
    return Table(pa.Table.from_pylist(rows))


@pytest.mark.parametrize("group", [None, "plant"])
def test_it_is_the_survey_of_one_process(group: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows, columns = table(601), Columns(("text",), ("mode", "cause"), group, missing=("nan",))
    one = {"mode": LabelEncoder(["m7"]), "cause": LabelEncoder()}
    expected = survey(rows, columns, one)
    monkeypatch.setattr(halved_survey, "HALVED", 100)
    monkeypatch.setattr(halved_survey, "is_possible", lambda: True)
    two = {"mode": LabelEncoder(["m7"]), "cause": LabelEncoder()}
    found = whole_survey(rows, columns, two)
    assert {head: encoder.names for head, encoder in two.items()} == {
        head: encoder.names for head, encoder in one.items()
    }
    assert expected.headers == 1
    assert sum(expected.copies.values()) > 0
    for field in fields(expected):
        assert_same(getattr(found, field.name), getattr(expected, field.name))


def assert_same(found: object, expected: object) -> None:
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert list(found) == list(expected)
        for key, each in expected.items():
            assert_same(found[key], each)
    elif isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray)
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected)
    else:
        assert found == expected
