"""A CSV or TSV file as an Arrow stream of strings, and all that shows that it is read otherwise than it was written.

Why strings: a column that turns from numbers to text half-way, "nan" as a word and "007" stay what stands in the file.
What would be read wrongly without a word is a mistake with its line: NULs, lone carriage returns, quotes that swallow
rows or stand behind a backslash. Cost: a few seconds per million rows, once.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lab.core.errors import Mistake, RequestError, listed
from lab.core.hydra_quoting import quoted
from lab.data.readers import csv_quotes
from lab.data.readers.csv_quotes import STYLES, Record, records
from lab.data.readers.raw_text import hinted_delimiter, read_lines, signs, wide_encoding

log = logging.getLogger(__name__)
_ROWS = 10_000
"""Rows parsed at a time."""
_MOST_SUSPECTS = 1000
_TOLD_ROWS = 5_000_000


@dataclass(frozen=True)
class CsvFile:
    """A file and how it is read. delimiter: as asked for, None for the one that its ending or first line says; quoting:
    a key of `csv_quotes.STYLES`; key: config key to blame."""

    path: Path
    key: str
    asked_delimiter: str | None
    encoding: str
    quoting: str

    @cached_property
    def hint(self) -> str | None:
        return hinted_delimiter(self.path, self.encoding)

    @cached_property
    def delimiter(self) -> str:
        if self.asked_delimiter is not None:
            return self.asked_delimiter
        return self.hint or ("\t" if ".tsv" in self.path.name.lower() else ",")

    @cached_property
    def options(self) -> dict[str, Any]:
        """What pandas' reader takes."""
        skipped = 0 if self.hint is None else 1
        style = STYLES[self.quoting]
        return {"sep": self.delimiter, "encoding": self.encoding, "skiprows": skipped, "dtype": str,
                "keep_default_na": False, **style}  # fmt: skip

    @cached_property
    def names(self) -> list[str]:
        """The columns; pandas gives those of one name a number each. Raises ValueError where rows do not fit them."""
        import pandas

        head = pandas.read_csv(self.path, nrows=1, **self.options)
        if not isinstance(head.index, pandas.RangeIndex):
            raise ValueError("the first row has more fields than the header")
        return [str(name) for name in head.columns]

    @cached_property
    def repeated(self) -> tuple[str, ...]:
        """Names that stand in the header more than once."""
        import pandas

        names = pandas.read_csv(self.path, nrows=1, header=None, **self.options).iloc[0].tolist()
        return tuple(sorted({name for name in names if name and names.count(name) > 1}))

    def lines(self) -> Iterator[str]:
        return read_lines(self.path, self.encoding, 0 if self.hint is None else 1)

    def rows(self) -> Iterator[Record]:
        return records(self.lines(), self.delimiter, self.quoting)

    def fits(self, style: str) -> bool:
        """Whether every row has the header's number of cells when quotes are read in a style."""
        return csv_quotes.fits(self.lines(), self.delimiter, style, self.width(style))

    def width(self, style: str) -> int:
        """Cells of the header."""
        return next((len(record.cells) for record in records(self.lines(), self.delimiter, style)), 0)


