"""A CSV file is read as it was written, or refused with the line that would be read wrongly."""

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.core.errors import Mistake, RequestError
from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_files import open_file

Cells = dict[str, list[str | None]]


def opened(path: Path, how: FileSettings) -> Cells:
    table = open_file(path, "data.path", how, path.parent / "cache")
    cells = table.narrow(table.columns).read(slice(0, len(table)))
    return {name: values.to_pylist() for name, values in cells.items()}


def read(path: Path, text: str, how: FileSettings = FileSettings()) -> Cells:  # noqa: B008  frozen
    path.write_text(text, encoding=how.encoding, newline="")
    return opened(path, how)


def refused(path: Path, text: str, how: FileSettings = FileSettings()) -> Mistake:  # noqa: B008
    with pytest.raises(RequestError) as caught:
        read(path, text, how)
    (mistake,) = caught.value.mistakes
    assert (mistake.key, mistake.value) == ("data.path", path)
    assert mistake.remedy
    return mistake


def notices(num: int, stray: Sequence[int] = (), column: int = 0, width: int = 2, ending: str = "\n") -> str:
    """Rows of texts and labels; those at `stray` (counted from 1, behind the header) begin a cell with a quote."""
    lines = [",".join(["texto", "modo", "causa", "otro"][:width])]
    for row in range(1, num + 1):
        cells = [f"aviso {row} de la bomba", "ABCD"[row % 4], f"c{row % 3}", f"n {row}"][:width]
        if row in stray:
            cells[column] = f'"{cells[column]}'
        lines.append(",".join(cells))
    return ending.join(lines) + ending


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(("column", "width"), [(0, 2), (0, 3), (1, 2), (2, 4)])
def test_rows_that_a_stray_quote_swallows_are_named(tmp_path: Path, ending: str, column: int, width: int) -> None:
    text = notices(600, (100, 300), column, width, ending)
    mistake = refused(tmp_path / "a.csv", text)
    assert "lines 101 to 301" in mistake.problem
    assert "200 rows" in mistake.problem
    assert mistake.remedy.startswith("data.quoting=none")
    result = read(tmp_path / "a.csv", text, FileSettings(quoting="none"))
    assert [len(cells) for cells in result.values()] == [600] * width
    assert list(result.values())[column][99].startswith('"')  # type: ignore[union-attr]


def test_two_rows_beside_each_other_and_several_pairs(tmp_path: Path) -> None:
    mistake = refused(tmp_path / "a.csv", notices(60, (10, 11, 30, 50)))
    assert "lines 11 to 12, lines 31 to 51" in mistake.problem
    assert "21 rows" in mistake.problem


def test_a_stray_quote_that_a_well_formed_one_closes(tmp_path: Path) -> None:
    """The next quote is an inch at a cell's end, so that no parser sees anything odd."""
    lines = notices(40, (10,)).splitlines()
    lines[20] = 'tubo de 3",A'
    mistake = refused(tmp_path / "a.csv", "\n".join(lines) + "\n")
    assert "lines 11 to 21" in mistake.problem


def test_a_quote_that_is_never_closed_is_named_by_its_line(tmp_path: Path) -> None:
    mistake = refused(tmp_path / "a.csv", notices(600, (100,)))
    assert "a quote at line 101 opens a cell that never ends" in mistake.problem
    assert mistake.remedy == "data.quoting=none"
    assert len(read(tmp_path / "a.csv", notices(600, (100,)), FileSettings(quoting="none"))["texto"]) == 600


def test_a_row_that_a_stray_quote_makes_too_long_gets_the_remedy_that_reads_it(tmp_path: Path) -> None:
    lines = notices(30, (10,)).splitlines()
    lines[20] = 'bomba "B",A'
    text = "\n".join(lines[:20]) + '\n"x",y,"z\n' + "\n".join(lines[20:]) + "\n"
    remedy = refused(tmp_path / "a.csv", text).remedy  # no way of quoting reads it
    assert remedy == "put the cell at line 11 in quotes, and double the quotes inside it"


