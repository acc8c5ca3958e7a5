"""Label columns whose cells hold several labels, and the columns of 0 and 1 that replace them, one per label.

Why: a head has one class per row, so each set of labels would become a class, mostly of one or two rows. Sets are
lists (in Parquet, in JSON, as Python writes them) or texts with a separator. Cost: one pass over the column.
"""

import ast
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lab.core.errors import Mistake, RequestError, listed
from lab.core.hydra_quoting import quoted
from lab.data.label_encoder import class_order
from lab.data.readers.text_table import Rows, Table
from lab.data.text.text_columns import without_markers

log = logging.getLogger(__name__)
MIN_ROWS = 3
"""A label in fewer rows does not become a column: its class would hardly be in every split."""
MAX_COLUMNS = 500
"""Largest number of columns that replace one column of sets."""
_SEPARATORS = "|;,"
_AS_CLASSES = "data.split_labels=[] to take each set as a class"
_MAX_VALUES = 10_000
"""Number of distinct values of a column that are examined."""
_MAX_LIST_LENGTH = 10_000
"""Characters of a cell that is parsed as a list."""


def as_list(cell: str) -> list[str] | None:
    """Return the items of a cell that is a list in the syntax of JSON or Python; None for any other cell.

    >>> as_list('["a", 1]'), as_list("['a', 'b']"), as_list("[sin dato]"), as_list("a|b")
    (['a', '1'], ['a', 'b'], None, None)
    """
    trimmed = cell.strip()
    if not (trimmed.startswith("[") and trimmed.endswith("]")) or len(trimmed) > _MAX_LIST_LENGTH:
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(trimmed)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return [str(item) for item in value] if isinstance(value, list) else None
    return None


def is_object(cell: str) -> bool:
    """Return whether a cell is a JSON object."""
    if not cell.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(cell), dict)
    except (ValueError, RecursionError):
        return False


def labels_in(cell: str, separator: str) -> tuple[str, ...]:
    """Return the labels of a cell, trimmed, each once; none for an empty list.

    >>> labels_in(" b | a|b", "|"), labels_in("[]", "|"), labels_in("a", "|")
    (('b', 'a'), (), ('a',))
    """
    pieces = as_list(cell)
    pieces = cell.split(separator) if pieces is None else pieces
    return tuple(dict.fromkeys(piece.strip() for piece in pieces if piece.strip()))


def separator_of(names: Sequence[str]) -> str | None:
    """Return the separator of labels if the distinct values of a column are sets of labels; else None.

    Values are sets if, in half of the values with the separator, every part is also a value by itself, or (not for the
    comma, which occurs in names) if half of the parts after a separator also occur before one. The levels of a path
    (pump|seal) do neither.

    >>> separator_of(["a|b", "b", "c|a"]), separator_of(["pump|seal", "pump|shaft"]), separator_of(["yes, often", "no"])
    ('|', None, None)
    """
    for separator in _SEPARATORS:
        cells = [[piece.strip() for piece in name.split(separator)] for name in names]
        several = [pieces for pieces in cells if len(pieces) > 1]
        if not several:
            continue
        alone = {pieces[0] for pieces in cells if len(pieces) == 1}
        if 2 * sum(alone.issuperset(pieces) for pieces in several) >= len(several):
            return separator
        behind = {piece for pieces in several for piece in pieces[1:]}
        if separator in "|;" and 2 * len(behind & {pieces[0] for pieces in cells}) >= len(behind):
            return separator
    return None


def wrong_forms(values: Mapping[str, Sequence[str]]) -> list[Mistake]:
    """Return the mistakes of label columns that hold sets or objects. values: the distinct values of each column."""
    values = {head: names[:_MAX_VALUES] for head, names in values.items()}
    objects = {head: name for head, names in values.items() for name in names[::-1] if is_object(name)}
    mistakes = [
        Mistake("data.labels", f"contains JSON objects ({name[:60]})", "a column of plain values", head)
        for head, name in objects.items()
    ]
    lists = {head: cells for head, names in values.items() if (cells := [name for name in names if as_list(name)])}
    marks = {head: mark for head, names in values.items() if head not in lists and (mark := separator_of(names))}
    sets = [head for head in values if head in lists or head in marks]
    for head in sets:
        example = lists[head][0] if head in lists else next(name for name in values[head] if marks[head] in name)
        mistakes.append(label_set_mistake(head, repr(example[:60]), sets, marks.get(head, "|")))
    return mistakes


