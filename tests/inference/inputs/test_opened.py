"""New rows: each keeps its number, and one that cannot be read says why and moves no other."""

import gzip
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import RequestError
from lab.inference.inputs.interface import Settings
from lab.inference.inputs.opened import check_columns, open_inputs, pieces


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
    problems = [mistake.problem for mistake in caught.value.mistakes]
    assert problems == ["is empty", f"no such file; {tmp_path} has empty.csv"]
    assert "empty.csv" in caught.value.mistakes[1].remedy


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,texto\n1,a\n")
    with ExitStack() as files:
        inputs = open_inputs([str(tmp_path / "new.csv")], Settings(files))
        check_columns(inputs, ["id"], {})
        with pytest.raises(RequestError, match="has no column 'text'") as caught:
            check_columns(inputs, ["text"], {})
    assert caught.value.mistakes[0].remedy == "'columns={text: texto}'"


def refused(path: Path, content: bytes, **settings: Any) -> tuple[str, str]:
    """Problem and remedy of a file that is refused as a whole."""
    with pytest.raises(RequestError) as caught:
        rows(path, content, **settings)
    (mistake,) = caught.value.mistakes
    assert str(path) == str(mistake.value)
    return mistake.problem, mistake.remedy


LETTERS = "id,text\n" + "".join(f"{n},avería del año {n}\n" for n in range(40))


def test_a_file_in_another_encoding_is_refused_whole_and_the_remedy_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    problem, remedy = refused(path, LETTERS.encode("latin-1"))
    assert problem.startswith("is not utf-8 (40 of 41 lines are not: line 2, 3")
    assert remedy == "encoding=latin-1"
    assert [fault for *_, fault in rows(path, LETTERS.encode("latin-1"), encoding="latin-1")] == [None] * 40
    for variant in ("utf-16", "utf-16-le", "utf-16-be"):
        assert refused(path, LETTERS.encode(variant))[1] == f"encoding={variant}"
        assert rows(path, LETTERS.encode(variant), encoding=variant)[3][1]["text"] == "avería del año 3"
    problem, remedy = refused(path, LETTERS.encode(), encoding="latin-1")
    assert problem.startswith("is UTF-8")
    assert remedy == "encoding=utf-8"
    cyrillic = "".join(f"{n},насос стоит {n}\n" for n in range(40))
    assert refused(path, ("id,text\n" + cyrillic).encode("cp1251"))[1].startswith("encoding=NAME, the encoding of")
    lines = "".join(f'{{"text": "año {n}"}}\n' for n in range(20))
    assert refused(tmp_path / "new.jsonl", lines.encode("cp1252"))[1] == "encoding=latin-1"


def test_rows_without_letters_beyond_ascii_do_not_hide_another_encoding(tmp_path: Path) -> None:
    plain = "".join(f"{n},ok\n" for n in range(300))
    few, enough = ("id,text\n" + plain + "1,año\n" * num for num in (9, 10))
    assert sum(fault is not None for *_, fault in rows(tmp_path / "new.csv", few.encode("latin-1"))) == 9
    assert refused(tmp_path / "new.csv", enough.encode("latin-1"))[1] == "encoding=latin-1"
    mixed = enough.encode("latin-1") + "1,añadió\n".encode() * 10
    assert sum(fault is not None for *_, fault in rows(tmp_path / "new.csv", mixed)) == 10


def test_rows_that_nearly_all_have_other_numbers_of_cells_are_refused_whole(tmp_path: Path) -> None:
    problem, remedy = refused(tmp_path / "new.csv", b"id,text\n" + b"1,a, b, c\n" * 9 + b"1,a\n")
    assert problem == "9 of its first 10 rows cannot be predicted; the first such row has 4 cells, and the header has 2"
    assert remedy.startswith("put cells")
    assert len(rows(tmp_path / "some.csv", b"id,text\n" + b"1,a,b\n" * 8 + b"1,a\n" * 2)) == 10


JOINED = "id,cause,text\n" + "".join(
    f"{n},{['wear', 'leak'][n % 2]},{chr(34) + 'Fuga' if n in (4, 9) else 'fuga'} de aceite\n" for n in range(14)
).replace('9,leak,"Fuga de aceite', '9,leak,fuga" de aceite')


def test_a_quote_that_joins_rows_is_refused_as_in_training(tmp_path: Path) -> None:
    """Rows inside of a cell would have no prediction, and nobody would notice."""
    path = tmp_path / "new.csv"
    problem, remedy = refused(path, JOINED.encode())
    assert "lines 6 to 11 became one row, 5 rows are lost" in problem
    assert remedy == ("quoting=none, which reads quotes as ordinary characters; quoting=double if they are texts of "
                      "several lines")  # fmt: skip
    assert len(rows(path, JOINED.encode(), quoting="none")) == 14
    assert len(rows(path, JOINED.encode(), quoting="double")) == 9
    assert "lines 7 to 12" in refused(path, b"sep=,\n" + JOINED.encode())[0]
    letter = "id,cause,text\n" + "".join(f'{n},wear,"dear all,\n\nit leaks, again\nyours, {n}"\n' for n in range(9))
    assert len(rows(path, letter.encode())) == 9
