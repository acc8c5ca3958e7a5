"""The file of predictions: CSV, TSV, Parquet or JSON lines, written aside and renamed when it is whole.

Rows are appended in pieces, so memory does not grow with the number of rows. An interrupted CSV or JSON-lines file
keeps its whole rows beside the output (`NAME.part`), and a later request continues behind them.
"""

import csv
import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from lab.core.errors import Mistake, RequestError
from lab.core.hydra_quoting import quoted

STANDARD_OUTPUT = "-"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a cell that a spreadsheet computes (OWASP, CSV injection)."""


class PredictionFile(ABC):
    """Takes tables of text and number columns. num_written: rows that an interrupted request has left."""

    def __init__(self, path: Path | None, resume: bool) -> None:
        self.path = path
        self.part = None if path is None else path.with_name(f"{path.name}.part")
        self.num_written = 0
        if self.part is not None and self.part.exists():
            self.num_written = self._kept_rows(self.part) if resume else 0

    @abstractmethod
    def write(self, rows: pa.Table) -> None:
        """Append rows; the first table decides the columns."""

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._finish()
        if self.path is not None and self.part is not None:
            self.part.replace(self.path)

    def _kept_rows(self, part: Path) -> int:
        raise RequestError(
            Mistake("resume_output", f"a {part.suffixes[0]} file cannot be continued", "output=NAME.csv")
        )

    @abstractmethod
    def _finish(self) -> None: ...

    def _open(self) -> BinaryIO:
        if self.part is None:
            return sys.stdout.buffer
        return self.part.open("ab" if self.num_written else "wb")


class CsvPredictions(PredictionFile):
    """Comma- or tab-separated; null is an empty cell."""

    def __init__(self, path: Path | None, resume: bool, delimiter: str = ",", safe: bool = False) -> None:
        self.delimiter, self.safe = delimiter, safe
        super().__init__(path, resume)
        self._file = self._open()
        self._started = self.num_written > 0

    def write(self, rows: pa.Table) -> None:
        if self.safe:
            rows = pa.table({name: _without_formulas(rows[name]) for name in rows.column_names})
        options = pa.csv.WriteOptions(include_header=not self._started, delimiter=self.delimiter)
        pa.csv.write_csv(rows, self._file, options)
        self._file.flush()
        self._started = True

    def _kept_rows(self, part: Path) -> int:
        """Count the whole rows below the header; bytes of a torn last one are cut off."""
        end, offset, count = 0, 0, -1
        with part.open(encoding="utf-8", errors="surrogateescape", newline="") as file:

            def lines() -> Iterator[str]:
                nonlocal offset
                for line in file:
                    offset += len(line.encode("utf-8", "surrogateescape"))
                    yield line if line.endswith("\n") else line + "\0"

            for row in csv.reader(lines(), delimiter=self.delimiter):
                if row and row[-1].endswith("\0"):
                    break
                end, count = offset, count + 1
        os.truncate(part, end)
        return max(0, count)

    def _finish(self) -> None:
        if self.part is not None:
            self._file.close()


class JsonLinesPredictions(PredictionFile):
    """One JSON object per line."""

    def __init__(self, path: Path | None, resume: bool) -> None:
        super().__init__(path, resume)
        self._file = self._open()

    def write(self, rows: pa.Table) -> None:
        for row in rows.to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def _kept_rows(self, part: Path) -> int:
        end = count = 0
        with part.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                end, count = end + len(line), count + 1
        os.truncate(part, end)
        return count

    def _finish(self) -> None:
        if self.part is not None:
            self._file.close()


class ParquetPredictions(PredictionFile):
    """Parquet, a row group per piece."""

    def __init__(self, path: Path, resume: bool) -> None:
        super().__init__(path, resume)
        self._writer: Any = None

    def write(self, rows: pa.Table) -> None:
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self.part, rows.schema)
        self._writer.write_table(rows)

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.close()


def open_predictions(output: str, resume: bool, safe: bool) -> PredictionFile:
    """The file of `output=`. Raises RequestError for one that exists, an unknown ending, or a folder that does not."""
    if output == STANDARD_OUTPUT:
        return CsvPredictions(None, resume=False, safe=safe)
    path = Path(output).expanduser()
    refuse_output(path, resume)
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        return CsvPredictions(path, resume, "\t" if ending == ".tsv" else ",", safe)
    if ending in (".jsonl", ".ndjson"):
        return JsonLinesPredictions(path, resume)
    return ParquetPredictions(path, resume)


def refuse_output(path: Path, resume: bool) -> None:
    """Raises RequestError for an output that cannot be written without losing something."""
    if path.suffix.lower() not in (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"):
        problem = "the ending is none of .csv, .tsv, .jsonl, .ndjson, .parquet"
        raise RequestError(Mistake("output", problem, quoted("output", path.with_suffix(".csv")), path))
    if not path.absolute().parent.is_dir():
        raise RequestError(Mistake("output", "no such folder", f"mkdir -p {path.parent}", path))
    if path.exists():
        other = path.with_name(f"{path.stem}_2{path.suffix}")
        raise RequestError(Mistake("output", "exists already", quoted("output", other), path))
    part = path.with_name(f"{path.name}.part")
    if part.exists() and not resume:
        problem = f"{part.name} is what an interrupted prediction has written so far"
        raise RequestError(Mistake("output", problem, f"resume_output=true, or remove {part}", path))


def _without_formulas(column: Any) -> Any:
    if not pa.types.is_string(column.type):
        return column
    cells = column.to_pylist()
    return pa.array([f"'{cell}" if cell and cell.startswith(FORMULA) else cell for cell in cells], pa.string())