def write_rows(file: CsvFile, target: Path) -> None:
    """The rows as an Arrow stream. Raises RequestError for a file that would be read wrongly, else what pandas does."""
    import pandas

    _refuse(_wrong_signs(file))
    schema = pa.schema([(name, pa.string()) for name in file.names])
    suspects: dict[tuple[int, str], None] = {}
    with pa.ipc.new_stream(target, schema) as writer:
        if len(pandas.read_csv(file.path, nrows=1, **file.options)):
            for number, chunk in enumerate(pandas.read_csv(file.path, chunksize=_ROWS, **file.options), 1):
                rows = pa.Table.from_pandas(chunk, schema=schema, preserve_index=False)
                writer.write_table(rows)
                if file.quoting == "auto" and len(suspects) < _MOST_SUSPECTS:
                    suspects |= dict.fromkeys(_suspects(rows, file.delimiter))
                if number * _ROWS % _TOLD_ROWS == 0:
                    log.info("reading %s: %d million rows", file.path.name, number * _ROWS // 1_000_000)
    if suspects:
        with pa.memory_map(str(target)) as source:
            _refuse(_swallowing(file, list(suspects), pa.ipc.open_stream(source).read_all()))


def _refuse(mistakes: Iterable[Mistake]) -> None:
    if found := list(mistakes):
        raise RequestError(found)


def _wrong_signs(file: CsvFile) -> Iterator[Mistake]:
    """Signs that end a cell or a row where nobody means it."""
    found = signs(file.path, file.encoding)
    if found.nul_line is not None:
        wide = wide_encoding(file.path)
        other = file.path.with_name(f"clean-{file.path.name}")
        remedy = f"data.encoding={wide}" if wide else f"write it anew without them: {quoted(file.key, other)}"
        yield Mistake(file.key, f"line {found.nul_line} holds a NUL, which cuts its cell", remedy, file.path)
        return
    if found.lone_returns and file.quoting != "none" and (line := _broken_line(file)):
        problem = f"line {line} holds a carriage return amid a cell without quotes, which would break the row in two"
        yield Mistake(file.key, problem, "put the cell in quotes, or replace the sign by a space", file.path)
    if found.escaped_quotes and file.quoting in ("auto", "double"):
        line = csv_quotes.misfit(file.lines(), file.delimiter, file.width(file.quoting))
        if line and file.fits("backslash"):
            problem = f"line {line} holds a quote behind a backslash, where CSV has it twice"
            yield Mistake(file.key, problem, "data.quoting=backslash", file.path)


def _broken_line(file: CsvFile) -> int | None:
    """The first line, by line feeds, that a carriage return outside of quotes ends."""
    feeds = 1 if file.hint is None else 2
    for record in file.rows():
        if record.raw[-1].endswith("\r"):
            return feeds + sum("\n" in line for line in record.raw)
        feeds += sum("\n" in line for line in record.raw)
    return None


def _suspects(rows: Any, delimiter: str) -> Iterator[tuple[int, str]]:
    """Columns and cells whose lines might be rows."""
    for column in range(rows.num_columns):
        cells = rows.column(column)
        places = csv_quotes.may_hold_rows(cells, column, rows.num_columns, delimiter)
        yield from ((column, cells[place].as_py()) for place in places.tolist())


def _swallowing(file: CsvFile, suspects: Sequence[tuple[int, str]], rows: Any) -> Iterator[Mistake]:
    """The mistake of a file of which one quoted cell and more hold what reads as rows."""

    @cache
    def seen(column: int) -> frozenset[str]:
        values = pc.unique(rows.column(column)).to_pylist()
        return frozenset(value.strip() for value in values if value is not None)

    others = {
        (column, cell): csv_quotes.rows_within(cell, column, rows.num_columns, file.delimiter)
        for column, cell in suspects
    }
    wanted = {key: csv_quotes.swallowed(found, seen) for key, found in others.items() if found is not None}
    found = list(_located(file, wanted))
    if found:
        yield _told(file, found)


def _located(file: CsvFile, wanted: dict[tuple[int, str], int]) -> Iterator[Record]:
    """The rows with a wanted cell that two and more of its own lines, or a quote amid it, show to be rows.

    wanted: columns and cells, and how many cells of their lines stand in other rows.
    """
    columns = sorted({column for column, _ in wanted})
    for record in file.rows() if wanted else ():
        keys = [(column, record.cells[column]) for column in columns if column < len(record.cells)]
        if any(
            key in wanted and (wanted[key] > 1 or csv_quotes.ends_amid(record, file.delimiter, file.quoting))
            for key in keys
        ):
            yield record


def _told(file: CsvFile, found: Sequence[Record]) -> Mistake:
    skipped = 0 if file.hint is None else 1
    lines = [f"lines {record.first + skipped} to {record.last + skipped}" for record in found]
    num = sum(record.last - record.first for record in found)
    problem = (
        f"a quote at the start of a cell goes on over rows: {listed(lines, 3)} are one cell each, {num} rows are lost"
    )
    plain = (
        "data.quoting=none, which takes quotes for plain signs"
        if file.fits("none")
        else (f"put the cell at line {found[0].first + skipped} in quotes, and its own quotes twice")
    )
    return Mistake(file.key, problem, f"{plain}; data.quoting=double if they are texts of several lines", file.path)


def why_unreadable(file: CsvFile, reason: str) -> Mistake:
    """The mistake of a file that pandas does not read, with what would read it."""
    skipped = 0 if file.hint is None else 1
    if "EOF inside string" in reason:
        last = None
        for last in file.rows():  # noqa: B007
            pass
        line = last.first + skipped if last else 1
        reason = f"a quote at line {line} opens a cell that never ends (EOF inside string)"
    ways = [f"data.quoting={style}" for style in ("none", "backslash") if style != file.quoting and file.fits(style)]
    marked = f"quote fields that hold the delimiter, or name it: {quoted('data.delimiter', ';')}"
    return Mistake(file.key, f"cannot be read: {reason}", ", or ".join(ways) or marked, file.path)
