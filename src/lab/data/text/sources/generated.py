"""The generated maintenance reports as a source, with the probabilities of their labels."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from lab.config.schema import Maintenance
from lab.core.registry import TEXT_SOURCES
from lab.data.readers.text_table import Table
from lab.data.text.label_survey import Columns
from lab.data.text.maintenance.generator import generate
from lab.data.text.sources.base import ALL, Source, SourceKind, with_checked_columns


def open_generated(data: Maintenance, _cache: Path) -> Source:
    """Generate the reports of a request. Raises RequestError for a group column that they do not have."""
    reports = generate(data.num_rows, data.generator_seed, data.difficulty)
    cells: dict[str, Any] = {"text": pa.array(reports.texts, pa.string())}
    cells |= {head: pa.array(codes) for head, codes in reports.labels.items()}
    columns = Columns(("text",), tuple(reports.classes), data.split.group)
    table = Table(pa.table(cells), reports.classes)
    source = Source("maintenance", {ALL: table}, columns, reports.classes, reports.probabilities)
    return with_checked_columns(source)


TEXT_SOURCES.register("maintenance", SourceKind(open_generated))
