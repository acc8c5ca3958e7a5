"""A long table (one row per time step and group) as a panel, or all of its mistakes at once.

Checks: columns exist and contain numbers; time stamps are readable, ordered, not repeated and at equal steps in each
group; no column is constant, empty or a copy. Nothing is repaired without a setting: `data.sort` sorts rows,
`data.resample` puts them on equal steps. Shapes: N rows, C columns, G groups.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.config.schema import Ahead, Table
from lab.core.batches import MISSING
from lab.core.errors import Mistake, RequestError, listed, refuse_if_any
from lab.data.label_encoder import class_order
from lab.data.readers.cell_values import as_numbers_if_all_are, require_plain_values, without_missing_words
from lab.data.readers.numeric import number_formats
from lab.data.readers.numeric.number_formats import NumberFormat
from lab.data.readers.numeric.numeric_files import TableFile, open_table, unreadable
from lab.data.readers.timestamps.calendar_steps import CalendarStep, parse_step
from lab.data.readers.timestamps.parsing import read_times, time_names
from lab.data.series.input_columns import input_columns
from lab.data.series.panel import Codes, Floats, Panel
from lab.data.series.sentinels import replace_by_nan, suspected
from lab.data.series.time_steps import (
    calendar_of,
    equal_steps,
    resampled,
    row_order,
    step_mistakes,
    usual_step,
    whole_seconds,
)

log = logging.getLogger(__name__)
MAX_DECIMAL_CLASSES = 20
"""Classes may have names like 0.5 or 1.5; more values with decimals than this are measurements."""


def read_panel(data: Table, new: bool = False) -> tuple[str, Panel]:
    """Return the file's name without ending, and its rows by group and time. Raises RequestError with all mistakes.

    new: rows of a trained model, which may lack the label column and may have columns of one value; `data.features`
    must be given.
    """
    names = [data.group, None if isinstance(data.label, Ahead) else data.label]
    file = open_table(data, [name for name in names if name is not None])
    if new and isinstance(data.label, str) and data.label not in file.names:
        assert data.features, "the input columns of a trained model are known"
        data = data.model_copy(update={"label": Ahead(feature=data.features[0], horizon=1, threshold=0.0)})
    features = input_columns(file, data)
    mistakes: list[Mistake] = []
    path = Path(data.path)
    try:
        times = read_times([file.take(name) for name in time_names(data)], data, mistakes)
        groups, of_row = _groups(file, data, len(times))
        codes, classes = _classes(file, data)
        values = _values(file, features, len(times), data, mistakes)
    except OSError as error:  # a column of a Parquet file is read when it is taken
        raise unreadable(path, error) from error
    refuse_if_any(mistakes)  # the rest needs numbers and times
    for line in suspected(values, features, data.missing_markers):
        log.warning("%s", line)
    order = row_order(times, of_row, data.sort, groups)
    if order is not None:
        times, of_row, values = times[order], of_row[order], values[order]
        codes = None if codes is None else codes[order]
    times = whole_seconds(times, of_row)
    starts = np.searchsorted(of_row, np.arange(len(groups) + 1, dtype=of_row.dtype)).astype(np.int64)
    if data.resample is not None:
        times, starts, values, codes = resampled(times, starts, values, codes, data.resample)
    equal = data.step == "time" and (data.resample is None or not isinstance(parse_step(data.resample), CalendarStep))
    calendar = "" if not equal or equal_steps(times, starts) else calendar_of(times, starts)
    mistakes = list(step_mistakes(times, starts, groups, equal and not calendar))
    mistakes += [] if new else _uninformative(values, features)
    refuse_if_any(mistakes)
    if calendar:
        log.info("steps are calendar steps: %s", calendar)
    step = usual_step(times, starts) if len(times) > len(groups) else np.timedelta64(1_000_000, "us")
    kept = None if equal and not calendar else times
    panel = Panel(tuple(features), values, groups, starts, times[starts[:-1]], step, codes, classes, kept)
    return path.name.split(".")[0], panel


def _groups(file: TableFile, data: Table, num_rows: int) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """Group names in order, and the number of each row's group."""
    if data.group is None:
        return ("",), np.zeros(num_rows, np.int32)
    column = as_numbers_if_all_are(require_plain_values(file.take(data.group), "data.group", data.group))
    empty = np.flatnonzero(column.isna().to_numpy())
    if len(empty):
        problem = f"column {data.group!r} is empty in rows {_some(empty)}"
        raise RequestError(Mistake("data.group", problem, "give each row its group", data.group))
    codes, names = pd.factorize(_stripped(column, data.group))
    texts = [str(name) for name in names]
    order = class_order(texts)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return tuple(texts[at] for at in order), place[codes]


def _stripped(column: Any, name: str) -> Any:
    """Names of groups without the invisible spaces around them; changed names are logged."""
    if column.dtype.kind in "iufbM":
        return column
    texts = column.astype("string").str.strip()
    changed = sorted({str(cell) for cell in column[(texts != column).to_numpy(dtype=bool)].unique()})
    if changed:
        log.warning("column %r: spaces around names of groups are ignored: %s", name, listed(list(map(repr, changed))))
    return texts


