"""A file with another delimiter is refused with the words that read it when they are typed."""

import subprocess
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lab.core.errors import Mistake, RequestError
from lab.data.readers.delimiters import MARKS, fitting_delimiter, marks_in
from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_files import open_file
from lab.data.text.column_checks import missing_columns
from lab.data.text.label_survey import Columns

TEXTS = {
    "commas in texts": ["fuga de aceite, en el sello", "no arranca, ni vibra, ni suena", "avería del señalador"],
    "commas in later texts": ["fuga de aceite", "no arranca", "avería del señalador, otra vez"],
    "no commas": ["fuga de aceite", "no arranca", "avería del señalador"],
}


def written(path: Path, mark: str, texts: list[str], encoding: str) -> Path:
    lines = [f"texto{mark}modo", *(f"{text}{mark}{'AB'[n % 2]}" for n, text in enumerate(texts * 5))]
    path.write_text("\n".join(lines) + "\n", encoding=encoding, newline="")
    return path


def mistakes(path: Path, settings: FileSettings) -> list[Mistake]:
    """Those of a request for the columns texto and modo."""
    try:
        table = open_file(path, "data.path", settings, path.parent / "cache")
    except RequestError as error:
        return list(error.mistakes)
    columns = Columns(text=("texto",), labels=("modo",))
    return missing_columns(columns, table, path.name, settings.delimiter)


def typed(remedy: str) -> FileSettings:
    """The settings of a remedy, read by bash and then by Hydra."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\n' {remedy}"], capture_output=True, text=True, check=True)
    overrides = OverridesParser.create().parse_overrides(done.stdout.splitlines())
    values = {override.key_or_group.removeprefix("data."): override.value() for override in overrides}
    return FileSettings(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("mark", [";", "\t", "|"])
@pytest.mark.parametrize("name", TEXTS)
def test_one_remedy_reads_the_file(tmp_path: Path, name: str, mark: str, encoding: str) -> None:
    path = written(tmp_path / "a.csv", mark, TEXTS[name], encoding)
    first = mistakes(path, FileSettings())
    assert first
    assert {mistake.remedy for mistake in first} == {first[0].remedy}
    assert mistakes(path, typed(first[0].remedy)) == []


def test_a_file_with_a_broken_row_gets_the_mark_of_its_header_and_a_file_without_another_mark_none(
    tmp_path: Path,
) -> None:
    def remedy(text: str) -> str:
        (tmp_path / "a.csv").write_text(text)
        (mistake,) = mistakes(tmp_path / "a.csv", FileSettings())
        return mistake.remedy

    quotes = "put cells that contain the delimiter in quotes"
    assert remedy("texto;modo\na,b;A\nc;B;C\n") == f"{quotes}, or name another delimiter: 'data.delimiter=\";\"'"
    assert remedy("texto,modo\na,b,A\n") == quotes


def test_the_most_frequent_mark_of_a_header_comes_first() -> None:
    assert marks_in("a;b;c|d,e\n", ",") == [";", "|"]
    assert fitting_delimiter(lambda: ["a|b;c\n", "1|2\n"], ",", "auto") == "|"
    assert fitting_delimiter(lambda: ["a;b\n", "1;2;3\n"], ",", "auto") is None
    assert fitting_delimiter(lambda: [], ",", "auto") is None
    assert "," in MARKS
