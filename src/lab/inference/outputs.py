"""Predictions on disk: CSV, TSV, JSON lines, Parquet and standard output.

A new output is written under another name and renamed at its end, so an interrupted command leaves nothing. With
`resume_output=true` whole rows are appended to the output itself, and a later command continues behind the last one.
"""

import csv
import io
import itertools
import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from lab.core.errors import Mistake, RequestError
from lab.core.files import json_value
from lab.core.hydra_quoting import quoted
from lab.core.spreadsheet import as_text
from lab.inference.inputs.interface import STANDARD
from lab.inference.predictor import Cells, cell_text

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


class Output(ABC):
    """A file of predictions that is being written."""

    done = 0
    """Rows that an earlier command has written."""

    @abstractmethod
    def write(self, rows: Sequence[Cells]) -> None:
        """Append whole rows."""

    @abstractmethod
    def is_continued_by(self, carried: Cells) -> bool:
        """Return whether a row of the input has the cells that the last row of an earlier command carries."""

    @abstractmethod
    def finish(self) -> None:
        """Put the complete file in its place."""

    @abstractmethod
    def abandon(self) -> None:
        """Remove what was written aside; what was appended stays."""


def refuse_output(output: str, resumes: bool) -> None:
    """Raises RequestError for an output that exists, cannot be resumed or is in no folder."""
    if output == STANDARD:
        if resumes:
            raise RequestError(Mistake("resume_output", "has no effect on standard output", "resume_output=false"))
        return
    path = Path(output).expanduser()
    mistakes = []
    if not any(path.name.lower().endswith(ending) for ending in ENDINGS):
        problem = f"the ending is none of {', '.join(ENDINGS)}"
        mistakes.append(Mistake("output", problem, quoted("output", path.with_suffix(".csv")), output))
    if not path.parent.is_dir():
        mistakes.append(Mistake("output", f"there is no folder {path.parent}", "make the folder first", output))
    if path.is_symlink() or (path.exists() and not path.is_file()):
        kind = "a symbolic link" if path.is_symlink() else "a folder" if path.is_dir() else "no regular file"
        mistakes.append(Mistake("output", f"is {kind}", "the path of a new file", output))
    elif not resumes and path.exists():
        remedy = f"{quoted('output', _free(path))}, or resume_output=true to continue it"
        mistakes.append(Mistake("output", "exists already", remedy, output))
    elif not resumes and os.path.lexists(side := rejected_path(path)):
        remedy = f"{quoted('output', _free(path))}, or remove it"
        mistakes.append(Mistake("output", f"{side.name} of an earlier output exists already", remedy, output))
    if resumes and path.name.lower().endswith(".parquet"):
        problem = "a Parquet file is complete only when its footer is written, so it cannot be continued"
        remedy = f"resume_output=false, or {quoted('output', path.with_suffix('.csv'))}"
        mistakes.append(Mistake("resume_output", problem, remedy, True))
    if mistakes:
        raise RequestError(mistakes)


def _free(path: Path) -> Path:
    """The first of `NAME_2`, `NAME_3` ... that, with its side file, does not exist."""
    names = (path.with_name(f"{path.stem}_{number}{path.suffix}") for number in itertools.count(2))
    return next(name for name in names if not os.path.lexists(name) and not os.path.lexists(rejected_path(name)))


def rejected_path(output: Path) -> Path:
    """The side file of an output: rows without a prediction, with their reasons."""
    return output.with_name(f"{output.name}.rejected.csv")


def open_output(
    output: str, columns: Sequence[str], types: Mapping[str, Any], resumes: bool, safe_csv: bool, num_carried: int
) -> Output:
    """Open an output that `refuse_output` accepted.

    types: pyarrow types of columns that have one. num_carried: number of columns that come from the input.
    Raises RequestError where an output that is resumed has other columns.
    """
    if output == STANDARD:
        return _Lines(None, sys.stdout.buffer, _CsvFormat(columns, ",", safe_csv), header=True)
    path = Path(output).expanduser()
    name = path.name.lower()
    if name.endswith(".parquet"):
        return _Parquet(path, columns, types)
    delimiter = "\t" if name.endswith(".tsv") else ","
    is_csv = name.endswith((".csv", ".tsv"))
    lines: _Format = _CsvFormat(columns, delimiter, safe_csv) if is_csv else _JsonFormat(columns)
    if not resumes:
        return _Lines(path, _aside(path).open("wb"), lines, header=True)
    file = path.open("r+b") if path.exists() else path.open("w+b")
    with _closed_on_error(file):
        done, end, last = lines.written(file, path)
        file.truncate(end)
        file.seek(end)
    resumed = _Lines(None, file, lines, header=end == 0)
    resumed.done, resumed.last, resumed.num_carried = done, last, num_carried
    return resumed


class _closed_on_error:
    """Closes a file where the block raises."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.file.close()


class _Format(ABC):
    """How rows become lines, and how many whole rows a file has."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)

    @abstractmethod
    def text(self, rows: Iterable[Cells]) -> str:
        """The lines of some rows."""

    def header(self) -> str:
        """The lines before the first row."""
        return ""

    @abstractmethod
    def written(self, file: IO[bytes], path: Path) -> tuple[int, int, list[str] | None]:
        """The number of whole rows, the byte behind the last one, and the cells of the last one as text.

        Raises RequestError for a file of other columns."""

    def as_texts(self, row: Cells) -> list[str]:
        """The cells of a row as `written` gives them."""
        return next(csv.reader(io.StringIO(_csv_line(row, ","), newline="")))