def label_set_mistake(head: str, example: str, heads: Sequence[str], separator: str = "|") -> Mistake:
    """Return the mistake of a label column with sets. heads: every such column of the request."""
    problem = (
        f"contains sets of labels ({example}), but a head has one class per row: label sets need a column per label"
    )
    ways = quoted("data.split_labels", list(heads))
    if separator != "|":
        ways += f" {quoted('data.label_separator', separator)}"
    return Mistake("data.labels", problem, f"{ways}, which makes these columns, or {_AS_CLASSES}", head)


@dataclass(frozen=True)
class SplitTable(Table):
    """A table with columns made from sets of labels: "1" where the cell contains the label, "0" where it does not.

    made: for each new column, its set column and its label. A missing cell is missing in each new column.
    """

    made: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    separator: str = "|"
    missing: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        return [*super().columns, *self.made]

    def kind(self, column: str) -> Any:
        return pa.string() if column in self.made else super().kind(column)

    def narrow(self, columns: Sequence[str]) -> "SplitTable":
        made = {name: self.made[name] for name in columns if name in self.made}
        needed = [self.made[name][0] if name in self.made else name for name in columns]
        narrowed = super().narrow(needed)
        return SplitTable(
            narrowed.data, narrowed.class_names, made=made, separator=self.separator, missing=self.missing
        )

    def read(self, rows: Rows | slice) -> dict[str, Any]:
        cells = super().read(rows)
        result = dict(cells)
        for column in dict.fromkeys(column for column, _ in self.made.values()):
            coded = pc.dictionary_encode(without_markers(cells[column], self.missing))
            sets = [frozenset(labels_in(cell, self.separator)) for cell in coded.dictionary.to_pylist()]
            for name, (source, label) in self.made.items():
                if source == column:
                    values = pa.array([str(int(label in labels)) for labels in sets], pa.string())
                    result[name] = values.take(coded.indices)
        return result


def split_tables(
    tables: Mapping[str, Table], column: str, separator: str, missing: tuple[str, ...]
) -> dict[str, SplitTable]:
    """Return the tables with a column per label of `column`. Raises RequestError for too many labels and for name
    clashes."""
    counts: Counter[str] = Counter()
    for table in tables.values():
        for batch in table.narrow([column]).batches():
            for cell in without_markers(batch[column], missing).drop_null().to_pylist():
                counts.update(labels_in(cell, separator))
    kept = [label for label, count in counts.items() if count >= MIN_ROWS]
    if rare := [label for label in counts if counts[label] < MIN_ROWS]:
        log.warning("%s: %d labels in fewer than %d rows do not become columns: %s", column, len(rare), MIN_ROWS,
                    listed(rare))  # fmt: skip
    labels = [kept[place] for place in class_order(kept)]
    made = {f"{column}_{label}": (column, label) for label in labels}
    if not 0 < len(made) <= MAX_COLUMNS:
        problem = f"contains {len(kept)} labels with {MIN_ROWS} rows or more; 1 to {MAX_COLUMNS} can become columns"
        raise RequestError(Mistake("data.split_labels", problem, _AS_CLASSES, column))
    if taken := sorted(set(made) & {name for table in tables.values() for name in table.columns}):
        problem = f"would make columns that already exist: {listed(taken)}"
        raise RequestError(Mistake("data.split_labels", problem, "rename those in the file", column))
    return {split: _with(table, made, separator, missing) for split, table in tables.items()}


def _with(table: Table, made: Mapping[str, tuple[str, str]], separator: str, missing: tuple[str, ...]) -> SplitTable:
    others = table.made if isinstance(table, SplitTable) else {}
    return SplitTable(
        table.data, table.class_names, table.repeated, made={**others, **made}, separator=separator, missing=missing
    )