def _classes(file: TableFile, data: Table) -> tuple[Codes | None, tuple[str, ...]]:
    """The class of each row if labels are a column, and the class names in order."""
    if isinstance(data.label, Ahead):
        return None, ()
    column = require_plain_values(file.take(data.label), "data.label", data.label)
    column = without_missing_words(column, data.label)
    column = column.where(~_is_marker(column, data))
    known = ~column.isna().to_numpy()
    whole = column.dtype.kind == "f" and bool((column[known] % 1 == 0).all())
    names = column[known].astype(np.int64 if whole else object).astype(str).str.strip()
    codes = np.full(len(column), MISSING, np.int16)
    places, distinct = pd.factorize(names)
    if column.dtype.kind == "f" and not whole and len(distinct) > MAX_DECIMAL_CLASSES:
        problem = f"contains measurements, not classes: {len(distinct)} values such as {names.iloc[0]}"
        rule = f"'data.label={{feature: {data.label}, horizon: 1, threshold: {float(column.median()):g}}}'"
        raise RequestError(Mistake("data.label", problem, rule, data.label))
    if len(distinct) > 1000:
        problem = f"has {len(distinct)} different values, too many for classes"
        raise RequestError(
            Mistake("data.label", problem, "a rule: '{feature: rain, horizon: 1, threshold: 1.0}'", data.label)
        )
    order = class_order([str(name) for name in distinct])
    place = np.empty(len(distinct), np.int16)
    place[order] = np.arange(len(distinct))
    codes[known] = place[places]
    return codes, tuple(str(distinct[at]) for at in order)


def _is_marker(column: Any, data: Table) -> npt.NDArray[np.bool_]:
    """(N,) cells of a label column that are one of `data.missing_markers`, numbers compared by value."""
    if column.dtype.kind not in "iuf":
        return np.asarray(column.astype("string").str.strip().isin(data.missing_markers).fillna(value=False), np.bool_)
    return np.asarray(column.isin(_missing_numbers(data)), np.bool_)


def _missing_numbers(data: Table) -> list[float]:
    """The markers of `data.missing_markers` that are numbers."""
    numbers = [NumberFormat().number(text) for text in data.missing_markers]
    return [number for number in numbers if number is not None and np.isfinite(number)]


def _values(file: TableFile, features: Sequence[str], num_rows: int, data: Table, mistakes: list[Mistake]) -> Floats:
    """(N, C) float32, read in pieces of a column; infinite values are a mistake."""
    values = np.empty((num_rows, len(features)), np.float32)
    number_format, missing = NumberFormat.of(data), _missing_numbers(data)
    words: dict[str, list[Any]] = {}
    rows: dict[str, list[int]] = {}
    for place, name in enumerate(features):
        start, infinite = 0, [np.empty(0, np.int64)]
        for column in file.parts(name):
            part = values[start : start + len(column), place]
            if column.dtype.kind in "iufb":
                part[:] = column.to_numpy(dtype=np.float32, na_value=np.nan, copy=False)
            else:
                part[:], wrong = number_formats.numbers(column, number_format)
                if len(wrong):
                    words.setdefault(name, []).append(column)
                    rows.setdefault(name, []).extend((wrong + start).tolist())
            replace_by_nan(part, missing)
            infinite.append(np.flatnonzero(np.isinf(part)) + start)
            start += len(column)
        if len(at := np.concatenate(infinite)):
            mistakes.append(Mistake("data.features", f"column {name!r} is infinite in rows {_some(at)}", value=name))
    mistakes += _words(
        {name: pd.concat(parts) for name, parts in words.items()}, rows, number_format, file.has_fractions
    )
    return values


def _words(
    columns: dict[str, Any], rows: dict[str, list[int]], number_format: NumberFormat, has_fractions: bool
) -> Iterator[Mistake]:
    """Requested columns with cells that are not numbers, each with the setting that reads it."""
    unread = number_formats.unread_numbers(columns, number_format, has_fractions)
    remedies = {column.name: column.remedy for column in unread}
    for name, column in columns.items():
        first = column.iloc[int(number_formats.numbers(column, number_format)[1][0])]
        problem = f"column {name!r} contains {first!r} in rows {_some(rows[name])}, which is not a number"
        remedy = remedies.get(name) or "leave it out of data.features, or correct the file"
        yield Mistake("data.features", problem, remedy, name)


def _uninformative(values: Floats, features: Sequence[str]) -> "list[Mistake]":
    """Columns without a value, with a single value, or equal to another column."""
    empty: list[str] = []
    constant: list[str] = []
    copies: list[str] = []
    seen: dict[tuple[float, float, float], int] = {}
    for place, name in enumerate(features):
        column = values[:, place]
        low, high = (np.nan, np.nan) if np.isnan(column).all() else (np.nanmin(column), np.nanmax(column))
        if np.isnan(low):
            empty.append(name)
        elif low == high:
            constant.append(name)
        else:
            twin = seen.setdefault((float(low), float(high), float(np.nansum(column[:1000], dtype=np.float64))), place)
            if twin != place and np.array_equal(values[:, twin], column, equal_nan=True):
                copies.append(f"{name} (of {features[twin]})")
    kinds = {"contains no value at all": empty, "has one value in all rows": constant, "is a copy": copies}
    left_out = {*empty, *constant, *(copy.split(" (of ")[0] for copy in copies)}
    rest = ",".join(name for name in features if name not in left_out)
    return [
        Mistake("data.features", f"column {listed(names)} {problem}",
                f"'data.features=[{rest}]'" if rest else "a table with more information, or a shorter data.resample")
        for problem, names in kinds.items() if names
    ]  # fmt: skip


def _some(rows: "npt.NDArray[np.integer] | list[int]") -> str:
    """`3, 17 and 5 more`, counted from 0 without the header."""
    return listed([str(int(row)) for row in rows[:4000]], 3)
