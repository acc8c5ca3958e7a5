"""Rows of JSON lines: one object per line."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.core.errors import Mistake, RequestError
from lab.data.readers.file_bytes import open_text
from lab.inference.inputs.decoding import MAY_READ, decoded, is_sound, wrong_encoding
from lab.inference.inputs.interface import HEAD_ROWS, Input, Settings, readable


def json_file(path: Path, typed: str, settings: Settings) -> Input:
    """Open a file. Raises RequestError for one without an object."""
    file = settings.files.enter_context(open_text(path))
    return json_lines(decoded(file, settings.encoding, settings.files), typed, settings)


def json_lines(lines: Iterator[str], typed: str, settings: Settings) -> Input:
    """Open lines of JSON; the columns are the keys of the first of them."""
    rows = _rows(lines, settings.encoding, typed)
    head = list(itertools.islice(rows, HEAD_ROWS))
    columns = list(dict.fromkeys(key for cells, _ in head for key in cells))
    if not columns and not (head and all(map(_is_wrongly_encoded, head))):
        problem = "no line is a JSON object; one object per line is expected" if head else "is empty"
        raise RequestError(Mistake("input", problem, value=typed))
    return Input(typed, columns, itertools.chain(head, rows))


def _rows(lines: Iterator[str], encoding: str, typed: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    with readable(typed):
        for line in lines:
            if not line.strip():
                continue
            if not is_sound(line):
                yield {}, wrong_encoding([line], encoding)
                continue
            try:
                cells = json.loads(line)
                fault = None if isinstance(cells, dict) else "is not a JSON object"
            except (ValueError, RecursionError) as error:
                cells, fault = {}, f"is not JSON: {error}"
            if fault is None and "\\u" in line and not is_sound(json.dumps(cells, ensure_ascii=False)):
                cells, fault = {}, "contains half of a character"
            yield (cells if isinstance(cells, dict) else {}), fault


def _is_wrongly_encoded(row: tuple[Any, str | None]) -> bool:
    return (row[1] or "").endswith(MAY_READ)
