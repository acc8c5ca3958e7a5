"""A CSV or TSV file as an Arrow stream of strings, with checks for content that would be read wrongly.

Why strings: "007", the word "nan" and a column of numbers that becomes text half-way stay as they are in the file.
NULs, lone carriage returns, quotes that swallow rows and quotes after a backslash are refused with their line. Cost: a
few seconds per million rows, once.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lab.core.errors import Mistake, refuse_if_any
from lab.core.hydra_quoting import quoted
from lab.data.readers import arrow_csv, csv_quotes, delimiters
from lab.data.readers.csv_quotes import STYLES, Record, records
from lab.data.readers.file_bytes import open_text, read_lines, scan_bytes, sep_line_delimiter, utf_16_variant
from lab.data.readers.row_file import RowFile

log = logging.getLogger(__name__)
_CHUNK_ROWS = 10_000
"""Rows parsed at a time."""
_LOG_EVERY_ROWS = 5_000_000


class CsvFile(RowFile):
    """A CSV or TSV file."""

    read_settings = ("delimiter", "encoding", "quoting")

    @cached_property
    def sep_line(self) -> str | None:
        """The delimiter that a first line `sep=;` names; None without such a line."""
        try:
            with open_text(self.path, self.settings.encoding) as file:
                return sep_line_delimiter(file.readline(100))
        except UnicodeError:  # reported when the rows are read
            return None

    @property
    def lines_before_header(self) -> int:
        """Number of lines before the header."""
        return 0 if self.sep_line is None else 1

    @cached_property
    def delimiter(self) -> str:
        """The requested delimiter, else the one of the `sep=` line, else the usual one for the file's ending."""
        if self.settings.delimiter is not None:
            return self.settings.delimiter
        return self.sep_line or ("\t" if ".tsv" in self.path.name.lower() else ",")

    @cached_property
    def options(self) -> dict[str, Any]:
        """Arguments for `pandas.read_csv`."""
        return {"sep": self.delimiter, "encoding": self.settings.encoding, "skiprows": self.lines_before_header,
                "dtype": str, "keep_default_na": False, **STYLES[self.settings.quoting]}  # fmt: skip

    @cached_property
    def names(self) -> list[str]:
        """Column names; pandas adds a number to repeated ones. Raises ValueError where rows are longer."""
        import pandas

        head = pandas.read_csv(self.path, nrows=1, **self.options)
        if not isinstance(head.index, pandas.RangeIndex):
            raise ValueError("the first row has more fields than the header")
        return [str(name) for name in head.columns]

    @cached_property
    def repeated(self) -> tuple[str, ...]:
        import pandas

        names = pandas.read_csv(self.path, nrows=1, header=None, **self.options).iloc[0].tolist()
        return tuple(sorted({name for name in names if name and names.count(name) > 1}))

    def head(self, num: int) -> dict[str, list[str | None]]:
        import pandas

        rows = pandas.read_csv(self.path, nrows=num, **self.options)
        return {str(name): rows[name].tolist() for name in rows.columns}

    def lines(self) -> Iterator[str]:
        """Lines from the header on."""
        return read_lines(self.path, self.settings.encoding, self.lines_before_header)

    def rows(self) -> Iterator[Record]:
        """Rows from the header on, with their lines."""
        return records(self.lines(), self.delimiter, self.settings.quoting)

    def fits(self, style: str) -> bool:
        """Return whether every row has the header's number of cells when quotes are read in a style."""
        return csv_quotes.fits(self.lines(), self.delimiter, style, self.width(style))

    def width(self, style: str) -> int:
        """Number of cells of the header."""
        return next((len(record.cells) for record in records(self.lines(), self.delimiter, style)), 0)

    def write_rows(self, target: Path) -> Mapping[str, Mapping[str, int]]:
        refuse_if_any(_confusing_characters(self))
        schema = pa.schema([(name, pa.string()) for name in self.names])
        well_formed = len(schema) > 1 and self.settings.quoting in ("auto", "double")
        if well_formed and arrow_csv.is_readable(self.path, self.settings.encoding, self.delimiter):
            try:
                tables = arrow_csv.rows(self.path, self.delimiter, self.lines_before_header, schema)
                suspects = self._write(tables, schema, target)
            except pa.ArrowException:
                suspects = self._write(self._pandas_rows(schema), schema, target)
        else:
            suspects = self._write(self._pandas_rows(schema), schema, target)
        if suspects:
            with pa.memory_map(str(target)) as source:
                refuse_if_any(_swallowed_rows(self, suspects, pa.ipc.open_stream(source).read_all()))
        return {}

    def _write(self, tables: Iterator[Any], schema: Any, target: Path) -> list[tuple[int, str]]:
        """Write tables as an Arrow stream; return cells that may have swallowed rows."""
        suspects: dict[tuple[int, str], None] = {}
        num = 0
        with pa.ipc.new_stream(target, schema) as writer:
            for table in tables:
                writer.write_table(table, max_chunksize=_CHUNK_ROWS)
                if self.settings.quoting == "auto" and len(suspects) < csv_quotes.MAX_SUSPECTS:
                    suspects |= dict.fromkeys(_suspects(table, self.delimiter))
                num, before = num + len(table), num
                if num // _LOG_EVERY_ROWS > before // _LOG_EVERY_ROWS:
                    log.info("reading %s: %d million rows", self.path.name, num // 1_000_000)
        return list(suspects)

    def _pandas_rows(self, schema: Any) -> Iterator[Any]:
        """The rows as pandas reads them, a chunk at a time."""
        import pandas

        if not len(pandas.read_csv(self.path, nrows=1, **self.options)):
            return
        for chunk in pandas.read_csv(self.path, chunksize=_CHUNK_ROWS, **self.options):
            yield pa.Table.from_pandas(chunk, schema=schema, preserve_index=False)

    def explain(self, reason: str) -> Mistake:
        """Return the mistake of a file that pandas cannot read, with the settings that would read it."""
        if "EOF inside string" in reason:
            last = None
            for last in self.rows():  # noqa: B007
                pass
            line = last.first + self.lines_before_header if last else 1
            reason = f"a quote at line {line} opens a cell that never ends (EOF inside string)"
        current = self.settings.quoting
        ways = [f"data.quoting={style}" for style in ("none", "backslash") if style != current and self.fits(style)]
        joined = self._first_joined_row()
        if joined is not None and not ways:
            start, end = joined.first + self.lines_before_header, joined.last + self.lines_before_header
            reason = f"a quote at the start of a cell joins lines {start} to {end}"
            ways = [f"put the cell at line {start} in quotes, and double the quotes inside it"]
        remedy = ", or ".join(ways) or delimiters.remedy(self.lines, self.delimiter, current)
        return Mistake(self.key, f"cannot be read: {reason}", remedy, self.path)

    def remedy_in(self, encoding: str) -> str:
        other = replace(self, settings=replace(self.settings, encoding=encoding))
        try:
            if other.width(self.settings.quoting) > 1:
                return ""
            mark = delimiters.fitting_delimiter(other.lines, other.delimiter, self.settings.quoting)
        except UnicodeError:  # broken in this encoding as well: that is said when it is named
            return ""
        return "" if mark is None else quoted(delimiters.KEY, mark)

    def _first_joined_row(self) -> Record | None:
        """The first row with another number of cells than the header, if a quote made it of several lines."""
        width = self.width(self.settings.quoting)
        odd = next((record for record in self.rows() if len(record.cells) != width), None)
        return odd if odd is not None and odd.last > odd.first else None


def _confusing_characters(file: CsvFile) -> Iterator[Mistake]:
    """Characters that end a cell or a row unintentionally."""
    scan = scan_bytes(file.path, file.settings.encoding)
    quoting = file.settings.quoting
    if scan.nul_line is not None:
        utf_16 = utf_16_variant(file.path)
        other = file.path.with_name(f"clean-{file.path.name}")
        remedy = f"write it again without them: {quoted(file.key, other)}"
        if utf_16:
            remedy = f"data.encoding={utf_16} {file.remedy_in(utf_16)}".rstrip()
        yield Mistake(file.key, f"line {scan.nul_line} contains a NUL, which ends its cell", remedy, file.path)
        return
    if scan.lone_returns and quoting != "none" and (line := _broken_line(file)):
        problem = (
            f"line {line} contains a carriage return inside a cell without quotes, which would break the row in two"
        )
        yield Mistake(file.key, problem, "put the cell in quotes, or replace the character with a space", file.path)
    if scan.escaped_quotes and quoting in ("auto", "double"):
        line = csv_quotes.misfit(file.lines(), file.delimiter, file.width(quoting))
        if line and file.fits("backslash"):
            problem = f"line {line} contains a quote after a backslash, where CSV has two quotes"
            yield Mistake(file.key, problem, "data.quoting=backslash", file.path)


def _broken_line(file: CsvFile) -> int | None:
    """The first line, by line feeds, that a carriage return outside of quotes ends."""
    line = 1 + file.lines_before_header
    for record in file.rows():
        if record.raw[-1].endswith("\r"):
            return line + sum("\n" in text for text in record.raw)
        line += sum("\n" in text for text in record.raw)
    return None


def _suspects(rows: Any, delimiter: str) -> Iterator[tuple[int, str]]:
    """Columns and cells whose lines might be rows."""
    for column in range(rows.num_columns):
        cells = rows.column(column)
        places = csv_quotes.may_hold_rows(cells, column, rows.num_columns, delimiter)
        yield from ((column, cells[place].as_py()) for place in places.tolist())


def _swallowed_rows(file: CsvFile, suspects: Sequence[tuple[int, str]], rows: Any) -> Iterator[Mistake]:
    """The mistake of a file in which quoted cells hold text that reads as rows."""

    @cache
    def column_values(column: int) -> frozenset[str]:
        values = pc.unique(rows.column(column)).to_pylist()
        return frozenset(value.strip() for value in values if value is not None)

    inner_cells = {
        (column, cell): csv_quotes.rows_within(cell, column, rows.num_columns, file.delimiter)
        for column, cell in suspects
    }
    evidence = {
        key: csv_quotes.count_known(cells, column_values) for key, cells in inner_cells.items() if cells is not None
    }
    joined = list(csv_quotes.swallowing(file.rows, evidence, file.delimiter, file.settings.quoting))
    if joined:
        skipped, plain = file.lines_before_header, file.fits("none")
        yield csv_quotes.joined_rows_mistake(joined, skipped, plain, file.key, "data.quoting", file.path)