def test_where_plain_quotes_do_not_read_the_file_the_line_is_to_be_mended(tmp_path: Path) -> None:
    lines = notices(60, (10, 30)).splitlines()
    lines[50] = '"fuga, otra vez",A'
    mistake = refused(tmp_path / "a.csv", "\n".join(lines) + "\n")
    assert "put the cell at line 11 in quotes" in mistake.remedy
    assert "data.quoting=double" in mistake.remedy


PLAUSIBLE = {
    "addresses": [["Calle 1, Lima\nPiso 2, Oficina 3\nPerú", "A"], ["Av. Sol, Cusco\nPerú", "B"], ["Lima", "A"]],
    "a list in a text": [["Se cambió:\n- sello, eje\n- aceite, filtro\n", "A"], ["nada", "B"]],
    "a comma a line": [["uno, dos\ntres, cuatro\ncinco, seis\nsiete", "A"], ["x", "B"], ["y", "C"]],
    "a label in a text": [["La clase era\nA, según dijo", "A"], ["otra", "B"], ["otra más", "A"]],
    "quotes and lines": [['dijo "sí", y\nse fue, "ya"\nA', "A"], ["x", "B"]],
    "blank lines": [["uno\n\n\ndos\n", "A"], ["\n\n", "B"], ["x", "A"]],
}


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_texts_of_several_lines_are_left_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["texto", "modo"], *PLAUSIBLE[name]])
    result = opened(path, FileSettings())
    assert [list(row) for row in zip(result["texto"], result["modo"], strict=True)] == PLAUSIBLE[name]


def test_a_cell_that_looks_like_rows_is_read_if_quoting_is_double(tmp_path: Path) -> None:
    text = 'texto,modo\nuno,A\n"dos,A\ntres,B\ncuatro",B\n'
    assert "lines 3 to 5" in refused(tmp_path / "a.csv", text).problem
    assert read(tmp_path / "a.csv", text, FileSettings(quoting="double"))["texto"] == ["uno", "dos,A\ntres,B\ncuatro"]


def test_a_nul_is_named_by_its_line(tmp_path: Path) -> None:
    mistake = refused(tmp_path / "a.csv", "texto,modo\nuno,A\ndos \x00 y más,B\n")
    assert "line 3 contains a NUL" in mistake.problem
    path = tmp_path / "b.csv.gz"
    path.write_bytes(gzip.compress(b"texto,modo\nuno,A\n\0,B\n"))
    with pytest.raises(RequestError, match="line 3 contains a NUL"):
        opened(path, FileSettings())
    path = tmp_path / "c.csv"
    path.write_bytes("texto,modo\nuno,A\ndos,B\n".encode("utf-16-le"))
    with pytest.raises(RequestError) as caught:
        opened(path, FileSettings())
    assert caught.value.mistakes[0].remedy == "data.encoding=utf-16-le"
    assert opened(path, FileSettings(encoding="utf-16-le")) == {"texto": ["uno", "dos"], "modo": ["A", "B"]}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_lone_carriage_return_does_not_break_a_row(tmp_path: Path, ending: str) -> None:
    rows = ["texto,modo", "uno,A", '"dos\rcon comillas",B', "tres \r y más,A"]
    assert "line 4 contains a carriage return" in refused(tmp_path / "a.csv", ending.join(rows) + ending).problem
    result = read(tmp_path / "a.csv", ending.join(rows[:3]) + ending)
    assert result["texto"] == ["uno", "dos\rcon comillas"]
    assert read(tmp_path / "b.csv", "texto,modo\runo,A\rdos,B\r")["texto"] == ["uno", "dos"]  # an old Mac's


