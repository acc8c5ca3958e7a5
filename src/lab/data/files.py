"""Local files as tables of text: CSV, TSV, Parquet and JSON lines, by their endings, also gzipped.

Read through `datasets`, memory-mapped, every column as string: a column that turns from numbers to text half-way, "nan"
as a word and "007" stay what stands in the file. JSON lines are converted here, because Arrow's reader rewrites numbers
and dates. The Arrow copy in the cache is keyed by path, size and times of the file, so an edited file is read again.
Cost: a few seconds per million rows, once.
"""

import codecs
import contextlib
import errno
import glob
import gzip
import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from lab.data.cache import mark_used
from lab.data.mistaken_files import other_encoding, workbook
from lab.data.tables import Table, holds_text
from lab.errors import Mistake, RequestError, nearest, quoted
from lab.files import write_whole

KINDS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_LONG_BYTES = 200_000_000
_HEAD_LINES, _LINES = 1000, 10_000


def kind_of(path: Path) -> str | None:
    """csv, parquet, jsonl, or None for an ending that is not known."""
    name = path.name.lower().removesuffix(".gz")
    return next((kind for ending, kind in KINDS.items() if name.endswith(ending)), None)


def stem(path: Path) -> str:
    """The file's name without its endings."""
    return Path(path.name.removesuffix(".gz")).stem


def open_file(path: Path, key: str, delimiter: str | None, encoding: str, cache: Path) -> Table:
    """The file's columns. key: config key to blame. Raises RequestError for a file that cannot be read as it should."""
    _check(path, key)
    folder = cache / "files" / _digest(path, delimiter, encoding)
    if delimiter is None:
        delimiter = "\t" if ".tsv" in path.name.lower() else ","
    mark_used(folder)  # also while it is read: a copy that is there must not go meanwhile
    try:
        with quiet(path.stat().st_size):
            table = _READERS[str(kind_of(path))](path, delimiter, encoding, folder)
    except RequestError:
        raise
    except Exception as error:
        raise RequestError(_explained(error, path, key, encoding, folder)) from error
    if not len(table):
        raise RequestError(Mistake(key, "has a header and no rows", value=path))
    mark_used(folder)
    return table


@contextlib.contextmanager
def quiet(num_bytes: int = 0) -> Iterator[None]:
    """Silence what `datasets` prints, but for the progress bars of long work."""
    import datasets

    level, bars = datasets.logging.get_verbosity(), datasets.is_progress_bar_enabled()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    if num_bytes < _LONG_BYTES:
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
        with _opened(path) as file:
            empty = not file.read(4).removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RequestError(Mistake(key, f"cannot be read: {reason}", value=path)) from error
    if empty:
        raise RequestError(Mistake(key, "is empty", value=path))


def _read_csv(path: Path, delimiter: str, encoding: str, folder: Path) -> Table:
    import datasets
    import pandas

    options = {"sep": delimiter, "encoding": encoding, "keep_default_na": False}
    head = pandas.read_csv(path, nrows=1, dtype=str, **options)
    if not isinstance(head.index, pandas.RangeIndex):
        raise ValueError("the first row has more fields than the header")
    if not len(head):
        return Table(pa.table({name: pa.array([], pa.string()) for name in head.columns}))
    features = datasets.Features({name: datasets.Value("string") for name in head.columns})
    names = pandas.read_csv(path, nrows=1, header=None, dtype=str, **options).iloc[0].tolist()
    repeated = tuple(sorted({name for name in names if name and names.count(name) > 1}))
    return replace(_loaded("csv", path, folder, features=features, **options), repeated=repeated)


def _read_parquet(path: Path, _delimiter: str, _encoding: str, folder: Path) -> Table:
    import datasets
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(path)
    columns = [field.name for field in schema if holds_text(field.type)]
    if not pyarrow.parquet.read_metadata(path).num_rows:
        return Table(schema.empty_table().select(columns))
    features = datasets.Features({name: datasets.Value("string") for name in columns})
    return _loaded("parquet", path, folder, columns=columns, features=features, batch_size=_LINES)


def _loaded(kind: str, path: Path, folder: Path, **options: Any) -> Table:
    import datasets

    files = glob.escape(str(path.resolve()))
    return Table(datasets.load_dataset(kind, data_files=files, split="train", cache_dir=str(folder), **options))


def _read_jsonl(path: Path, _delimiter: str, encoding: str, folder: Path) -> Table:
    import datasets

    copy = folder / "rows.arrow"
    if not copy.exists():
        write_whole(copy, lambda aside: _convert(path, encoding, aside))
    return Table(datasets.Dataset.from_file(str(copy)))


def _convert(path: Path, encoding: str, target: Path) -> None:
    """JSON lines as an Arrow stream of strings. Columns are the keys of the first 1,000 lines; others are left out."""
    with _opened(path, "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding) as file:
        rows = (_parsed(number, line) for number, line in enumerate(file, 1) if line.strip())
        head = list(itertools.islice(rows, _HEAD_LINES))
        schema = pa.schema([(name, pa.string()) for name in dict.fromkeys(key for row in head for key in row)])
        with pa.ipc.new_stream(target, schema) as writer:
            rest = itertools.chain(head, rows)
            while some := list(itertools.islice(rest, _LINES)):
                columns = [pa.array([_cell(row.get(name)) for row in some], pa.string()) for name in schema.names]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _parsed(number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {number} is not JSON ({error.msg}); one object a line is expected") from None
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is not a JSON object; one object a line is expected")
    return row


def _cell(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_READERS = {"csv": _read_csv, "parquet": _read_parquet, "jsonl": _read_jsonl}


def _opened(path: Path, encoding: str | None = None) -> IO[Any]:
    mode = "rt" if encoding else "rb"
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    file: IO[Any] = opener(path, mode, encoding=encoding)
    return file


def _digest(path: Path, *parts: object) -> str:
    stat = path.stat()
    named = (path.resolve(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, *parts)
    return hashlib.sha256("\n".join(map(str, named)).encode()).hexdigest()[:32]


def _explained(error: Exception, path: Path, key: str, encoding: str, folder: Path) -> Mistake:
    """The innermost reason in the words of the request. folder: where the Arrow copy was to go."""
    chain = [error]
    while isinstance(cause := chain[-1].__cause__, Exception):
        chain.append(cause)
    wrong = next((link for link in chain if isinstance(link, UnicodeError)), None)
    if wrong is not None:
        return Mistake(key, f"is not {encoding} ({wrong})", f"data.encoding={other_encoding(path, encoding)}", path)
    for link in chain:
        if isinstance(link, OSError) and (
            link.errno == errno.ENOSPC or folder.parent.parent in _parents(link.filename)
        ):
            reason = link.strerror or str(link)
            return Mistake("cache.dir", f"cannot hold the Arrow copy of {path.name}: {reason}", "cache.dir=FOLDER")
    reason = " ".join(str(chain[-1]).split()) or type(chain[-1]).__name__
    remedy = ""
    if kind_of(path) == "csv":
        remedy = f"quote fields that hold the delimiter, or name it: {quoted('data.delimiter', ';')}"
    return Mistake(key, f"cannot be read: {reason}", remedy, path)


def _parents(name: object) -> tuple[Path, ...]:
    """The path an OSError is about, and the folders it lies in."""
    return (Path(name), *Path(name).parents) if isinstance(name, str | Path) else ()
