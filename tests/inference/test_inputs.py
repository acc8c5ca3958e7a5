"""New rows: each keeps its number, and one that cannot be read says why and moves no other."""

import gzip
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import RequestError
from lab.inference.inputs import Settings, check_columns, open_inputs, pieces


def rows(path: Path, content: bytes, **settings: Any) -> list[tuple[int, dict[str, Any], str | None]]:
    path.write_bytes(content)
    with ExitStack() as files:
        inputs = open_inputs([str(path)], Settings(files, **settings))
        return [(row.number, dict(row.cells), row.fault) for piece in pieces(inputs, 2) for row in piece]


def test_a_row_that_cannot_be_read_keeps_its_place(tmp_path: Path) -> None:
    found = rows(tmp_path / "new.csv", b"id,text\n1,ok\n2,\xff\n3\n\n4,last\n")
    assert [(number, fault) for number, _, fault in found] == [
        (1, None), (2, "is not utf-8; encoding=latin-1 may read it"),
        (3, "has 1 cells, and the header has 2"), (4, None)]  # fmt: skip
    assert found[3][1] == {"id": "4", "text": "last"}


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_quote_that_nothing_closes_makes_its_row_wrong_and_not_those_above(tmp_path: Path, end: str) -> None:
    found = rows(tmp_path / "new.csv", f'id,text\n1,"a\nb"\n2,"open\n3,c\n4,d{end}'.encode())
    assert [(number, cells["id"]) for number, cells, _ in found] == [(1, "1"), (2, "2")]
    assert found[0][2] is None
    assert "nothing closes" in (found[1][2] or "")
    assert [fault for *_, fault in rows(tmp_path / "whole.csv", f'id,text\n1,"a"{end}'.encode())] == [None]


def test_json_lines_may_be_damaged_one_by_one(tmp_path: Path) -> None:
    found = rows(tmp_path / "new.jsonl", b'{"text": "a"}\n[1]\n{"text": \n{"text": "b"}\n')
    assert [fault is None for *_, fault in found] == [True, False, False, True]


def test_a_delimiter_an_encoding_and_gzip(tmp_path: Path) -> None:
    content = gzip.compress("id;text\n1;año\n".encode("latin-1"))
    assert rows(tmp_path / "new.csv.gz", content, delimiter=";", encoding="latin-1") == [
        (1, {"id": "1", "text": "año"}, None)]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("new.csv", b"", "is empty"), ("new.csv", b"a,a\n1,2\n", "several columns of the name a"),
     ("new.txt", b"a\n", "the ending is none of"), ("new.parquet", b"PAR0", "cannot be read"),
     ("new.csv", b"t\xff\n1\n", "its header is not utf-8"), ("new.jsonl", b"5\n", "no line is a JSON object"),
     ("new.csv", b'id,"text\n1,a\n', "its header opens a quote")],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        rows(tmp_path / name, content)


def test_all_mistakes_of_all_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with ExitStack() as files, pytest.raises(RequestError) as caught:
        open_inputs([str(tmp_path / "empty.csv"), str(tmp_path / "emty.csv")], Settings(files))
    assert [mistake.problem for mistake in caught.value.mistakes] == ["is empty", "no such file"]
    assert "empty.csv" in caught.value.mistakes[1].remedy


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,texto\n1,a\n")
    with ExitStack() as files:
        inputs = open_inputs([str(tmp_path / "new.csv")], Settings(files))
        check_columns(inputs, ["id"], {})
        with pytest.raises(RequestError, match="has no column 'text'") as caught:
            check_columns(inputs, ["text"], {})
    assert caught.value.mistakes[0].remedy == "'columns={text: texto}'"
