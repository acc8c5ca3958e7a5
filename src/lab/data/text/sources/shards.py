"""Shards as a source: training rows that stay on disk, with val, test and a sample of train in memory."""

from pathlib import Path

from lab.config.schema import Files
from lab.core.registry import TEXT_SOURCES
from lab.data.text.sources.base import Source, SourceKind, columns_of
from lab.data.text.sources.files import files_named, open_files, read_files
from lab.data.text.streaming.scan import scan
from lab.data.text.streaming.shards import matching


def open_shards(data: Files, cache: Path) -> Source:
    """Open the shards of `data.train` or `data.path`, and the files of val and test if they are given.

    Raises RequestError as `matching`, `scan` and `read_files` do.
    """
    columns, key = columns_of(data), "path" if data.path is not None else "train"
    patterns = data.path if data.path is not None else data.train
    assert patterns is not None, "a rule of the config"
    shards = matching(patterns, f"data.{key}")
    stream, tables = scan(shards, columns, data, f"data.{key}", cache)
    given = {"val": data.val, "test": data.test}
    paths_of = {split: (paths,) if isinstance(paths, str) else paths for split, paths in given.items() if paths}
    tables |= read_files(paths_of, data, cache)
    name = shards[0].path.parent.name if len(shards) > 1 else shards[0].path.stem
    return Source(name or shards[0].path.stem, tables, columns, dict(stream.classes), stream=stream)


def open_files_or_shards(data: Files, cache: Path) -> Source:
    """Open what `data.streaming` says. Raises RequestError as `open_files` and `open_shards` do."""
    return (open_shards if data.streaming else open_files)(data, cache)


TEXT_SOURCES.register("files", SourceKind(open_files_or_shards, files_named))
