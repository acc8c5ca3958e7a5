"""Arrow reads a CSV file as pandas does, or leaves it to pandas."""

import csv
import gzip
import io
import random
from pathlib import Path

import pandas
import pyarrow as pa
import pytest

from lab.data.readers import arrow_csv
from lab.data.readers.arrow_csv import is_readable, rows

PLAIN = 'text,label\n"one, two",a\n"three ""3""\r\nfour",b\n"",\n five ,"c"\n'


def written(folder: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def by_arrow(path: Path, names: list[str], delimiter: str = ",", skipped: int = 0) -> list[list[str]]:
    tables = rows(path, delimiter, skipped, pa.schema([(name, pa.string()) for name in names]))
    return [list(row.values()) for table in tables for row in table.to_pylist()]


def by_pandas(path: Path, delimiter: str = ",") -> list[list[str]]:
    frame = pandas.read_csv(path, sep=delimiter, dtype=str, keep_default_na=False)
    return [list(row) for row in frame.itertuples(index=False)]


def test_cells_are_those_of_pandas(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    assert is_readable(path, "utf-8", ",")
    expected = [["one, two", "a"], ['three "3"\r\nfour', "b"], ["", ""], [" five ", "c"]]
    assert by_arrow(path, ["text", "label"]) == by_pandas(path) == expected


@pytest.mark.parametrize("content", ["\ufeff" + PLAIN, PLAIN.replace("\n", "\r\n"), PLAIN.removesuffix("\n")])
def test_marks_and_line_ends(tmp_path: Path, content: str) -> None:
    path = written(tmp_path, content.replace("\r\r", "\r"))
    assert is_readable(path, "utf-8", ",")
    assert by_arrow(path, ["text", "label"]) == by_pandas(path)


def test_compressed_files_and_lines_before_the_header(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(b"sep=;\n" + PLAIN.replace(",", ";").encode()), "file.csv.gz")
    assert is_readable(path, "utf-8", ";")
    assert by_arrow(path, ["text", "label"], ";", 1)[0] == ["one; two", "a"]


@pytest.mark.parametrize(
    "content",
    [
        'text,label\nan "inner" quote,a\n', 'text,label\n"a" b,c\n', 'text,label\n"open,c\n', "text,label\r",
        "text,label\none\rtwo,a\n", "\ntext,label\none,a\n", 'text,label\n "one",a\n',
    ],
)  # fmt: skip
def test_doubtful_files_are_left_to_pandas(tmp_path: Path, content: str) -> None:
    assert not is_readable(written(tmp_path, content), "utf-8", ",")


def test_other_encodings_and_long_delimiters_are_left_to_pandas(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    assert not is_readable(path, "latin-1", ",")
    assert not is_readable(path, "utf-8", "||")


@pytest.mark.parametrize("content", [b"a,b\n1,2,3\n", b"a,b\n1\n", b"a,b\n \n1,2\n", b"a,b\n\xff,2\n"])
def test_other_rows_raise(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(pa.ArrowException):
        by_arrow(written(tmp_path, content), ["a", "b"])


def test_pieces_are_judged_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = PLAIN.replace('"c"', '"c" ')
    for size in range(1, 12):
        monkeypatch.setattr(arrow_csv, "_PIECE_BYTES", size)
        assert is_readable(written(tmp_path, PLAIN), "utf-8", ",")
        assert not is_readable(written(tmp_path, wrong), "utf-8", ",")


def test_no_slice_without_rows_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether Arrow's pieces end behind the header, behind a row or within one: each table has rows."""
    path, expected, read = written(tmp_path, "a,b\n1,2\n3,4\n5,6\n"), [["1", "2"], ["3", "4"], ["5", "6"]], 0
    schema = pa.schema([("a", pa.string()), ("b", pa.string())])
    for size in range(4, 20):
        monkeypatch.setattr(arrow_csv, "_PIECE_BYTES", size)
        try:
            tables = list(rows(path, ",", 0, schema))
        except pa.ArrowInvalid:  # a row that reaches over two pieces
            continue
        assert all(table.num_rows for table in tables)
        assert [list(row.values()) for table in tables for row in table.to_pylist()] == expected
        read += 1
    assert read > 8
    assert list(rows(written(tmp_path, "a,b\n"), ",", 0, schema)) == []


def test_any_bytes_are_read_as_by_pandas_or_left_to_it(tmp_path: Path) -> None:
    """Files of a few characters in random order, and files that Python's csv module wrote."""
    draw, read = random.Random(1), 0
    for number in range(1500):
        if number % 3:
            content = "a,b\n" + "".join(draw.choices(',"\n\r x', [4, 3, 4, 1, 1, 4], k=draw.randrange(1, 24)))
        else:
            file = io.StringIO()
            cells = ["".join(draw.choices(',"\nx ', k=draw.randrange(6))) for _ in range(8)]
            csv.writer(file, lineterminator="\n").writerows([["a", "b"], *zip(cells[::2], cells[1::2], strict=True)])
            content = file.getvalue()
        path = written(tmp_path, content)
        if not is_readable(path, "utf-8", ","):
            continue
        try:
            found = by_arrow(path, ["a", "b"])
        except pa.ArrowException:
            continue
        assert found == by_pandas(path), repr(content)
        read += 1
    assert read > 500, "most files that csv wrote are read"
