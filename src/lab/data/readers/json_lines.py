"""JSON lines as an Arrow stream of strings; converted here, because Arrow's reader rewrites numbers and dates.

Cost: some 5 s per million rows.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lab.data.readers.raw_text import open_text

_HEAD_LINES, _LINES = 1000, 10_000

Numbered = tuple[int, dict[str, Any]]
"""A line's number, counted from 1, and its object."""
Kinds = dict[str, dict[str, int]]
"""Of each column, the first line with true or false (`switch`), and with another value (`other`)."""


def write_json_lines(path: Path, encoding: str, target: Path) -> Kinds:
    """Columns are the keys of the first 1,000 lines; others are left out. Raises ValueError naming a line that is no
    object or holds half of a character."""
    kinds: Kinds = {}
    with open_text(path, encoding) as file:
        rows = _parsed(file)
        head = list(itertools.islice(rows, _HEAD_LINES))
        schema = pa.schema([(name, pa.string()) for name in dict.fromkeys(key for _, row in head for key in row)])
        with pa.ipc.new_stream(target, schema) as writer:
            rest = itertools.chain(head, rows)
            while some := list(itertools.islice(rest, _LINES)):
                columns = [_column(name, some, kinds.setdefault(name, {})) for name in schema.names]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return kinds


def _parsed(lines: Iterator[str]) -> Iterator[Numbered]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is not JSON ({error.msg}); one object a line is expected") from None
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is not a JSON object; one object a line is expected")
        yield number, row


def _column(name: str, rows: Sequence[Numbered], first: dict[str, int]) -> Any:
    """A column as a string array. first: the first lines of its kinds, which is added to."""
    values = [row.get(name) for _, row in rows]
    present = set(map(type, values)) - {type(None)}
    for kind, types in (("switch", present & {bool}), ("other", present - {bool})):
        if types and kind not in first:
            first[kind] = next(number for (number, _), value in zip(rows, values, strict=True) if type(value) in types)
    cells = values if present <= {str} else [_cell(value) for value in values]
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        number = next(
            number
            for (number, _), cell in zip(rows, cells, strict=True)
            if cell and any("\ud800" <= c <= "\udfff" for c in cell)
        )
        raise ValueError(f"line {number} holds half of a character, which is no text") from None


def _cell(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
