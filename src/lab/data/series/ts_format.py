"""`.ts` files of the UCR/UEA archive: a header of @-lines, then one case per line, `dimension:dimension:...:class`.

Dimensions are comma-separated values, `?` where one is missing; cases may differ in length (the format of
timeseriesclassification.com). Cost: about 1 s per 20 MB.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lab.core.errors import Mistake, RequestError
from lab.data.series.panel import Floats


@dataclass(frozen=True)
class Cases:
    """Cases of a file. values: (T, C) float32 per case, NaN where missing; labels: class name of each case."""

    values: list[Floats]
    labels: list[str]


def read_ts(path: Path, key: str) -> Cases:
    """Read a file. Raises RequestError, naming the line, for a file that is not in this format."""
    values: list[Floats] = []
    labels: list[str] = []
    in_data = False
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").split("\n"), 1):
        line = line.strip()
        if not line or line.startswith(("#", "%")):
            continue
        if not in_data:
            in_data = _header(line, path, key, number)
            continue
        try:
            case, label = _case(line)
            if values and case.shape[1] != values[0].shape[1]:
                raise ValueError(f"{case.shape[1]} dimensions, {values[0].shape[1]} in the lines before")
        except ValueError as error:
            raise RequestError(Mistake(key, f"line {number}: {error}", value=path)) from error
        values.append(case)
        labels.append(label)
    if not values:
        raise RequestError(Mistake(key, "contains no case after @data", "a .ts file of the UCR/UEA archive", path))
    return Cases(values, labels)


def _header(line: str, path: Path, key: str, number: int) -> bool:
    """Check a line of the header; return whether the data begin after it."""
    word, *rest = line.lower().split()
    if not word.startswith("@"):
        raise RequestError(Mistake(key, f"line {number} is before @data and does not begin with @", value=path))
    if word == "@timestamps" and rest[:1] == ["true"]:
        raise RequestError(Mistake(key, "has time stamps in its values, which are not read", "data=series_table", path))
    if word == "@targetlabel" or (word == "@classlabel" and rest[:1] == ["false"]):
        raise RequestError(Mistake(key, "has no classes (regression or clustering)", "a classification problem", path))
    return word == "@data"


def _case(line: str) -> tuple[Floats, str]:
    *dimensions, label = line.split(":")
    if not dimensions:
        raise ValueError("no ':' between values and class")
    if not label.strip():
        raise ValueError("the class is empty")
    rows = [np.array(dimension.replace("?", "nan").split(","), np.float32) for dimension in dimensions]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"dimensions of {', '.join(str(len(row)) for row in rows)} values in one case")
    case = np.stack(rows, 1)
    if np.isinf(case).any():
        raise ValueError("contains an infinite value, or one too large for single precision")
    return case, label.strip()
