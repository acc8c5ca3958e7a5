"""Columns of a source are checked in every split before a row is read."""

import pyarrow as pa
import pytest

from lab.core.errors import RequestError
from lab.data.readers.text_table import Table
from lab.data.text.label_survey import Columns
from lab.data.text.sources.base import ALL, Source, with_checked_columns

WHOLE = Table(pa.table({"text": ["a"], "cause": ["x"]}))


def test_a_source_whose_tables_have_the_columns_is_returned() -> None:
    source = Source("notices.csv", {ALL: WHOLE}, Columns(("text",), ("cause",)))
    assert with_checked_columns(source) is source


def test_missing_columns_of_all_splits_are_named_with_their_split() -> None:
    part = Table(pa.table({"texto": ["a"], "cause": ["x"]}))
    source = Source("notices", {"train": WHOLE, "val": part, "test": part}, Columns(("text",), ("cause",)))
    with pytest.raises(RequestError) as caught:
        with_checked_columns(source)
    problems = [mistake.problem for mistake in caught.value.mistakes]
    assert len(problems) == 2
    assert "the val split of notices" in problems[0]
    assert "the test split of notices" in problems[1]
    assert "texto" in caught.value.mistakes[0].remedy
