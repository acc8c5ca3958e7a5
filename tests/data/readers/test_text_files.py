import gzip
import json
import os
import shlex
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lab.core.errors import Mistake, RequestError
from lab.data.readers.csv_file import CsvFile
from lab.data.readers.json_lines import JsonLinesFile
from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_files import format_of, open_file, stem


def _open(
    path: Path, delimiter: str | None = None, encoding: str = "utf-8", quoting: str = "auto"
) -> dict[str, list[str | None]]:
    table = open_file(path, "data.path", FileSettings(delimiter, encoding, quoting), path.parent / "cache")
    cells = table.narrow(table.columns).read(slice(0, len(table)))
    return {name: values.to_pylist() for name, values in cells.items()}


def _refused(path: Path, delimiter: str | None = None, encoding: str = "utf-8", quoting: str = "auto") -> Mistake:
    with pytest.raises(RequestError) as caught:
        _open(path, delimiter, encoding, quoting)
    (mistake,) = caught.value.mistakes
    return mistake


def _written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding, newline="")
    return path


def test_csv_cells_stay_as_written(tmp_path: Path) -> None:
    body = 'texto,n\r\n"a, ""b""\nc",007\r\nnan,1.50\r\n,NA\r\n" x",1e5\r\n'
    result = _open(_written(tmp_path / "a.csv", body, "utf-8-sig"))
    assert result == {"texto": ['a, "b"\nc', "nan", "", " x"], "n": ["007", "1.50", "NA", "1e5"]}


def test_a_column_that_turns_from_numbers_to_text_late_is_read(tmp_path: Path) -> None:
    body = "n,t\n" + "".join(f"{i},x\n" for i in range(30_000)) + "tarde,x\n"
    assert _open(_written(tmp_path / "a.csv", body))["n"][-1] == "tarde"


