"""Local files as tables of text: CSV, TSV, Parquet and JSON lines, by their endings, also gzipped.

Every column is made text once, in an Arrow copy that lies in the cache, sealed, and is memory-mapped. It is keyed by
path, size and times of the file, so an edited file is read again. JSON lines are converted here, because Arrow's reader
rewrites numbers and dates. Cost: a few seconds per million rows, once; the check of the seal, about 1 s per GiB.
"""

import codecs
import contextlib
import errno
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lab.core.errors import Mistake, RequestError, nearest
from lab.core.hydra_quoting import quoted
from lab.data.cache.store import made
from lab.data.readers.csv_file import CsvFile, why_unreadable, write_rows
from lab.data.readers.encodings import is_utf_8_after_all, wrong_encoding
from lab.data.readers.file_checks import workbook
from lab.data.readers.json_lines import write_json_lines
from lab.data.readers.parquet_file import write_parquet
from lab.data.readers.raw_text import open_text
from lab.data.readers.text_table import Table

KINDS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
ROWS, KINDS_OF_CELLS = "rows.arrow", "kinds.json"
READING = (OSError, EOFError, ValueError, zlib.error, pa.ArrowException)
"""What Python's, pandas' and Arrow's readers raise for a file that is not of its kind, or is cut."""
_LAYOUT = 2
"""Part of a copy's name; one more whenever the same file makes another copy."""


@dataclass(frozen=True)
class Format:
    """How a file of text is written; None: as its kind usually is. quoting: see `lab.data.readers.csv_quotes`."""

    delimiter: str | None = None
    encoding: str = "utf-8"
    quoting: str = "auto"


def kind_of(path: Path) -> str | None:
    """csv, parquet, jsonl, or None for an ending that is not known."""
    name = path.name.lower().removesuffix(".gz")
    return next((kind for ending, kind in KINDS.items() if name.endswith(ending)), None)


def stem(path: Path) -> str:
    """The file's name without its endings."""
    return Path(path.name.removesuffix(".gz")).stem


def open_file(path: Path, key: str, how: Format, cache: Path) -> Table:
    """The file's columns. key: config key to blame. Raises RequestError for a file that cannot be read as it should."""
    _check(path, key)
    kind = kind_of(path)
    folder = cache / "files" / _digest(path, how.delimiter, how.encoding, how.quoting, _LAYOUT)
    file = CsvFile(path, key, how.delimiter, how.encoding, how.quoting) if kind == "csv" else None

    def fill(aside: Path) -> None:
        if kind == "parquet":
            write_parquet(path, aside / ROWS)
            return
        if is_utf_8_after_all(path, how.encoding):
            problem = f"is UTF-8; read as {how.encoding}, each letter beyond ASCII is two wrong ones"
            raise RequestError(Mistake(key, problem, "data.encoding=utf-8", path))
        if file is not None:
            write_rows(file, aside / ROWS)
        else:
            (aside / KINDS_OF_CELLS).write_text(json.dumps(write_json_lines(path, how.encoding, aside / ROWS)))

    try:
        made(folder, fill)
        table = mapped(folder, () if file is None else file.repeated)
    except RequestError:
        raise
    except READING as error:
        raise RequestError(_explained(error, path, key, how.encoding, folder, file)) from error
    if not len(table):
        raise RequestError(Mistake(key, "has a header and no rows", value=path))
    return table


def mapped(folder: Path, repeated: tuple[str, ...] = ()) -> Table:
    """The table of a copy, memory-mapped."""
    import datasets

    kinds = folder / KINDS_OF_CELLS
    json_kinds = json.loads(kinds.read_text(encoding="utf-8")) if kinds.is_file() else {}
    return Table(datasets.Dataset.from_file(str(folder / ROWS)), repeated=repeated, json_kinds=json_kinds)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence what `datasets` prints."""
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


def _check(path: Path, key: str) -> None:
    if not path.exists():
        folder = path.parent
        beside = [other.name for other in folder.iterdir() if kind_of(other)] if folder.is_dir() else []
        close = nearest(path.name, beside)
        remedy = quoted(key, folder / close) if close else ""
        raise RequestError(Mistake(key, "no such file" if folder.is_dir() else "no such folder", remedy, path))
    if not path.is_file():
        files = sorted(other.name for other in path.iterdir() if kind_of(other)) if path.is_dir() else []
        remedy = quoted(key, path / files[0]) if files else "the path of a file"
        raise RequestError(Mistake(key, "is a folder, not a file" if path.is_dir() else "is not a file", remedy, path))
    try:
        mistake = workbook(path, key)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RequestError(Mistake(key, f"cannot be read: {reason}", value=path)) from error
    if mistake is not None:
        raise RequestError(mistake)
    if kind_of(path) is None:
        endings = ", ".join(KINDS)
        raise RequestError(Mistake(key, f"the ending is none of {endings} (.gz may follow)", "rename the file", path))
    try:
        with open_text(path) as file:
            empty = not file.read(4).removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RequestError(Mistake(key, f"cannot be read: {reason}", value=path)) from error
    if empty:
        raise RequestError(Mistake(key, "is empty", value=path))


def _digest(path: Path, *parts: object) -> str:
    stat = path.stat()
    named = (path.resolve(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, *parts)
    return hashlib.sha256("\n".join(map(str, named)).encode()).hexdigest()[:32]


def _explained(error: Exception, path: Path, key: str, encoding: str, folder: Path, file: CsvFile | None) -> Mistake:
    """The innermost reason in the words of the request. folder: where the Arrow copy was to go."""
    chain = [error]
    while isinstance(cause := chain[-1].__cause__, Exception):
        chain.append(cause)
    if any(isinstance(link, UnicodeDecodeError) or "UTF-16 stream" in str(link) for link in chain):
        return wrong_encoding(path, key, encoding)
    for link in chain:
        if isinstance(link, OSError) and (
            link.errno == errno.ENOSPC or folder.parent.parent in _parents(link.filename)
        ):
            reason = link.strerror or str(link)
            return Mistake("cache.dir", f"cannot hold the Arrow copy of {path.name}: {reason}", "cache.dir=FOLDER")
    reason = " ".join(str(chain[-1]).split()) or type(chain[-1]).__name__
    if file is not None and isinstance(chain[-1], ValueError):  # what pandas' parser raises is one
        try:
            return why_unreadable(file, reason)
        except UnicodeDecodeError:  # the parser stopped ahead of bytes that are in another encoding
            return wrong_encoding(path, key, encoding)
    return Mistake(key, f"cannot be read: {reason}", value=path)


def _parents(name: object) -> tuple[Path, ...]:
    """The path an OSError is about, and the folders it lies in."""
    return (Path(name), *Path(name).parents) if isinstance(name, str | Path) else ()
