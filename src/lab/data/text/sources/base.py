"""The interface of a source of labelled texts: tables by split, columns to read, and optionally its classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.config.schema import Columned
from lab.core.errors import RequestError
from lab.data.readers.text_table import Table
from lab.data.text.column_checks import missing_columns
from lab.data.text.label_survey import Columns
from lab.data.text.streaming.scan import Stream

ALL = "all"
"""The one table of a source without splits."""


@dataclass(frozen=True)
class Source:
    """Tables by split (`train`, perhaps `val` and `test`, or only `all`) and the columns to read from them.

    classes: the order of classes of each head, where the source knows it. probabilities: (rows of `all`, classes) per
    head, where the source knows them.
    """

    name: str
    tables: dict[str, Table]
    columns: Columns
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    probabilities: dict[str, npt.NDArray[np.float32]] | None = None
    stream: Stream | None = None
    """Shards whose training rows `train` of `tables` only represents."""


Inputs = Mapping[str, Mapping[object, str]]
"""For each config key of a split: the identity of each file or hub split that it names, and its name as typed."""


class SourceKind(NamedTuple):
    """The source of one config class. open: returns its `Source`, given the config and the cache folder; raises
    RequestError with all mistakes. inputs: returns the files or hub splits that the config names."""

    open: Callable[[Any, Path], Source]
    inputs: Callable[[Any], Inputs] = lambda _: {}


def columns_of(data: Columned) -> Columns:
    """Return the columns that a request names."""
    return Columns(
        data.text, data.labels, data.split.group, data.text_separator, data.missing_markers, data.split_labels,
        data.label_separator,
    )  # fmt: skip


def with_checked_columns(source: Source) -> Source:
    """Return the source. Raises RequestError for columns that one of its tables does not have."""
    mistakes = []
    for split, table in source.tables.items():
        name = source.name if split == ALL else f"the {split} split of {source.name}"
        mistakes += missing_columns(source.columns, table, name)
    if mistakes:
        raise RequestError(mistakes)
    return source
