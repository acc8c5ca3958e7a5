"""New rows, read in pieces: CSV, TSV, JSON lines, Parquet, XLSX and standard input. Memory holds one piece.

A row that cannot be read keeps its place and number, with the cells that could be read and the reason. Rows are counted
from 1, without the header. Cost: about 2 s per million rows of CSV.
"""

import codecs
import csv
import io
import itertools
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.cli.optional_packages import not_installed
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers.csv_quotes import STYLES
from lab.data.readers.encodings import single_byte_encoding
from lab.data.readers.file_bytes import open_text, sep_line_delimiter

STANDARD = "-"
"""Standard input or output."""
HEAD_LINES = 1000
"""Lines of JSON whose keys are the columns."""
WRONG_ENCODING = "is not {}"
OPEN_QUOTE = "opens a quote that nothing closes, so all lines below are read as a part of its cell"


@dataclass(frozen=True)
class Settings:
    """How text inputs are written, and the stack that closes the opened files.

    delimiter: None to detect it; quoting: a key of `csv_quotes.STYLES`.
    """

    files: ExitStack

    delimiter: str | None = None
    encoding: str = "utf-8"
    quoting: str = "auto"


@dataclass(frozen=True)
class NewRow:
    """One row of an input. fault: why it cannot be read; None for a sound row."""

    cells: Mapping[str, Any]
    file: str
    number: int
    fault: str | None = None


@dataclass
class Input:
    """An opened input. rows: cells and fault of each row, once. types: pyarrow types of columns that have one."""

    name: str
    columns: list[str]
    rows: Iterator[tuple[Mapping[str, Any], str | None]]
    types: Mapping[str, Any] = field(default_factory=dict)

    def numbered(self) -> Iterator[NewRow]:
        """Yield the rows with their numbers."""
        for number, (cells, fault) in enumerate(self.rows, 1):
            yield NewRow(cells, self.name, number, fault)


def open_inputs(paths: Sequence[str], settings: Settings) -> list[Input]:
    """Open all inputs. Raises RequestError with the mistakes of all of them."""
    mistakes, inputs = list[Mistake](), list[Input]()
    if paths.count(STANDARD) > 1:
        raise RequestError(Mistake("input", "names standard input twice", "name it once"))
    try:
        codecs.lookup(settings.encoding)
    except LookupError:
        raise RequestError(Mistake("encoding", "no such encoding", "encoding=latin-1", settings.encoding)) from None
    for path in paths:
        try:
            inputs.append(_opened(path, settings))
        except RequestError as error:
            mistakes += error.mistakes
    if mistakes:
        raise RequestError(mistakes)
    return inputs


def check_columns(inputs: Sequence[Input], needed: Sequence[str], columns: Mapping[str, str]) -> None:
    """Raises RequestError naming the columns that an input lacks. columns: as `PredictRequest.columns`."""
    mistakes = []
    own_names = {given: own for own, given in columns.items()}
    for source in inputs:
        for name in needed:
            if name in source.columns:
                continue
            own = own_names.get(name, name)
            free = [column for column in source.columns if column not in needed]
            near = nearest(name, free) or (free[0] if len(free) == 1 else None)
            remedy = f"'columns={{{own}: {near or 'COLUMN'}}}'" if free else ""
            mark = next((mark for mark in ";\t|" if len(source.columns) == 1 and mark in source.columns[0]), None)
            remedy = quoted("delimiter", mark) if mark else remedy
            problem = f"{source.name} has no column {name!r}, which the run reads; it has {listed(source.columns)}"
            mistakes.append(Mistake("input", problem, remedy))
    if mistakes:
        raise RequestError(mistakes)


def pieces(inputs: Sequence[Input], size: int) -> Iterator[list[NewRow]]:
    """Yield all rows of all inputs in order, at most `size` at a time."""
    rows = itertools.chain.from_iterable(source.numbered() for source in inputs)
    while piece := list(itertools.islice(rows, size)):
        yield piece


def _opened(typed: str, settings: Settings) -> Input:
    if typed == STANDARD:
        return _standard_input(settings)
    path = Path(typed).expanduser()
    if not path.is_file():
        siblings = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, siblings)
        problem = "is a folder, not a file" if path.is_dir() else "is not a file" if path.exists() else "no such file"
        raise RequestError(Mistake("input", problem, quoted("input", path.parent / near) if near else "", typed))
    name = path.name.lower().removesuffix(".gz")
    opener = next((opener for ending, opener in OPENERS.items() if name.endswith(ending)), None)
    if opener is None:
        problem = f"the ending is none of {', '.join(OPENERS)} (.gz may follow one of a text file)"
        raise RequestError(Mistake("input", problem, "rename or convert the file", typed))
    with readable(typed):
        return opener(path, typed, settings)


@contextmanager
def readable(typed: str) -> Iterator[None]:
    """Raise RequestError in place of the errors of readers for a file that is of another format or damaged."""
    try:
        yield
    except RequestError:
        raise
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:  # pyarrow's errors are ValueErrors
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RequestError(Mistake("input", f"cannot be read: {reason}", value=typed)) from error


def _standard_input(settings: Settings) -> Input:
    stream = io.BufferedReader(sys.stdin.buffer)  # type: ignore[type-var]
    start = stream.peek(4096).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    lines = _decoded(stream, settings)
    with readable(STANDARD):
        if start == b"{":
            return _json_lines(lines, STANDARD, settings)
        return _csv(lines, STANDARD, settings.delimiter or ",", settings)


