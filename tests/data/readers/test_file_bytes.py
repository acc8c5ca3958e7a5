"""What a file's bytes say before it is parsed."""

import gzip
import zipfile
from pathlib import Path

import pytest

from lab.data.readers.file_bytes import read_lines, scan_bytes, sep_line_delimiter, utf_16_variant, workbook_mistake


def file(tmp_path: Path, content: bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_scan_finds_zeros_lone_returns_and_escaped_quotes(tmp_path: Path) -> None:
    assert scan_bytes(file(tmp_path, b"a\nb\0\n"), "utf-8").nul_line == 2
    assert scan_bytes(file(tmp_path, b"a\r\nb\rc\n"), "utf-8").lone_returns
    assert not scan_bytes(file(tmp_path, b"a\rb\r"), "utf-8").lone_returns, "the line ends of an old system"
    assert scan_bytes(file(tmp_path, b'"a \\" b"\n'), "utf-8").escaped_quotes


def test_lines_without_the_byte_order_mark_also_gzipped(tmp_path: Path) -> None:
    content = "\ufeffaño\nb\n".encode()
    assert list(read_lines(file(tmp_path, content), "utf-8")) == ["año\n", "b\n"]
    assert list(read_lines(file(tmp_path, gzip.compress(content), "a.csv.gz"), "utf-8", skipped=1)) == ["b\n"]


@pytest.mark.parametrize(("line", "delimiter"), [("sep=;\n", ";"), ('"sep=,"', ","), ("sep=;;", None), ("a;b", None)])
def test_a_line_that_names_the_delimiter(line: str, delimiter: str | None) -> None:
    assert sep_line_delimiter(line) == delimiter


def test_utf_16_with_and_without_a_mark(tmp_path: Path) -> None:
    text = "texto,modo\n" * 9
    assert utf_16_variant(file(tmp_path, text.encode("utf-16"))) == "utf-16"
    assert utf_16_variant(file(tmp_path, text.encode("utf-16-le"))) == "utf-16-le"
    assert utf_16_variant(file(tmp_path, text.encode("utf-16-be"))) == "utf-16-be"
    assert utf_16_variant(file(tmp_path, text.encode())) is None


def test_a_workbook_is_named_by_its_ending_or_its_content(tmp_path: Path) -> None:
    assert workbook_mistake(file(tmp_path, b"x", "a.xlsx"), "data.path") is not None
    with zipfile.ZipFile(tmp_path / "b.csv", "w") as parts:
        parts.writestr("xl/workbook.xml", "")
    mistake = workbook_mistake(tmp_path / "b.csv", "data.path")
    assert mistake is not None
    assert mistake.remedy.endswith(f"then data.path={tmp_path}/b_text.csv")  # another name than the workbook's own
    assert mistake is not None
    assert "CSV UTF-8" in mistake.remedy
    assert workbook_mistake(file(tmp_path, b"a,b\n"), "data.path") is None
