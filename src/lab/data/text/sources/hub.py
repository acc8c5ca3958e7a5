"""Data sets of the hub, or a local folder in its layout; IMDB also as a file or as its authors' folder aclImdb."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from lab.config.schema import Hub, Imdb
from lab.core.errors import Mistake, RequestError
from lab.core.registry import TEXT_SOURCES
from lab.data.readers import text_files
from lab.data.readers.hub import load_splits
from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_table import Table
from lab.data.text.sources.base import ALL, Inputs, Source, SourceKind, columns_of, with_checked_columns


def open_hub(data: Hub, cache: Path) -> Source:
    """Open a data set of the hub. Raises RequestError for splits that cannot be read and columns that do not exist."""
    tables = load_splits(data, data.config, cache)
    return with_checked_columns(Source(data.path.rstrip("/").split("/")[-1], tables, columns_of(data)))


def open_imdb(data: Imdb, cache: Path) -> Source:
    """Open IMDB from the folder aclImdb, from a file or from the hub, by what `data.path` is."""
    path = Path(data.path).expanduser()
    if (path / "train" / "pos").is_dir():
        return with_checked_columns(Source("imdb", _review_folders(path, data), columns_of(data)))
    if text_files.format_of(path) is not None:
        try:
            table = text_files.open_file(path, "data.path", FileSettings(), cache)
        except RequestError as error:  # only data=csv takes an encoding or a delimiter
            remedy = "a file with other settings: data=csv"
            raise RequestError([replace(mistake, remedy=remedy) for mistake in error.mistakes]) from error
        return with_checked_columns(Source(text_files.stem(path), {ALL: table}, columns_of(data)))
    return with_checked_columns(Source("imdb", load_splits(data, None, cache), columns_of(data)))


def _review_folders(path: Path, data: Imdb) -> dict[str, Table]:
    """aclImdb/{train,test}/{neg,pos}/*.txt as the columns text and label, in the order of label and file number."""
    folders = {"train": data.splits.train, "val": data.splits.val, "test": data.splits.test}
    rows: dict[str, tuple[list[str], list[str]]] = {}
    mistakes = []
    for split, folder in folders.items():
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
        rows[split] = (texts, labels)
    if mistakes:
        raise RequestError(mistakes)
    return {
        split: Table(pa.table({"text": pa.array(texts, pa.string()), "label": pa.array(labels, pa.string())}))
        for split, (texts, labels) in rows.items()
    }


def splits_named(data: Hub | Imdb) -> Inputs:
    """Return the split of the hub that each split reads."""
    splits = {"train": data.splits.train, "val": data.splits.val, "test": data.splits.test}
    return {f"data.splits.{key}": {name: name} if name else {} for key, name in splits.items()}


TEXT_SOURCES.register("hub", SourceKind(open_hub, splits_named))
TEXT_SOURCES.register("imdb", SourceKind(open_imdb, splits_named))
