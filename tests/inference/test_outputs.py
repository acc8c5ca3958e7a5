"""Outputs: written aside, complete or not there, and continued behind whole rows only."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from lab.core.errors import RequestError
from lab.inference.outputs import Output, open_output, refuse_output

COLUMNS = ("id", "text", "cause")
ROWS = [("1", "=1+1", "leak"), ("2", "two\nlines", None)]


def opened(path: Path, resumes: bool = False, safe: bool = False) -> Output:
    refuse_output(str(path), resumes)
    return open_output(str(path), COLUMNS, {}, resumes, safe, 2)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_an_output_appears_when_it_is_complete(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"p.{ending}"
    output = opened(path)
    output.write(ROWS)
    assert not path.exists()
    output.finish()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    if ending == "parquet":
        assert pa.parquet.read_table(path).to_pylist()[1] == {"id": "2", "text": "two\nlines", "cause": None}
    if ending == "jsonl":
        assert [json.loads(line)["cause"] for line in path.read_text().splitlines()] == ["leak", None]


def test_an_abandoned_output_leaves_nothing(tmp_path: Path) -> None:
    output = opened(tmp_path / "p.csv")
    output.write(ROWS)
    output.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_torn_last_row_is_written_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"p.{ending}"
    output = opened(path, resumes=True)
    output.write(ROWS)
    output.finish()
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    output = opened(path, resumes=True)
    assert output.done == 1
    assert output.is_continued_by(("1", "=1+1"))
    assert not output.is_continued_by(("1", "another"))
    output.write(ROWS[1:])
    output.finish()
    assert path.read_bytes() == whole


def test_formulas_are_escaped_on_request(tmp_path: Path) -> None:
    output = opened(tmp_path / "p.csv", safe=True)
    output.write(ROWS)
    output.finish()
    assert "1,'=1+1,leak" in (tmp_path / "p.csv").read_text()


def test_an_output_of_other_columns_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,other\n1,2\n")
    with pytest.raises(RequestError, match="other columns"):
        opened(tmp_path / "p.csv", resumes=True)
    assert (tmp_path / "p.csv").read_text() == "id,other\n1,2\n"


@pytest.mark.parametrize(
    ("name", "resumes", "reason"),
    [("p.xyz", False, "the ending is none of"), ("none/p.csv", False, "there is no folder"),
     ("old.csv", False, "exists already"), ("p.parquet", True, "cannot be continued"),
     ("folder.csv", False, "a folder")],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, resumes: bool, reason: str) -> None:
    (tmp_path / "old.csv").write_text("x")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(RequestError, match=reason):
        refuse_output(str(tmp_path / name), resumes)


def test_an_output_with_its_side_file_is_one_mistake_and_the_remedy_is_free(tmp_path: Path) -> None:
    for name in ("p.csv", "p.csv.rejected.csv", "p_2.csv.rejected.csv"):
        (tmp_path / name).write_text("x")
    with pytest.raises(RequestError) as caught:
        refuse_output(str(tmp_path / "p.csv"), False)
    (mistake,) = caught.value.mistakes
    assert mistake.remedy == f"output={tmp_path}/p_3.csv, or resume_output=true to continue it"
    refuse_output(str(tmp_path / "p_3.csv"), False)


@pytest.mark.parametrize("ending", ["csv", "tsv"])
@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_every_beginning_of_a_formula_is_escaped_in_cells_and_header(tmp_path: Path, first: str, ending: str) -> None:
    columns = (f"{first}id", "text")
    for safe in (True, False):
        path = tmp_path / f"{safe}.{ending}"
        output = open_output(str(path), columns, {}, False, safe, 2)
        output.write([(f"{first}HYPERLINK(1)", f"a{first}b"), (-1.5, None)])
        output.finish()
        with path.open(newline="") as file:
            rows = list(csv.reader(file, delimiter="," if ending == "csv" else "\t"))
        mark = "'" if safe else ""
        assert rows == [[f"{mark}{first}id", "text"], [f"{mark}{first}HYPERLINK(1)", f"a{first}b"], ["-1.5", ""]]
