"""Rows of CSV and TSV, one at a time. Cost: about 2 s per million rows."""

import csv
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lab.core.errors import Mistake, RequestError
from lab.data.readers.csv_quotes import STYLES, Record, fits, joined_rows, joined_rows_mistake, records
from lab.data.readers.file_bytes import open_text, sep_line_delimiter
from lab.inference.inputs.decoding import decoded, is_sound, mended, wrong_encoding
from lab.inference.inputs.interface import Input, Settings, readable, refuse_header

OPEN_QUOTE = "opens a quote that nothing closes, so all lines below are read as a part of its cell"
_PIECE_BYTES = 1 << 20


def csv_file(path: Path, typed: str, settings: Settings) -> Input:
    """Open a file. Raises RequestError for one that is no table, or whose quotes join rows."""
    delimiter = settings.delimiter or ("\t" if ".tsv" in path.name.lower() else ",")
    lines = decoded(settings.files.enter_context(open_text(path)), settings.encoding, settings.files)
    result = csv_lines(lines, typed, delimiter, settings)
    if settings.quoting == "auto" and _has_quote(path):
        _refuse_joined_rows(path, typed, delimiter, settings)
    return result


def _has_quote(path: Path) -> bool:
    with open_text(path) as file:
        return any(b'"' in piece for piece in iter(lambda: file.read(_PIECE_BYTES), b""))


def _refuse_joined_rows(path: Path, typed: str, delimiter: str, settings: Settings) -> None:
    """Raises RequestError for a cell whose lines are rows, since a quote opens it and a quote far below closes it.

    Without this check the rows inside the cell would have no prediction, and nobody would notice.
    """
    with open_text(path) as file, ExitStack() as files:
        mark = sep_line_delimiter(next(decoded(file, settings.encoding, files), "").rstrip("\r\n"))
    skipped, delimiter = int(mark is not None), settings.delimiter or mark or delimiter

    def lines() -> Iterator[str]:
        with open_text(path) as file, ExitStack() as files:
            yield from itertools.islice(decoded(file, settings.encoding, files), skipped, None)

    def rows() -> Iterator[Record]:
        return records(lines(), delimiter, settings.quoting)

    joined = [row for row in joined_rows(rows, delimiter, settings.quoting) if not _is_open(row, delimiter, settings)]
    if joined:
        width = len(next(rows()).cells)
        plain = fits(lines(), delimiter, "none", width)
        raise RequestError(joined_rows_mistake(joined, skipped, plain, "input", "quoting", typed))


def csv_lines(lines: Iterator[str], typed: str, delimiter: str, settings: Settings) -> Input:
    """Open lines of CSV. Raises RequestError for a header that is no list of names."""
    csv.field_size_limit(2**31 - 1)
    first = next(lines, "")
    if (mark := sep_line_delimiter(first.rstrip("\r\n"))) is not None:
        delimiter, first = settings.delimiter or mark, next(lines, "")
    if not first.strip():
        raise RequestError(Mistake("input", "is empty", value=typed))
    source = _Lines(itertools.chain([first], lines))
    reader = csv.reader(source, delimiter=delimiter, **STYLES[settings.quoting])
    columns = next(reader)
    if source.ended:
        raise RequestError(Mistake("input", f"its header {OPEN_QUOTE}", "close the quote", typed))
    refuse_header(columns, typed, settings.encoding)
    return Input(typed, columns, _rows(reader, source, columns, settings.encoding, typed))


def _is_open(record: Record, delimiter: str, settings: Settings) -> bool:
    """Whether nothing closes a quote of the row, which is wrong for that reason then."""
    source = _Lines(iter(record.raw))
    next(csv.reader(source, delimiter=delimiter, **STYLES[settings.quoting]))
    return source.ended


class _Lines:
    """Lines of which it is known whether a reader wanted one more than there is: it does so in an open quote."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines, self.ended = lines, False

    def __iter__(self) -> Iterator[str]:
        yield from self.lines
        self.ended = True


def _rows(
    reader: Iterator[list[str]], source: _Lines, columns: list[str], encoding: str, typed: str
) -> Iterator[tuple[dict[str, Any], str | None]]:
    with readable(typed):
        for cells in reader:
            if not cells:
                continue  # a blank line
            fault = None
            if len(cells) != len(columns):
                fault = f"has {len(cells)} cells, and the header has {len(columns)}"
                cells = [*cells, *[""] * (len(columns) - len(cells))][: len(columns)]
            if source.ended:
                fault = OPEN_QUOTE
            if not all(cell.isascii() or is_sound(cell) for cell in cells):
                fault = wrong_encoding(cells, encoding)
                cells = [mended(cell) for cell in cells]
            yield dict(zip(columns, cells, strict=True)), fault
