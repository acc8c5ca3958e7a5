"""Opens the source of a request as tables, with the mistakes that are visible before rows are read.

Mistakes of files and columns are reported together. A new kind of source is one module in `sources`, which
registers it.
"""

from dataclasses import replace
from pathlib import Path

from lab.config.schema import Columned, Labelled
from lab.core.errors import Mistake, RequestError, refuse_if_any
from lab.core.registry import TEXT_SOURCES
from lab.data.text.column_checks import wrong_names
from lab.data.text.label_sets import split_tables
from lab.data.text.sources import generated, hub, shards  # noqa: F401  they register their kinds
from lab.data.text.sources.base import ALL, Source, SourceKind, columns_of

__all__ = ["ALL", "Source", "open_source", "shared_sources"]


def open_source(data: Labelled, cache: Path) -> Source:
    """Open the source of a request. Raises RequestError with all mistakes of paths and columns."""
    mistakes = wrong_names(columns_of(data)) if isinstance(data, Columned) else []
    mistakes += shared_sources(data) if data.leaks.action == "refuse" else []
    try:
        source = _kind_of(data).open(data, cache)
    except RequestError as error:
        raise RequestError((*mistakes, *error.mistakes)) from error
    refuse_if_any(mistakes)
    return _with_label_sets_split(source)


def _kind_of(data: Labelled) -> SourceKind:
    part = TEXT_SOURCES[data.kind]
    return part if isinstance(part, SourceKind) else SourceKind(part)


def _with_label_sets_split(source: Source) -> Source:
    """The source with one column per label in place of each column of label sets. Raises RequestError for clashes."""
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
    refuse_if_any(mistakes)
    labels = tuple(name for label in columns.labels for name in made.get(label, (label,)))
    return replace(source, tables=tables, columns=replace(columns, labels=labels))


def shared_sources(data: Labelled) -> list[Mistake]:
    """Return a mistake for each file or hub split that two splits name: caps may hide it from the leak check."""
    inputs = _kind_of(data).inputs(data)
    problem = "is {} as well, so training rows would be validated or tested"
    remedy = "another source, null to have the split drawn, or data.leaks.action=warn to train all the same"
    keys = list(inputs)
    return [
        Mistake(key, problem.format(earlier), remedy, name)
        for place, earlier in enumerate(keys)
        for key in keys[place + 1 :]
        for identity, name in inputs[key].items()
        if identity in inputs[earlier]
    ]