def test_a_file_is_memory_mapped_not_kept_in_memory(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.csv", "t\n" + "texto largo de prueba\n" * 200_000)
    open_file(path, "data.path", FileSettings(), tmp_path / "cache")
    before = pa.total_allocated_bytes()
    table = open_file(path, "data.path", FileSettings(), tmp_path / "cache")
    assert len(table) == 200_000
    assert pa.total_allocated_bytes() - before < path.stat().st_size / 10
    assert table.data.cache_files


@pytest.mark.parametrize("name", ["a.tsv", "a [1]*.csv", "a.csv.gz", "a.tsv.gz"])
def test_endings_and_odd_names(tmp_path: Path, name: str) -> None:
    separator = "\t" if "tsv" in name else ","
    body = f"t{separator}n\nañade{separator}1\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(body) if name.endswith("gz") else body)
    assert _open(tmp_path / name) == {"t": ["añade"], "n": ["1"]}


def test_delimiter_can_be_named(tmp_path: Path) -> None:
    assert _open(_written(tmp_path / "a.csv", "t;n\na,b;1\n"), ";") == {"t": ["a,b"], "n": ["1"]}


def test_parquet_integers_stay_whole_and_lists_are_read_as_json(tmp_path: Path) -> None:
    columns = {
        "n": pa.array([3, None, 4]),
        "f": pa.array([3.0, None, 4.5]),
        "c": pa.array(["a", "b", "a"]).dictionary_encode(),
        "l": pa.array([[1], None, [3, 4]]),
        "s": pa.array([{"a": 1}, None, {"a": 2}]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    result = _open(tmp_path / "a.parquet")
    assert result == {
        "n": ["3", None, "4"],
        "f": ["3", None, "4.5"],
        "c": ["a", "b", "a"],
        "l": ['["1"]', None, '["3", "4"]'],
    }


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_an_edited_file_is_read_again_even_with_its_old_date(tmp_path: Path, name: str) -> None:
    def body(word: str) -> str:
        return json.dumps({"t": word}) + "\n" if name.endswith("jsonl") else f"t\n{word}\n"

    path = _written(tmp_path / name, body("uno"))
    old = path.stat()
    assert _open(path) == _open(path) == {"t": ["uno"]}
    _written(path, body("dos"))
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert _open(path) == {"t": ["dos"]}


def test_wrong_encoding_names_the_one_to_try_and_that_one_works(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.csv", "t,n\n" + "liso,1\n" * 40_000 + "avería,2\n", "latin-1")
    mistake = _refused(path)
    assert mistake.remedy == "data.encoding=latin-1"
    assert "is not utf-8" in mistake.problem
    assert _open(path, encoding="latin-1")["t"][-1] == "avería"


def test_signs_of_windows_get_the_code_page_of_windows(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.csv", "t\n" + "liso\n" * 10 + "“avería” de 5 €\n", "cp1252")
    assert _refused(path).remedy == "data.encoding=cp1252"
    assert _open(path, encoding="cp1252")["t"][-1] == "“avería” de 5 €"


def test_a_file_that_does_not_exist_lists_those_that_do_and_names_the_most_similar(tmp_path: Path) -> None:
    for name in ("nuevos.csv", "horas.csv", "notas.doc"):
        (tmp_path / name).write_text("t\na\n")
    mistake = _refused(tmp_path / "nofile.csv")
    assert mistake.problem == f"no such file; {tmp_path} has horas.csv, nuevos.csv"
    assert mistake.remedy == f"data.path={tmp_path}/nuevos.csv"  # the most similar one, however little it is
    assert _refused(tmp_path).remedy in {f"data.path={tmp_path}/{name}.csv" for name in ("horas", "nuevos")}
    assert _refused(tmp_path / "nuevo.csv").remedy == f"data.path={tmp_path}/nuevos.csv"
    assert _refused(tmp_path / "none" / "a.csv").problem == "no such folder"


@pytest.mark.parametrize(("name", "text"), [("a.xlsx", "a.csv"), ("a.csv", "a_text.csv")])
def test_a_workbook_is_to_be_saved_as_csv_whatever_its_name(tmp_path: Path, name: str, text: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as book:
        book.writestr("[Content_Types].xml", "")
        book.writestr("xl/workbook.xml", "")
    mistake = _refused(tmp_path / name)
    assert "workbook" in mistake.problem
    assert "CSV UTF-8" in mistake.remedy
    assert mistake.remedy.endswith(f"data.path={tmp_path / text}")


def test_a_path_that_is_proposed_can_be_typed(tmp_path: Path) -> None:
    _written(tmp_path / "los avisos=ñ.csv", "t\na\n")
    (word,) = shlex.split(_refused(tmp_path / "los avisos=n.csv").remedy)
    assert OverridesParser.create().parse_override(word).value() == str(tmp_path / "los avisos=ñ.csv")


def test_utf_16_is_recognised(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.csv", "t,n\navería,2\n", "utf-16")
    assert _refused(path).remedy == "data.encoding=utf-16"
    assert _open(path, encoding="utf-16") == {"t": ["avería"], "n": ["2"]}


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "\ufeff", "is empty"),
        ("a.parquet", "", "is empty"),
        ("a.csv", "t,n\n", "a header and no rows"),
        ("a.jsonl", "\n", "no rows"),
        ("a.csv", "t,n\na,b,c\n", "more fields than the header"),
        ("a.csv", "t,n\na,b\na,b,c\n", "Expected 2 fields in line 3, saw 3"),
        ("a.csv", 't,n\n"a,b\n', "EOF inside string"),
        ("a.jsonl", '{"t": 1}\nnope\n', "line 2 is not JSON"),
        ("a.jsonl", "[1]\n", "line 1 is not a JSON object"),
        ("a.parquet", "nope", "cannot be read"),
        ("a.csv.gz", "nope", "cannot be read"),
        ("a.doc", "nope", "the ending is none of .csv"),
        ("a.xlsx", "nope", "is a workbook of a spreadsheet"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, body: str, problem: str) -> None:
    mistake = _refused(_written(tmp_path / name, body))
    assert problem in mistake.problem
    assert mistake.key == "data.path"
    assert mistake.value == tmp_path / name


@pytest.mark.parametrize("groups", [0, 1, 3])
def test_a_parquet_file_without_a_row_is_refused(tmp_path: Path, groups: int) -> None:
    """Without a row group, or with row groups that have no row."""
    path, schema = tmp_path / "a.parquet", pa.schema([("t", pa.string()), ("n", pa.int64())])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(groups):
            writer.write_table(schema.empty_table())
    mistake = _refused(path)
    assert (mistake.key, mistake.problem, mistake.value) == ("data.path", "has a header and no rows", path)


def test_row_groups_without_rows_are_passed_over(tmp_path: Path) -> None:
    table = pa.table({"t": ["uno", "dos"], "n": [1, 2]})
    with pq.ParquetWriter(tmp_path / "a.parquet", table.schema) as writer:
        for part in (table.slice(2), table.slice(0, 1), table.slice(2), table.slice(1, 1), table.slice(2)):
            writer.write_table(part)
    assert _open(tmp_path / "a.parquet") == {"t": ["uno", "dos"], "n": ["1", "2"]}


def test_missing_files_and_folders(tmp_path: Path) -> None:
    _written(tmp_path / "avisos.csv", "t\n1\n")
    assert _refused(tmp_path / "aviso.csv").remedy == f"data.path={tmp_path / 'avisos.csv'}"
    assert _refused(tmp_path / "no" / "a.csv").problem == "no such folder"
    mistake = _refused(tmp_path)
    assert mistake.problem == "is a folder, not a file"
    assert mistake.remedy == f"data.path={tmp_path / 'avisos.csv'}"


def test_a_cache_that_cannot_be_written_is_blamed_itself(tmp_path: Path) -> None:
    for name, body in (("a.csv", "t\n1\n"), ("a.jsonl", '{"t": 1}\n')):
        path = _written(tmp_path / name, body)
        blocked = _written(tmp_path / "blocked", "a file where a folder should be")
        with pytest.raises(RequestError) as caught:
            open_file(path, "data.path", FileSettings(), blocked)
        assert [mistake.key for mistake in caught.value.mistakes] == ["cache.dir"]


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _open(_written(tmp_path / "a.csv", "t\n1\n"))
    _refused(_written(tmp_path / "b.csv", "t\n" + "x\n" * 20_000 + "é\n", "latin-1"))
    assert capfd.readouterr() == ("", "")


def test_names() -> None:
    names = ("A.CSV", "a.ndjson", "a.json.gz", "a.txt")
    assert [format_of(Path(name)) for name in names] == [CsvFile, JsonLinesFile, JsonLinesFile, None]
    assert stem(Path("x/avisos.csv.gz")) == "avisos"