class _CsvFormat(_Format):
    def __init__(self, columns: Sequence[str], delimiter: str, safe: bool) -> None:
        super().__init__(columns)
        self.delimiter, self.safe = delimiter, safe

    def header(self) -> str:
        return self.text([tuple(self.columns)])

    def text(self, rows: Iterable[Cells]) -> str:
        return "".join(_csv_line([self._cell(cell) for cell in row], self.delimiter) for row in rows)

    def _cell(self, cell: object) -> object:
        if isinstance(cell, list | dict | bool):
            cell = cell_text(cell)
        return as_text(cell) if self.safe else cell

    def as_texts(self, row: Cells) -> list[str]:
        return super().as_texts(tuple(self._cell(cell) for cell in row))

    def written(self, file: IO[bytes], path: Path) -> tuple[int, int, list[str] | None]:
        end = read = done = 0
        last: list[str] | None = None
        whole = True

        def lines() -> Iterator[str]:
            nonlocal read, whole
            for line in file:
                read, whole = read + len(line), line.endswith(b"\n")
                yield line.decode("utf-8")

        csv.field_size_limit(2**31 - 1)
        header = None
        try:
            for cells in csv.reader(lines(), delimiter=self.delimiter, strict=True):
                if not whole or (header is not None and len(cells) != len(header)):
                    break
                if header is None:
                    header = cells
                else:
                    done, last = done + 1, cells
                end = read
        except (csv.Error, UnicodeDecodeError):
            pass  # a row that a killed command left unfinished
        if header is not None and header != self.as_texts(tuple(self.columns)):
            raise _other_columns(path)
        return done, end, last


class _JsonFormat(_Format):
    def text(self, rows: Iterable[Cells]) -> str:
        return "".join(
            json.dumps(dict(zip(self.columns, row, strict=True)), ensure_ascii=False, default=str) + "\n"
            for row in rows
        )

    def written(self, file: IO[bytes], path: Path) -> tuple[int, int, list[str] | None]:
        end = done = 0
        last: dict[str, Any] | None = None
        for line in file:
            try:
                row = json_value(path, line.decode("utf-8")) if line.endswith(b"\n") else None
            except ValueError:  # a line that a killed command left unfinished
                break
            if row is None:
                break
            if not isinstance(row, dict) or list(row) != self.columns:
                raise _other_columns(path)
            done, end, last = done + 1, end + len(line), row
        return done, end, None if last is None else self.as_texts(tuple(last.values()))


def _other_columns(path: Path) -> RequestError:
    problem = "has other columns than this request writes, so it is of another run, input or top_k"
    return RequestError(Mistake("output", problem, "another output=, with resume_output=false", path))


def _csv_line(row: Sequence[object], delimiter: str) -> str:
    buffer = io.StringIO(newline="")
    # this line end, so that a carriage return in a cell is quoted: Python before 3.13 quotes only characters of it
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerow(row)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


class _Lines(Output):
    """Lines of text. path: where the file is renamed to at the end; None if it is written in its place."""

    last: list[str] | None = None
    num_carried = 0

    def __init__(self, path: Path | None, file: IO[bytes], lines: _Format, header: bool) -> None:
        self.path, self.file, self.lines = path, file, lines
        if header:
            self.file.write(lines.header().encode("utf-8"))
            self.file.flush()

    def is_continued_by(self, carried: Cells) -> bool:
        return self.last is None or self.lines.as_texts(carried) == self.last[: self.num_carried]

    def write(self, rows: Sequence[Cells]) -> None:
        self.file.write(self.lines.text(rows).encode("utf-8"))
        self.file.flush()

    def finish(self) -> None:
        if self.file is not sys.stdout.buffer:
            self.file.close()
        if self.path is not None:
            _aside(self.path).replace(self.path)

    def abandon(self) -> None:
        if self.file is not sys.stdout.buffer:
            self.file.close()
        if self.path is not None:
            _aside(self.path).unlink(missing_ok=True)


class _Parquet(Output):
    def __init__(self, path: Path, columns: Sequence[str], types: Mapping[str, Any]) -> None:
        import pyarrow
        import pyarrow.parquet

        self.path, self.columns = path, list(columns)
        self.schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in columns])
        self.writer = pyarrow.parquet.ParquetWriter(_aside(path), self.schema)

    def write(self, rows: Sequence[Cells]) -> None:
        import pyarrow

        arrays = []
        for field, cells in zip(self.schema, zip(*rows, strict=True), strict=True):
            plain = [cell_text(cell) for cell in cells] if field.type == pyarrow.string() else list(cells)
            arrays.append(pyarrow.array(plain, field.type))
        self.writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self.schema))

    def is_continued_by(self, _: Cells) -> bool:
        raise AssertionError(f"{self.path} cannot be continued")  # refuse_output refuses it

    def finish(self) -> None:
        self.writer.close()
        _aside(self.path).replace(self.path)

    def abandon(self) -> None:
        self.writer.close()
        _aside(self.path).unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")