def _decoded(stream: Any, settings: Settings) -> Iterator[str]:
    """The lines of a stream of bytes; a byte that is not in the encoding becomes a surrogate, which marks its row."""
    name = codecs.lookup(settings.encoding).name
    lenient = "surrogateescape" if "a".encode(name) == b"a" else "strict"
    lines = io.TextIOWrapper(stream, "utf-8-sig" if name == "utf-8" else name, lenient, newline="")
    settings.files.callback(lines.detach)  # otherwise it would close standard input
    return lines


def _csv_file(path: Path, typed: str, settings: Settings) -> Input:
    delimiter = settings.delimiter or ("\t" if ".tsv" in path.name.lower() else ",")
    return _csv(_decoded(settings.files.enter_context(open_text(path)), settings), typed, delimiter, settings)


def _csv(lines: Iterator[str], typed: str, delimiter: str, settings: Settings) -> Input:
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
    _refuse_header(columns, typed, settings.encoding)
    return Input(typed, columns, _csv_rows(reader, source, columns, settings.encoding, typed))


class _Lines:
    """Lines of which it is known whether a reader has asked for one more than there is: it does so in an open quote."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines, self.ended = lines, False

    def __iter__(self) -> Iterator[str]:
        yield from self.lines
        self.ended = True


def _refuse_header(columns: Sequence[str], typed: str, encoding: str) -> None:
    if wrong := [name for name in columns if not _sound(name)]:
        problem = f"its header {WRONG_ENCODING.format(encoding)}"
        raise RequestError(Mistake("input", problem, f"encoding={_likely_encoding(wrong)}", typed))
    if repeated := sorted({name for name in columns if list(columns).count(name) > 1}):
        raise RequestError(Mistake("input", f"has several columns of the name {listed(repeated)}", "rename one", typed))


def _csv_rows(
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
            if not all(cell.isascii() or _sound(cell) for cell in cells):
                fault = _wrong_encoding(cells, encoding)
                cells = [_mended(cell) for cell in cells]
            yield dict(zip(columns, cells, strict=True)), fault


def _wrong_encoding(texts: Sequence[str], encoding: str) -> str:
    """Why a row cannot be read, with the encoding that its bytes are probably in."""
    return f"{WRONG_ENCODING.format(encoding)}; encoding={_likely_encoding(texts)} may read it"


def _likely_encoding(texts: Sequence[str]) -> str:
    return single_byte_encoding([text.encode("utf-8", "surrogateescape") for text in texts]) or "latin-1"


def _sound(text: str) -> bool:
    """Return whether a text has no surrogate, which stands for a byte of another encoding or half of a character."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _mended(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if not _sound(text) else text


def _json_file(path: Path, typed: str, settings: Settings) -> Input:
    return _json_lines(_decoded(settings.files.enter_context(open_text(path)), settings), typed, settings)


def _json_lines(lines: Iterator[str], typed: str, settings: Settings) -> Input:
    rows = _json_rows(lines, settings.encoding, typed)
    head = list(itertools.islice(rows, HEAD_LINES))
    columns = list(dict.fromkeys(key for cells, _ in head for key in cells))
    if not columns:
        problem = "no line is a JSON object; one object per line is expected" if head else "is empty"
        raise RequestError(Mistake("input", problem, value=typed))
    return Input(typed, columns, itertools.chain(head, rows))


def _json_rows(lines: Iterator[str], encoding: str, typed: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    with readable(typed):
        for line in lines:
            if not line.strip():
                continue
            if not _sound(line):
                yield {}, _wrong_encoding([line], encoding)
                continue
            try:
                cells = json.loads(line)
                fault = None if isinstance(cells, dict) else "is not a JSON object"
            except (ValueError, RecursionError) as error:
                cells, fault = {}, f"is not JSON: {error}"
            if fault is None and "\\u" in line and not _sound(json.dumps(cells, ensure_ascii=False)):
                cells, fault = {}, "contains half of a character"
            yield (cells if isinstance(cells, dict) else {}), fault


def _parquet(path: Path, typed: str, settings: Settings) -> Input:
    import pyarrow.parquet

    file = settings.files.enter_context(pyarrow.parquet.ParquetFile(path))
    schema = file.schema_arrow

    def rows() -> Iterator[tuple[dict[str, Any], str | None]]:
        with readable(typed):
            for batch in file.iter_batches(HEAD_LINES):
                yield from ((cells, None) for cells in batch.to_pylist())

    _refuse_header(schema.names, typed, "utf-8")
    if not file.metadata.num_rows:
        raise RequestError(Mistake("input", "has no rows", value=typed))
    return Input(typed, list(schema.names), rows(), {field.name: field.type for field in schema})


def _xlsx(path: Path, typed: str, settings: Settings) -> Input:
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
    _refuse_header(header, typed, "utf-8")

    def rows() -> Iterator[tuple[dict[str, Any], str | None]]:
        with readable(typed):
            for line in lines:
                if any(cell is not None for cell in line):
                    yield dict(itertools.zip_longest(header, line[: len(header)])), None

    return Input(typed, header, rows())


def _plain(cell: Any) -> Any:
    return cell if cell is None or isinstance(cell, str | int | float | bool) else str(cell)


OPENERS: Mapping[str, Callable[[Path, str, Settings], Input]] = {
    ".csv": _csv_file, ".tsv": _csv_file, ".jsonl": _json_file, ".ndjson": _json_file, ".json": _json_file,
    ".parquet": _parquet, ".xlsx": _xlsx,
}  # fmt: skip
"""The function that opens a file, by its ending."""
