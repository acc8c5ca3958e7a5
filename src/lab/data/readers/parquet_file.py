"""A Parquet file as an Arrow stream of strings and lists. Cost: about a second per million rows."""

from pathlib import Path

import pyarrow as pa

from lab.data.readers.text_table import as_text, holds_list, holds_text

_ROWS = 10_000
"""Rows converted at a time."""


def write_parquet(path: Path, target: Path) -> None:
    """Columns of plain values as text, lists as they are; others are left out."""
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(path)
    kept = [field for field in file.schema_arrow if holds_text(field.type) or holds_list(field.type)]
    schema = pa.schema([(field.name, field.type if holds_list(field.type) else pa.string()) for field in kept])
    with pa.ipc.new_stream(target, schema) as writer:
        for some in file.iter_batches(_ROWS, columns=schema.names):
            columns = [
                some.column(name) if holds_list(kind) else as_text(some.column(name))
                for name, kind in zip(schema.names, schema.types, strict=True)
            ]
            rows = pa.RecordBatch.from_arrays(columns, schema=schema)
            rows.validate(full=True)  # text that is no UTF-8 would fail later, where nobody knows its file
            writer.write_batch(rows)
