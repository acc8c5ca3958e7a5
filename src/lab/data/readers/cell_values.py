"""Cells of a column that say nothing: gaps by name, words among numbers, lists where plain values are read."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from lab.core.errors import Mistake, RequestError

log = logging.getLogger(__name__)
GAPS = ("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "-NaN", "nan", "-nan", "NULL", "null", "None",
        "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN")  # fmt: skip
"""Texts that stand for a missing number, as pandas reads them."""


def plain(column: Any, key: str, name: str) -> Any:
    """Raises RequestError for a column of Parquet whose cells are lists or records."""
    if column.dtype.kind == "O" and column.map(lambda cell: isinstance(cell, np.ndarray | list | dict)).any():
        raise RequestError(Mistake(key, f"column {name!r} holds lists or records", "a column of plain values", name))
    return column


def numbered(column: Any) -> Any:
    """A column of names; where all of them are numbers, words that stand for a missing number are gaps."""
    said = column.isin(GAPS)
    if column.dtype.kind in "iufM" or not said.any():
        return column
    numbers = pd.to_numeric(column.where(~said), errors="coerce")
    return numbers if (numbers.isna() == (said | column.isna())).all() else column


def without_gaps(column: Any, name: str) -> Any:
    """A column of classes: words that stand for what is missing are gaps; where others are words, too, it is told."""
    column = numbered(column)
    said = column.isin(GAPS)
    if said.any():
        words = ", ".join(sorted({str(word) for word in column[said]}))
        log.warning("column %r: %d cells say %s: missing; rename it where it is a class", name, said.sum(), words)
    return column.where(~said)
