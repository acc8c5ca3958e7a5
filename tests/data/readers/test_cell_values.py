"""Words for a missing value are gaps where all other cells are numbers; lists and records are refused."""

import numpy as np
import pandas as pd
import pytest

from lab.core.errors import RequestError
from lab.data.readers.cell_values import as_numbers_if_all_are, require_plain_values, without_missing_words


def test_a_column_of_numbers_and_missing_words_is_one_of_numbers() -> None:
    numbers = as_numbers_if_all_are(pd.Series(["1", "NA", "2.5", ""]))
    assert numbers.dtype.kind == "f"
    assert numbers.isna().tolist() == [False, True, False, True]
    names = pd.Series(["1", "NA", "north"])
    assert as_numbers_if_all_are(names) is names, "one cell is a word"


def test_a_class_that_is_called_like_a_missing_word_is_named(caplog: pytest.LogCaptureFixture) -> None:
    classes = without_missing_words(pd.Series(["rain", "None", "dry", "None"]), "weather")
    assert classes.isna().tolist() == [False, True, False, True]
    assert "column 'weather': 2 cells contain None" in caplog.text


def test_lists_in_cells_are_refused_by_the_key() -> None:
    plain = pd.Series(["a", "b"])
    assert require_plain_values(plain, "data.text", "t") is plain
    with pytest.raises(RequestError, match="column 't' contains lists or records") as caught:
        require_plain_values(pd.Series([np.array([1]), np.array([2])]), "data.text", "t")
    assert caught.value.mistakes[0].key == "data.text"
