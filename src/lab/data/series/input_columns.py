"""The input columns of a long table, and the mistakes of columns that were requested or are almost inputs."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lab.config.schema import Ahead, Table
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers.numeric.number_formats import NumberFormat, UnreadNumbers, unread_numbers
from lab.data.readers.numeric.numeric_files import TableFile
from lab.data.readers.timestamps.parsing import time_names

log = logging.getLogger(__name__)
COUNTERS = re.compile(r"Unnamed: \d+|__index_level_\d+__|")
"""Names of the row counter that pandas writes by default: it is an input only if data.features names it."""
FEW = 0.1
"""A column with at most this share of cells that are not numbers was meant as an input: leaving it out is a mistake."""


def input_columns(file: TableFile, data: Table) -> list[str]:
    """Return the names of the input columns. Columns of numbers with many other cells are left out with a warning.

    Raises RequestError naming every requested column that does not exist or does not hold numbers, and every column
    that only a few cells keep from being an input.
    """
    own = {*time_names(data), data.group, None if isinstance(data.label, Ahead) else data.label}
    counted = [name for name in file.numbers if name not in own and not COUNTERS.fullmatch(name)]
    chosen = list(data.features) if data.features is not None else counted
    texts = {name: column for name, column in file.texts().items() if name not in own}
    unread = {column.name: column for column in unread_numbers(texts, NumberFormat.of(data), file.has_fractions)}
    mistakes = [*_other_decimals(unread, data), *_absent(file, data, chosen, unread)]
    if data.features is None:
        mistakes += list(_left_out(unread, data, chosen))
        words = [name for name in texts if name not in unread]
        if words:
            log.info("not inputs, since they do not hold numbers: %s", listed(words))
    if not chosen and not mistakes:
        mistakes.append(Mistake("data.features", "the file has no column of numbers to learn from", value=data.path))
    if isinstance(data.label, str) and data.label in chosen:
        problem = f"{data.label!r} is also an input: a model that reads its label learns nothing"
        mistakes.append(Mistake("data.features", problem, "leave it out of data.features", data.label))
    if mistakes:
        raise RequestError(mistakes)
    return chosen


def _other_decimals(unread: Mapping[str, UnreadNumbers], data: Table) -> Iterator[Mistake]:
    """Columns of the file, inputs or not, that another decimal mark reads as a whole."""
    columns = [column for column in unread.values() if column.decimal and column.share == 1]
    if columns:
        mark = "comma" if data.decimal == "." else "point"
        names = listed([column.name for column in columns])
        problem = f"{Path(data.path).name} writes the numbers of {names} with a {mark}"
        yield Mistake("data.decimal", problem, columns[0].remedy, data.decimal)


def _absent(
    file: TableFile, data: Table, chosen: Sequence[str], unread: Mapping[str, UnreadNumbers]
) -> Iterator[Mistake]:
    """Requested columns that do not exist or are not inputs."""
    rule = data.label if isinstance(data.label, Ahead) else None
    requested: dict[str, Sequence[str | None]] = {
        "data.time": time_names(data), "data.group": [data.group], "data.features": chosen, "data.log1p": data.log1p,
        "data.label": [None if isinstance(data.label, Ahead) else data.label],
        "data.label.feature": [rule.feature if rule else None],
    }  # fmt: skip
    for key, names in requested.items():
        for name in [name for name in names if name is not None]:
            if name not in file.names:
                close = nearest(name, file.names)
                problem = f"no column of this name; the file has {listed(file.names)}"
                corrected = [close if other == name else other for other in names] if len(names) > 1 else close
                yield Mistake(key, problem, quoted(key, corrected) if close else "", name)
            elif name in chosen or key not in ("data.log1p", "data.label.feature"):
                continue
            elif name in unread and data.features is None:
                yield _words(unread[name], key, _remedy(unread[name], data, chosen))
            else:
                yield Mistake(key, f"is not among the input columns {listed(chosen)}",
                              quoted("data.features", [*chosen, name]), name)  # fmt: skip


def _left_out(unread: Mapping[str, UnreadNumbers], data: Table, chosen: Sequence[str]) -> Iterator[Mistake]:
    """Columns that the request does not name: a mistake if a few cells keep one from being an input, else a warning."""
    reported = {*data.log1p, data.label.feature if isinstance(data.label, Ahead) else None}
    for name, column in unread.items():
        if name in reported or (column.decimal and column.share == 1):
            continue
        if column.share <= FEW:
            yield _words(column, "data.features", _remedy(column, data, chosen))
        else:
            log.warning("column %r is NO INPUT: %.0f%% of its cells are not numbers in this format (%r in row %d); "
                        "to read it: %s", name, 100 * column.share, column.word, column.row,
                        column.remedy or "correct the file")  # fmt: skip


def _words(column: UnreadNumbers, key: str, remedy: str) -> Mistake:
    problem = (
        f"column {column.name!r} contains {column.word!r} in row {column.row} and is otherwise a column of numbers"
    )
    return Mistake(key, problem, remedy, column.name)


def _remedy(column: UnreadNumbers, data: Table, chosen: Sequence[str]) -> str:
    """Settings that read a column or leave it out."""
    needed = isinstance(data.label, Ahead) and column.name == data.label.feature
    without = f"{quoted('data.features', list(chosen))} to leave it out" if chosen and not needed else ""
    return ", or ".join(part for part in (column.remedy or "correct the file", without) if part)
