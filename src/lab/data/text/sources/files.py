"""Files as a source: files to split, or files for each split. All mistakes of all files are reported together."""

import codecs
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lab.config.schema import Files
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers import text_files
from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_table import Table
from lab.data.text.column_checks import missing_columns
from lab.data.text.label_survey import Columns
from lab.data.text.sources.base import ALL, Inputs, Source, columns_of

log = logging.getLogger(__name__)


def open_files(data: Files, cache: Path) -> Source:
    """Open the files of a request. Raises RequestError with the mistakes of all files and columns."""
    named = {"path": data.path, "train": data.train, "val": data.val, "test": data.test}
    paths_of = {key: (paths,) if isinstance(paths, str) else paths for key, paths in named.items() if paths}
    mistakes = _wrong_request(data, set(paths_of))
    mistakes += _unused_settings(data, [path for paths in paths_of.values() for path in paths])
    tables = read_files(paths_of, data, cache, mistakes)
    stacked = {ALL if key == "path" else key: table for key, table in tables.items()}
    return Source(text_files.stem(Path(next(iter(paths_of.values()))[0])), stacked, columns_of(data))


def read_files(
    paths_of: Mapping[str, Sequence[str]], data: Files, cache: Path, mistakes: Sequence[Mistake] = ()
) -> dict[str, Table]:
    """Return the table of each key (`train`, say) of the files that it names. Raises RequestError with the mistakes of
    all files and columns, and the `mistakes` that are known already."""
    columns, settings = columns_of(data), FileSettings(data.delimiter, data.encoding, data.quoting)
    mistakes = list(mistakes)
    tables: dict[str, list[Table]] = {key: [] for key in paths_of}
    for key, paths in paths_of.items():
        for path in map(Path, paths):
            try:
                table = text_files.open_file(path.expanduser(), f"data.{key}", settings, cache)
            except RequestError as error:
                there = [name for name in paths if Path(name).expanduser().is_file()]
                remedy = quoted(f"data.{key}", there) if there and not path.expanduser().is_file() else None
                mistakes += [replace(each, remedy=remedy or each.remedy) for each in error.mistakes]
                continue
            mistakes += missing_columns(columns, table, path.name, data.delimiter)
            if unused := sorted(set(table.repeated) - set(columns.all)):
                log.warning("%s has several columns of the name %s; none of them is read", path.name, listed(unused))
            tables[key].append(table)
    if mistakes:
        raise RequestError(dict.fromkeys(mistakes))
    return {key: _stacked(parts, columns) for key, parts in tables.items()}


def _wrong_request(data: Files, keys: set[str]) -> list[Mistake]:
    """Mistakes that can be found before any file is opened. keys: those that name files."""
    mistakes = []
    if not keys & {"path", "train"}:
        mistakes.append(
            Mistake("data.path", "no file given", "data.path=avisos.csv, or data.train=train.csv data.test=test.csv")
        )
    if "path" in keys and keys - {"path"}:
        others = ", ".join(f"data.{key}" for key in ("train", "val", "test") if key in keys)
        problem = f"the split is drawn from data.path, but {others} is given as well"
        mistakes.append(Mistake("data.path", problem, "data.train instead of data.path, or data.path alone", data.path))
    wrong_settings = []
    if data.delimiter is not None and len(data.delimiter) != 1:
        remedy = quoted("data.delimiter", ";")
        wrong_settings.append(Mistake("data.delimiter", "must be one character", remedy, data.delimiter))
    try:
        codecs.lookup(data.encoding)
    except LookupError:
        remedy = nearest(data.encoding, ("utf-8", "utf-16", "latin-1", "cp1252")) or "latin-1"
        wrong_settings.append(Mistake("data.encoding", "no such encoding", f"data.encoding={remedy}", data.encoding))
    if wrong_settings:
        raise RequestError(mistakes + wrong_settings)  # files cannot be read with these
    return mistakes


def _unused_settings(data: Files, paths: Sequence[str]) -> list[Mistake]:
    """Settings of text files that the format of no file uses."""
    formats = [text_files.format_of(Path(path)) for path in paths]
    used = {name for format in formats if format is not None for name in format.read_settings}
    if not formats or None in formats:
        return []
    defaults = {"delimiter": "null", "quoting": "auto", "encoding": "utf-8"}
    changed = {"delimiter": data.delimiter, "quoting": data.quoting if data.quoting != "auto" else None,
               "encoding": data.encoding if codecs.lookup(data.encoding).name != "utf-8" else None}  # fmt: skip
    problem = "has no effect: the format of the files does not use it"
    return [Mistake(f"data.{name}", problem, f"data.{name}={defaults[name]}", value)
            for name, value in changed.items() if value is not None and name not in used]  # fmt: skip


def _stacked(tables: Sequence[Table], columns: Columns) -> Table:
    """The rows of several tables of text columns, one table after another."""
    import datasets

    if len(tables) == 1:
        return tables[0]
    return Table(datasets.concatenate_datasets([table.data.select_columns(list(columns.all)) for table in tables]))


def files_named(data: Files) -> Inputs:
    """Return the files of each split by their resolved paths."""
    named = {"train": data.train, "val": data.val, "test": data.test}
    paths_of = {key: (paths,) if isinstance(paths, str) else paths or () for key, paths in named.items()}
    return {
        f"data.{key}": {path.resolve(): str(path) for path in (Path(name).expanduser() for name in paths)}
        for key, paths in paths_of.items()
    }
