"""Local files as tables of text: CSV, TSV, Parquet and JSON lines, by their endings, also gzipped.

Every column is converted to text once. The Arrow copy is an entry of the cache with checksums and is memory-mapped. Its
name depends on the file's path, size and times, so an edited file is read again. Cost: a few seconds per million rows,
once; about 1 s per GiB for the checksums.
"""

import codecs
import contextlib
import errno
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from lab.core.errors import Mistake, RequestError, missing_file
from lab.data.cache.store import make_entry
from lab.data.readers.csv_file import CsvFile
from lab.data.readers.encodings import is_really_utf_8, wrong_encoding
from lab.data.readers.file_bytes import open_text, workbook_mistake
from lab.data.readers.json_lines import JsonLinesFile
from lab.data.readers.parquet_file import ParquetFile
from lab.data.readers.row_file import FileSettings, RowFile
from lab.data.readers.text_table import Table

FORMATS: Mapping[str, type[RowFile]] = {
    ".csv": CsvFile, ".tsv": CsvFile, ".parquet": ParquetFile, ".jsonl": JsonLinesFile, ".ndjson": JsonLinesFile,
    ".json": JsonLinesFile,
}  # fmt: skip
"""The format of each ending."""
ROWS, KINDS_OF_CELLS = "rows.arrow", "kinds.json"
READ_ERRORS = (OSError, EOFError, ValueError, zlib.error, pa.ArrowException)
"""Errors of the readers of Python, pandas and Arrow for a file that is of another format or incomplete."""
_LAYOUT = 2
"""Part of a copy's name; increased when the same file is copied differently."""


def format_of(path: Path) -> type[RowFile] | None:
    """Return the format of a file by its ending; None for an unknown ending."""
    name = path.name.lower().removesuffix(".gz")
    return next((format for ending, format in FORMATS.items() if name.endswith(ending)), None)


def stem(path: Path) -> str:
    """Return the file's name without its endings."""
    return Path(path.name.removesuffix(".gz")).stem


def open_file(path: Path, key: str, settings: FileSettings, cache: Path) -> Table:
    """Return the file's columns. key: config key that names the file. Raises RequestError for a file that cannot be
    read, or would be read wrongly."""
    file = checked(path, key)(path, key, settings)
    folder = cache / "files" / _digest(path, settings.delimiter, settings.encoding, settings.quoting, _LAYOUT)

    def fill(aside: Path) -> None:
        if "encoding" in file.read_settings and is_really_utf_8(path, settings.encoding):
            problem = f"is UTF-8; read as {settings.encoding}, each letter beyond ASCII becomes two wrong ones"
            raise RequestError(Mistake(key, problem, "data.encoding=utf-8", path))
        if kinds := file.write_rows(aside / ROWS):
            (aside / KINDS_OF_CELLS).write_text(json.dumps(kinds))

    try:
        make_entry(folder, fill)
        table = mapped(folder, file.repeated)
    except RequestError:
        raise
    except READ_ERRORS as error:
        raise RequestError(_explained(error, file, folder)) from error
    if not len(table):
        raise RequestError(Mistake(key, "has a header and no rows", value=path))
    return table


def mapped(folder: Path, repeated: tuple[str, ...] = ()) -> Table:
    """Return the table of a copy, memory-mapped."""
    import datasets

    path = folder / KINDS_OF_CELLS
    json_kinds = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Table(datasets.Dataset.from_file(str(folder / ROWS)), repeated=repeated, json_kinds=json_kinds)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the output of `datasets`."""
    import datasets

    level, bars = datasets.logging.get_verbosity(), datasets.is_progress_bar_enabled()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if bars:
            datasets.enable_progress_bars()


def checked(path: Path, key: str) -> type[RowFile]:
    """Return the format of a file that exists and is not empty. Raises RequestError for any other path."""
    if (missing := missing_file(key, path, lambda other: format_of(other) is not None, "file of texts")) is not None:
        raise RequestError(missing)
    try:
        mistake = workbook_mistake(path, key)
        with open_text(path) as file:
            empty = not file.read(4).removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RequestError(Mistake(key, f"cannot be read: {reason}", value=path)) from error
    if mistake is not None:
        raise RequestError(mistake)
    format = format_of(path)
    if format is None:
        endings = ", ".join(FORMATS)
        raise RequestError(Mistake(key, f"the ending is none of {endings} (.gz may follow)", "rename the file", path))
    if empty:
        raise RequestError(Mistake(key, "is empty", value=path))
    return format


def _digest(path: Path, *parts: object) -> str:
    stat = path.stat()
    identity = (path.resolve(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, *parts)
    return hashlib.sha256("\n".join(map(str, identity)).encode()).hexdigest()[:32]


def _explained(error: Exception, file: RowFile, folder: Path) -> Mistake:
    """The innermost reason of an error as a mistake of the request. folder: of the Arrow copy."""
    path, key = file.path, file.key
    chain = [error]
    while isinstance(cause := chain[-1].__cause__, Exception):
        chain.append(cause)
    if any(isinstance(link, UnicodeDecodeError) or "UTF-16 stream" in str(link) for link in chain):
        return _wrong_encoding(file)
    for link in chain:
        if isinstance(link, OSError) and (
            link.errno == errno.ENOSPC or folder.parent.parent in _parents(link.filename)
        ):
            reason = link.strerror or str(link)
            return Mistake("cache.dir", f"cannot hold the Arrow copy of {path.name}: {reason}", "cache.dir=FOLDER")
    reason = " ".join(str(chain[-1]).split()) or type(chain[-1]).__name__
    if isinstance(chain[-1], ValueError):  # errors of pandas' parser are of this type
        try:
            return file.explain(reason)
        except UnicodeDecodeError:  # the parser stopped before bytes that are in another encoding
            return _wrong_encoding(file)
    return Mistake(key, f"cannot be read: {reason}", value=path)


def _wrong_encoding(file: RowFile) -> Mistake:
    """The mistake of a file in another encoding. If one is proposed, also what else the file needs then."""
    mistake = wrong_encoding(file.path, file.key, file.settings.encoding)
    try:
        also = file.remedy_in(codecs.lookup(mistake.remedy.removeprefix("data.encoding=")).name)
    except (LookupError, UnicodeError):  # no encoding is proposed, or a line is not in it
        also = ""
    return replace(mistake, remedy=f"{mistake.remedy} {also}") if also else mistake


def _parents(name: object) -> tuple[Path, ...]:
    """The path of an OSError and the folders that contain it."""
    return (Path(name), *Path(name).parents) if isinstance(name, str | Path) else ()
