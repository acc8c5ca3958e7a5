"""Cells of a column without a plain value: words for a missing number or class, and lists."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from lab.core.errors import Mistake, RequestError

log = logging.getLogger(__name__)
MISSING_WORDS = ("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "-NaN", "nan", "-nan", "NULL",
                 "null", "None", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN")  # fmt: skip
"""Texts that stand for a missing number, the same as those of pandas."""


def require_plain_values(column: Any, key: str, name: str) -> Any:
    """Return the column. Raises RequestError for a column of a Parquet file whose cells are lists or records."""
    if column.dtype.kind == "O" and column.map(lambda cell: isinstance(cell, np.ndarray | list | dict)).any():
        raise RequestError(Mistake(key, f"column {name!r} contains lists or records", "a column of plain values", name))
    return column


def as_numbers_if_all_are(column: Any) -> Any:
    """Return a column of names as numbers, with missing words as gaps, if every other cell is a number."""
    missing = column.isin(MISSING_WORDS)
    if column.dtype.kind in "iufM" or not missing.any():
        return column
    numbers = pd.to_numeric(column.where(~missing), errors="coerce")
    return numbers if (numbers.isna() == (missing | column.isna())).all() else column


def without_missing_words(column: Any, name: str) -> Any:
    """Return a column of classes with missing words as gaps; warn if its other cells are words too."""
    column = as_numbers_if_all_are(column)
    missing = column.isin(MISSING_WORDS)
    if missing.any():
        words = ", ".join(sorted({str(word) for word in column[missing]}))
        log.warning("column %r: %d cells contain %s and are read as missing; rename a class of this name", name,
                    missing.sum(), words)  # fmt: skip
    return column.where(~missing)
