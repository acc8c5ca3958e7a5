"""From the request to tables: which splits are given, where their rows lie, and what can be wrong before reading them.

All that is wrong with files and columns is found together, so that a person mends it in one go. Sources: the generator,
files, a data set of the hub by name (or a local folder in its layout), and IMDB, which comes as any of these or as the
aclImdb folder of its authors.
"""

import codecs
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.config.schema import Columned, Files, Hub, Imdb, Labelled, Maintenance
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers import text_files
from lab.data.readers.hub import load_splits
from lab.data.readers.text_table import Table
from lab.data.text.column_checks import missing_columns, wrong_names
from lab.data.text.label_sets import split_tables
from lab.data.text.label_survey import Columns
from lab.data.text.maintenance.generator import generate

log = logging.getLogger(__name__)
ALL = "all"
"""The one table of a source without splits."""


@dataclass(frozen=True)
class Source:
    """Tables by split (`train`, perhaps `val` and `test`, or `all` alone) and what to read in them.

    classes: per head, their order where the source knows it. probabilities: per head (rows of `all`, classes).
    """

    name: str
    tables: dict[str, Table]
    columns: Columns
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    probabilities: dict[str, npt.NDArray[np.float32]] | None = None


def open_source(data: Labelled, cache: Path) -> Source:
    """Open what `data` asks for. Raises RequestError with everything that is wrong with paths and columns."""
    mistakes = wrong_names(_columns(data)) if isinstance(data, Columned) else []
    mistakes += shared_sources(data) if data.leaks.action == "refuse" else []
    try:
        source = _opened(data, cache)
    except RequestError as error:
        raise RequestError((*mistakes, *error.mistakes)) from error
    if not isinstance(data, Files):  # files are checked one by one
        for split, table in source.tables.items():
            where = source.name if split == ALL else f"the {split} split of {source.name}"
            mistakes += missing_columns(source.columns, table, where)
    _refuse(mistakes)
    return _with_sets_split(source)


def _with_sets_split(source: Source) -> Source:
    """The source with a column per label instead of each column of sets. Raises RequestError where names clash."""
    columns, tables, mistakes = source.columns, source.tables, list[Mistake]()
    made: dict[str, tuple[str, ...]] = {}
    for column in columns.sets or ():
        try:
            split = split_tables(tables, column, columns.set_separator, columns.missing)
        except RequestError as error:
            mistakes += error.mistakes
            continue
        made[column] = tuple(name for name, (of, _) in next(iter(split.values())).made.items() if of == column)
        tables = dict(split)
    _refuse(mistakes)
    labels = tuple(name for label in columns.labels for name in made.get(label, (label,)))
    return replace(source, tables=tables, columns=replace(columns, labels=labels))


def _opened(data: Labelled, cache: Path) -> Source:
    if isinstance(data, Maintenance):
        return _generated(data)
    if isinstance(data, Files):
        return _from_files(data, cache)
    if isinstance(data, Imdb):
        return _imdb(data, cache)
    assert isinstance(data, Hub), f"no source for {type(data).__name__}"
    return Source(data.path.rstrip("/").split("/")[-1], load_splits(data, data.config, cache), _columns(data))


def _columns(data: Columned) -> Columns:
    return Columns(
        data.text, data.labels, data.split.group, data.text_separator, data.missing_markers, data.split_labels,
        data.label_separator,
    )  # fmt: skip


def _refuse(mistakes: Sequence[Mistake]) -> None:
    if mistakes:
        raise RequestError(mistakes)


def _generated(data: Maintenance) -> Source:
    reports = generate(data.num_rows, data.generator_seed, data.difficulty)
    columns: dict[str, Any] = {"text": pa.array(reports.texts, pa.string())}
    columns |= {head: pa.array(codes) for head, codes in reports.labels.items()}
    table = Table(pa.table(columns), reports.classes)
    wanted = Columns(("text",), tuple(reports.classes), data.split.group)
    return Source("maintenance", {ALL: table}, wanted, reports.classes, reports.probabilities)


def _from_files(data: Files, cache: Path) -> Source:
    asked = {"path": data.path, "train": data.train, "val": data.val, "test": data.test}
    given = {key: (paths,) if isinstance(paths, str) else paths for key, paths in asked.items() if paths}
    mistakes = _wrong_request(data, set(given)) + _without_effect(data, [p for paths in given.values() for p in paths])
    wanted, how = _columns(data), text_files.Format(data.delimiter, data.encoding, data.quoting)
    opened: dict[str, list[Table]] = {key: [] for key in given}
    for key, paths in given.items():
        for path in map(Path, paths):
            try:
                table = text_files.open_file(path.expanduser(), f"data.{key}", how, cache)
            except RequestError as error:
                mistakes += error.mistakes
                continue
            mistakes += missing_columns(wanted, table, path.name, data.delimiter)
            if unused := sorted(set(table.repeated) - set(wanted.all)):
                log.warning("%s has several columns of the name %s; none of them is read", path.name, listed(unused))
            opened[key].append(table)
    _refuse(list(dict.fromkeys(mistakes)))
    tables = {ALL if key == "path" else key: _stacked(found, wanted) for key, found in opened.items()}
    return Source(text_files.stem(Path(next(iter(given.values()))[0])), tables, wanted)


