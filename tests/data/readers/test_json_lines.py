"""JSON lines, packed or not: cells stay as they are written."""

import gzip
from pathlib import Path

import pytest

from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_files import open_file


def opened(path: Path) -> dict[str, list[str | None]]:
    table = open_file(path, "data.path", FileSettings(), path.parent / "cache")
    return {name: cells.to_pylist() for name, cells in table.narrow(table.columns).read(slice(0, len(table))).items()}


@pytest.mark.parametrize("packed", [False, True])
def test_json_lines_keep_numbers_and_dates_as_written(tmp_path: Path, packed: bool) -> None:
    rows = ['{"t": "2024-01-01", "n": 3, "x": [1]}', "", '{"t": null, "n": 3.10}', '{"t": "ñ", "n": "tres", "b": true}']
    body = ("\ufeff" + "\n".join(rows) + "\n").encode()
    path = tmp_path / ("a.jsonl.gz" if packed else "a.jsonl")
    path.write_bytes(gzip.compress(body) if packed else body)
    assert opened(path) == {
        "t": ["2024-01-01", None, "ñ"],
        "n": ["3", "3.10", "tres"],
        "x": ['["1"]', None, None],
        "b": [None, None, "true"],
    }