def test_quotes_behind_a_backslash_are_read_on_request(tmp_path: Path) -> None:
    text = 'texto,modo\n"dijo \\"hola\\", y se fue",A\n"nada",B\n'
    mistake = refused(tmp_path / "a.csv", text)
    assert "line 2 contains a quote after a backslash" in mistake.problem
    assert mistake.remedy == "data.quoting=backslash"
    result = read(tmp_path / "a.csv", text, FileSettings(quoting="backslash"))
    assert result == {"texto": ['dijo "hola", y se fue', "nada"], "modo": ["A", "B"]}
    silent = 'texto,modo\n"dijo \\"hola\\" y se fue",A\n"nada",B\n'  # as many cells either way
    assert refused(tmp_path / "b.csv", silent).remedy == "data.quoting=backslash"


def test_a_path_that_ends_with_a_backslash_is_no_escape(tmp_path: Path) -> None:
    text = 'texto,modo\n"C:\\avisos\\",A\n"D:\\",B\n'
    assert read(tmp_path / "a.csv", text)["texto"] == ["C:\\avisos\\", "D:\\"]


@pytest.mark.parametrize("hint", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "\ufeffSEP=;\n"])
def test_a_spreadsheets_line_about_the_delimiter_is_no_header(tmp_path: Path, hint: str) -> None:
    assert read(tmp_path / "a.csv", f"{hint}texto;modo\nuno, dos;A\n") == {"texto": ["uno, dos"], "modo": ["A"]}
    typed = read(tmp_path / "a.csv", f"{hint}texto,modo\nuno;dos,A\n", FileSettings(delimiter=","))
    assert typed == {"texto": ["uno;dos"], "modo": ["A"]}
    lines = notices(40, (10, 20)).replace(",", ";")
    assert "lines 12 to 22" in refused(tmp_path / "b.csv", hint + lines).problem


def test_a_hint_of_a_tab_and_a_column_of_that_name(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "sep=\t\ntexto\tmodo\nuno\tA\n") == {"texto": ["uno"], "modo": ["A"]}
    assert list(read(tmp_path / "b.csv", "sep=;,modo\nuno,A\n")) == ["sep=;", "modo"]


def test_a_copy_is_read_only_where_its_bytes_are_those_that_were_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, text in (("a.csv", "texto,modo\nuno,A\n"), ("a.jsonl", '{"texto": "uno", "modo": "A"}\n')):
        path = tmp_path / name
        expected = read(path, text)
        for copy in (tmp_path / "cache" / "files").glob("*/*.arrow"):
            copy.write_bytes(copy.read_bytes().replace(b"uno", b"dos"))
        assert opened(path, FileSettings()) == expected
        assert "is damaged and is made again" in caplog.text
        caplog.clear()


def test_another_way_of_quoting_makes_another_copy(tmp_path: Path) -> None:
    text = 'texto,modo\n"uno",A\n'
    assert read(tmp_path / "a.csv", text)["texto"] == ["uno"]
    assert opened(tmp_path / "a.csv", FileSettings(quoting="none"))["texto"] == ['"uno"']
    assert opened(tmp_path / "a.csv", FileSettings())["texto"] == ["uno"]


def test_a_stray_quote_among_sound_ones_is_named_by_the_lines_that_it_joins(tmp_path: Path) -> None:
    rows = ['tubo de 2"";causa', "fuga;junta", '"ruido;golpe', 'otra;"pieza; de; 3"""', "fin;junta"]
    body = "\n".join(["texto;causa", '"tubo; 2""";junta', *rows[1:]]) + "\n"
    mistake = refused(tmp_path / "a.csv", body, FileSettings(delimiter=";"))
    assert mistake.problem == "cannot be read: a quote at the start of a cell joins lines 4 to 5"
    assert mistake.remedy == "put the cell at line 4 in quotes, and double the quotes inside it"


def test_no_delimiter_is_proposed_that_is_used_already(tmp_path: Path) -> None:
    mistake = refused(tmp_path / "a.csv", "a;b\n1;2\n1;2;3\n", FileSettings(delimiter=";"))
    assert mistake.remedy == "put cells that contain the delimiter in quotes"
