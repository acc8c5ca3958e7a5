"""A Parquet file as an Arrow stream of strings and lists. Cost: about a second per million rows."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from lab.data.readers.row_file import RowFile
from lab.data.readers.text_table import as_text, holds_list, holds_text

_BATCH_ROWS = 10_000
"""Rows converted at a time."""


class ParquetFile(RowFile):
    """A Parquet file. Columns of plain values become text, lists stay lists, other columns are left out."""

    read_settings = ()

    def head(self, num: int) -> dict[str, list[str | None]]:
        import pyarrow.parquet

        file = pyarrow.parquet.ParquetFile(self.path)
        names = [field.name for field in file.schema_arrow if holds_text(field.type)]
        batch = next(file.iter_batches(num, columns=names), None)
        return {name: [] if batch is None else as_text(batch.column(name)).to_pylist() for name in names}

    def write_rows(self, target: Path) -> Mapping[str, Mapping[str, int]]:
        import pyarrow.parquet

        file = pyarrow.parquet.ParquetFile(self.path)
        kept = [field for field in file.schema_arrow if holds_text(field.type) or holds_list(field.type)]
        schema = pa.schema([(field.name, field.type if holds_list(field.type) else pa.string()) for field in kept])
        with pa.ipc.new_stream(target, schema) as writer:
            for batch in file.iter_batches(_BATCH_ROWS, columns=schema.names):
                columns = [
                    batch.column(name) if holds_list(kind) else as_text(batch.column(name))
                    for name, kind in zip(schema.names, schema.types, strict=True)
                ]
                rows = pa.RecordBatch.from_arrays(columns, schema=schema)
                rows.validate(full=True)  # invalid UTF-8 would fail later, where the file is not known
                writer.write_batch(rows)
        return {}
