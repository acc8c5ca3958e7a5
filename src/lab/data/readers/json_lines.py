"""JSON lines as an Arrow stream of strings. Arrow's own reader is not used because it rewrites numbers and dates.

Cost: about 5 s per million rows.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lab.data.readers.file_bytes import open_text
from lab.data.readers.row_file import RowFile

_HEAD_LINES, _BATCH_LINES = 1000, 10_000

Numbered = tuple[int, dict[str, Any]]
"""A line's number, counted from 1, and its object."""
Kinds = dict[str, dict[str, int]]
"""For each column: the first line with true or false (`switch`) and the first line with another value (`other`)."""


class JsonLinesFile(RowFile):
    """A file with one JSON object per line. Its columns are the keys of the first 1,000 lines; other keys are left out.

    `write_rows` raises ValueError with the number of a line that is not an object or contains half of a character.
    """

    read_settings = ("encoding",)

    def head(self, num: int) -> dict[str, list[str | None]]:
        with open_text(self.path, self.settings.encoding) as file:
            rows = list(itertools.islice(parsed(file), num))
        return {
            name: column(name, rows, {}).to_pylist() for name in dict.fromkeys(key for _, row in rows for key in row)
        }

    def write_rows(self, target: Path) -> Kinds:
        kinds: Kinds = {}
        with open_text(self.path, self.settings.encoding) as file:
            rows = parsed(file)
            head = list(itertools.islice(rows, _HEAD_LINES))
            names = dict.fromkeys(key for _, row in head for key in row)
            schema = pa.schema([(name, pa.string()) for name in names])
            with pa.ipc.new_stream(target, schema) as writer:
                remaining = itertools.chain(head, rows)
                while batch := list(itertools.islice(remaining, _BATCH_LINES)):
                    columns = [column(name, batch, kinds.setdefault(name, {})) for name in schema.names]
                    writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        return kinds


def parsed(lines: Iterator[str], first: int = 1) -> Iterator[Numbered]:
    """Yield the objects of lines that are not blank. first: number of the first line. Raises ValueError."""
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is not JSON ({error.msg}); one object per line is expected") from None
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is not a JSON object; one object per line is expected")
        yield number, row


def column(name: str, rows: Sequence[Numbered], first_lines: dict[str, int]) -> Any:
    """Return a column as a string array; add the first line of each kind of value to `first_lines`."""
    values = [row.get(name) for _, row in rows]
    present = set(map(type, values)) - {type(None)}
    for kind, types in (("switch", present & {bool}), ("other", present - {bool})):
        if types and kind not in first_lines:
            first_lines[kind] = next(
                number for (number, _), value in zip(rows, values, strict=True) if type(value) in types
            )
    cells = values if present <= {str} else [_cell(value) for value in values]
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        number = next(
            number
            for (number, _), cell in zip(rows, cells, strict=True)
            if cell and any("\ud800" <= c <= "\udfff" for c in cell)
        )
        raise ValueError(f"line {number} contains half of a character, which is not text") from None


def _cell(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