def _wrong_request(data: Files, given: set[str]) -> list[Mistake]:
    """What is wrong before any file is looked at."""
    mistakes = []
    if not given & {"path", "train"}:
        mistakes.append(Mistake("data.path", "no file given", "data.path=FILE, or data.train=FILE with data.test=FILE"))
    if "path" in given and given - {"path"}:
        others = ", ".join(f"data.{key}" for key in ("train", "val", "test") if key in given)
        problem = f"the split is drawn from data.path, yet {others} is given as well"
        mistakes.append(Mistake("data.path", problem, "data.train instead of data.path, or data.path alone", data.path))
    if data.delimiter is not None and len(data.delimiter) != 1:
        remedy = quoted("data.delimiter", ";")
        mistakes.append(Mistake("data.delimiter", "must be one character", remedy, data.delimiter))
    try:
        codecs.lookup(data.encoding)
    except LookupError:
        remedy = nearest(data.encoding, ("utf-8", "utf-16", "latin-1", "cp1252")) or "latin-1"
        mistakes.append(Mistake("data.encoding", "no such encoding", f"data.encoding={remedy}", data.encoding))
    if mistakes and any(mistake.key in ("data.delimiter", "data.encoding") for mistake in mistakes):
        raise RequestError(mistakes)  # files would be read by them
    return mistakes


def _without_effect(data: Files, paths: Sequence[str]) -> list[Mistake]:
    """Settings of text files where no file given is read by them."""
    kinds = {text_files.kind_of(Path(path)) for path in paths}
    if not kinds or None in kinds:
        return []
    mistakes = []
    if data.delimiter is not None and "csv" not in kinds:
        problem = "has no effect: no file given is CSV or TSV"
        mistakes.append(Mistake("data.delimiter", problem, "data.delimiter=null", data.delimiter))
    if data.quoting != "auto" and "csv" not in kinds:
        problem = "has no effect: no file given is CSV or TSV"
        mistakes.append(Mistake("data.quoting", problem, "data.quoting=auto", data.quoting))
    if codecs.lookup(data.encoding).name != "utf-8" and kinds == {"parquet"}:
        problem = "has no effect: Parquet files keep their own"
        mistakes.append(Mistake("data.encoding", problem, "data.encoding=utf-8", data.encoding))
    return mistakes


def _stacked(tables: Sequence[Table], columns: Columns) -> Table:
    """Tables of text columns, one after another."""
    import datasets

    if len(tables) == 1:
        return tables[0]
    return Table(datasets.concatenate_datasets([table.data.select_columns(list(columns.all)) for table in tables]))


def shared_sources(data: Labelled) -> list[Mistake]:
    """A file, or a split of the hub, that stands for two splits: caps may hide it from the count of equal texts."""
    if isinstance(data, Files):
        asked = {"train": data.train, "val": data.val, "test": data.test}
        listed_paths = {key: (paths,) if isinstance(paths, str) else paths or () for key, paths in asked.items()}
        named = {f"data.{key}": [Path(path).expanduser() for path in paths] for key, paths in listed_paths.items()}
        held = {key: {path.resolve(): str(path) for path in paths} for key, paths in named.items()}
    elif isinstance(data, Hub | Imdb):
        splits = {"train": data.splits.train, "val": data.splits.val, "test": data.splits.test}
        held = {f"data.splits.{key}": {Path(name): name} if name else {} for key, name in splits.items()}
    else:
        return []
    problem = "is {} as well, so rows that decide in training would be tested"
    remedy = "another one, null to have the split drawn, or data.leaks.action=warn to train all the same"
    pairs = [(one, other) for place, one in enumerate(held) for other in list(held)[place + 1 :]]
    return [
        Mistake(other, problem.format(one), remedy, name)
        for one, other in pairs
        for path, name in held[other].items()
        if path in held[one]
    ]


def _imdb(data: Imdb, cache: Path) -> Source:
    path = Path(data.path).expanduser()
    if (path / "train" / "pos").is_dir():
        return Source("imdb", _review_folders(path, data), _columns(data))
    if text_files.kind_of(path) is not None:
        try:
            table = text_files.open_file(path, "data.path", text_files.Format(), cache)
        except RequestError as error:  # an encoding or a delimiter can be named with data=csv alone
            told = [replace(mistake, remedy="a file with other settings: data=csv") for mistake in error.mistakes]
            raise RequestError(told) from error
        return Source(text_files.stem(path), {ALL: table}, _columns(data))
    return Source("imdb", load_splits(data, None, cache), _columns(data))


def _review_folders(path: Path, data: Imdb) -> dict[str, Table]:
    """aclImdb/{train,test}/{neg,pos}/*.txt as the columns text and label, in the order of label and file number."""
    asked = {"train": data.splits.train, "val": data.splits.val, "test": data.splits.test}
    read: dict[str, tuple[list[str], list[str]]] = {}
    mistakes = []
    for split, folder in asked.items():
        if folder is None:
            continue
        absent = [label for label in ("neg", "pos") if not (path / folder / label).is_dir()]
        if absent:
            problem = f"no folder {' and '.join(f'{folder}/{label}' for label in absent)} in {path}"
            mistakes.append(Mistake(f"data.splits.{split}", problem, "", folder))
            continue
        texts, labels = list[str](), list[str]()
        for label in ("neg", "pos"):
            reviews = sorted((path / folder / label).glob("*.txt"), key=lambda file: (len(file.name), file.name))
            for review in reviews:
                try:
                    texts.append(review.read_text(encoding="utf-8"))
                except UnicodeDecodeError:
                    mistakes.append(Mistake("data.path", "is not utf-8", "save it as UTF-8", review))
            labels += [label] * len(reviews)
        read[split] = (texts, labels)
    _refuse(mistakes)
    return {
        split: Table(pa.table({"text": pa.array(texts, pa.string()), "label": pa.array(labels, pa.string())}))
        for split, (texts, labels) in read.items()
    }
