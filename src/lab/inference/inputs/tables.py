"""Rows of Parquet and XLSX, whose cells have types of their own."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.cli.optional_packages import not_installed
from lab.core.errors import Mistake, RequestError
from lab.inference.inputs.interface import HEAD_ROWS, Input, Settings, readable, refuse_header


def parquet(path: Path, typed: str, settings: Settings) -> Input:
    """Open a Parquet file. Raises RequestError for one without rows."""
    import pyarrow.parquet

    file = settings.files.enter_context(pyarrow.parquet.ParquetFile(path))
    schema = file.schema_arrow

    def rows() -> Iterator[tuple[dict[str, Any], str | None]]:
        with readable(typed):
            for batch in file.iter_batches(HEAD_ROWS):
                yield from ((cells, None) for cells in batch.to_pylist())

    refuse_header(schema.names, typed, "utf-8")
    if not file.metadata.num_rows:
        raise RequestError(Mistake("input", "has no rows", value=typed))
    return Input(typed, list(schema.names), rows(), {field.name: field.type for field in schema})


def xlsx(path: Path, typed: str, settings: Settings) -> Input:
    """Open the first sheet of a workbook. Raises RequestError for one without a header."""
    try:
        import openpyxl  # type: ignore[import-untyped]
    except ImportError as error:
        problem = "an XLSX file needs the package 'openpyxl', which is not installed"
        raise RequestError(not_installed("input", "openpyxl", "save it as CSV", path, problem)) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        settings.files.callback(book.close)
        sheet = book.worksheets[0]
    except Exception as error:  # openpyxl raises errors of zipfile, xml and its own
        raise ValueError(f"no workbook of a spreadsheet: {error}") from error
    lines = ([_plain(cell) for cell in line] for line in sheet.iter_rows(values_only=True))
    header = [str(name) for name in next(lines, []) if name is not None]
    if not header:
        raise RequestError(Mistake("input", "its first sheet has no header in its first row", value=typed))
    refuse_header(header, typed, "utf-8")

    def rows() -> Iterator[tuple[dict[str, Any], str | None]]:
        with readable(typed):
            for line in lines:
                if any(cell is not None for cell in line):
                    yield dict(itertools.zip_longest(header, line[: len(header)])), None

    return Input(typed, header, rows())


def _plain(cell: Any) -> Any:
    return cell if cell is None or isinstance(cell, str | int | float | bool) else str(cell)
