"""Label columns whose cells hold several labels, and the columns that such a one becomes: one per label, 0 and 1.

Why: heads have one class a row, so each set of labels would be a class of its own, most of them with a row or two.
Sets are lists (of Parquet, of JSON, as Python writes them) or text with a separator. Cost: a pass over the column.
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
from lab.data.readers.text_table import Rows, Table
from lab.data.text.label_survey import class_order
from lab.data.text.text_columns import known

log = logging.getLogger(__name__)
SUPPORT = 3
"""A label in fewer rows becomes no column: its class would hardly be in every split."""
MOST = 500
"""Columns that one column of sets becomes, at most."""
_SEPARATORS = "|;,"
_AS_CLASSES = "data.split_labels=[] to take each set as a class"
_MOST_LOOKED_AT = 10_000
"""Different values of a column."""
_LONGEST_LIST = 10_000
"""Characters of a cell that is looked at as a list."""


def as_list(cell: str) -> list[str] | None:
    """A cell that is a list as JSON or Python writes it; None for anything else.

    >>> as_list('["a", 1]'), as_list("['a', 'b']"), as_list("[sin dato]"), as_list("a|b")
    (['a', '1'], ['a', 'b'], None, None)
    """
    trimmed = cell.strip()
    if not (trimmed.startswith("[") and trimmed.endswith("]")) or len(trimmed) > _LONGEST_LIST:
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(trimmed)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return [str(one) for one in found] if isinstance(found, list) else None
    return None


def is_object(cell: str) -> bool:
    """Whether a cell is a JSON object."""
    if not cell.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(cell), dict)
    except (ValueError, RecursionError):
        return False


def labels_in(cell: str, separator: str) -> tuple[str, ...]:
    """The labels of a cell, trimmed, each once; none in an empty list.

    >>> labels_in(" b | a|b", "|"), labels_in("[]", "|"), labels_in("a", "|")
    (('b', 'a'), (), ('a',))
    """
    pieces = as_list(cell)
    pieces = cell.split(separator) if pieces is None else pieces
    return tuple(dict.fromkeys(piece.strip() for piece in pieces if piece.strip()))


def separator_of(names: Sequence[str]) -> str | None:
    """The sign that parts the labels of sets, where the values of a column are such.

    Of half of the values with the sign every part stands alone in other rows, or (but for the comma, which names have)
    half of the parts behind one stand in front of one, too: the levels of a path (pump|seal) do neither.

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
    """Label columns that hold sets or objects. values: the different values of each."""
    values = {head: names[:_MOST_LOOKED_AT] for head, names in values.items()}
    objects = {head: name for head, names in values.items() for name in names[::-1] if is_object(name)}
    mistakes = [
        Mistake("data.labels", f"holds JSON objects ({name[:60]})", "a column of plain values", head)
        for head, name in objects.items()
    ]
    lists = {head: found for head, names in values.items() if (found := [name for name in names if as_list(name)])}
    marks = {head: mark for head, names in values.items() if head not in lists and (mark := separator_of(names))}
    sets = [head for head in values if head in lists or head in marks]
    for head in sets:
        shown = lists[head][0] if head in lists else next(name for name in values[head] if marks[head] in name)
        mistakes.append(sets_of_labels(head, repr(shown[:60]), sets, marks.get(head, "|")))
    return mistakes


def sets_of_labels(head: str, shown: str, heads: Sequence[str], separator: str = "|") -> Mistake:
    """The mistake of a label column with sets. heads: every such column of the request."""
    problem = f"holds sets of labels ({shown}), and a head has one class a row: label sets are one column per label"
    ways = quoted("data.split_labels", list(heads))
    if separator != "|":
        ways += f" {quoted('data.label_separator', separator)}"
    return Mistake("data.labels", problem, f"{ways}, which makes these columns, or {_AS_CLASSES}", head)


@dataclass(frozen=True)
class SplitTable(Table):
    """A table with columns made of sets of labels: "1" where the cell holds the label, "0" where it does not.

    made: the set column and the label of each. A cell that is missing is missing in each of them.
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
        found = dict(cells)
        for column in dict.fromkeys(column for column, _ in self.made.values()):
            coded = pc.dictionary_encode(known(cells[column], self.missing))
            sets = [frozenset(labels_in(cell, self.separator)) for cell in coded.dictionary.to_pylist()]
            for name, (source, label) in self.made.items():
                if source == column:
                    values = pa.array([str(int(label in held)) for held in sets], pa.string())
                    found[name] = values.take(coded.indices)
        return found


def split_tables(
    tables: Mapping[str, Table], column: str, separator: str, missing: tuple[str, ...]
) -> dict[str, SplitTable]:
    """The tables with a column per label of `column`. Raises RequestError where there are too many, or names clash."""
    counts: Counter[str] = Counter()
    for table in tables.values():
        for batch in table.narrow([column]).batches():
            for cell in known(batch[column], missing).drop_null().to_pylist():
                counts.update(labels_in(cell, separator))
    kept = [label for label, count in counts.items() if count >= SUPPORT]
    if rare := [label for label in counts if counts[label] < SUPPORT]:
        log.warning("%s: %d labels in fewer than %d rows become no column: %s", column, len(rare), SUPPORT,
                    listed(rare))  # fmt: skip
    labels = [kept[place] for place in class_order(kept)]
    made = {f"{column}_{label}": (column, label) for label in labels}
    if not 0 < len(made) <= MOST:
        problem = f"holds {len(kept)} labels that are in {SUPPORT} rows and more; from 1 to {MOST} can become columns"
        raise RequestError(Mistake("data.split_labels", problem, _AS_CLASSES, column))
    if taken := sorted(set(made) & {name for table in tables.values() for name in table.columns}):
        problem = f"would make columns that are there already: {listed(taken)}"
        raise RequestError(Mistake("data.split_labels", problem, "rename those in the file", column))
    return {split: _with(table, made, separator, missing) for split, table in tables.items()}


def _with(table: Table, made: Mapping[str, tuple[str, str]], separator: str, missing: tuple[str, ...]) -> SplitTable:
    others = table.made if isinstance(table, SplitTable) else {}
    return SplitTable(
        table.data, table.class_names, table.repeated, made={**others, **made}, separator=separator, missing=missing
    )
