"""A file in another encoding: its bad lines are named, and an encoding is proposed only where it reads all of them."""

from pathlib import Path

import pytest

from lab.core.errors import Mistake, RequestError
from lab.data.readers.encodings import is_really_utf_8, single_byte_encoding, try_encoding
from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_files import open_file

SPANISH = "avería de la válvula en el año 2024"


def refused(path: Path, lines: list[bytes], encoding: str = "utf-8") -> Mistake:
    path.write_bytes(b"\n".join([b"texto,modo", *lines]) + b"\n")
    with pytest.raises(RequestError) as caught:
        open_file(path, "data.path", FileSettings(encoding=encoding), path.parent / "cache")
    (mistake,) = caught.value.mistakes
    return mistake


def rows(num: int, text: str, encoding: str) -> list[bytes]:
    return [f'"{text} {row}",{"AB"[row % 2]}'.encode(encoding) for row in range(num)]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_bad_lines_among_utf_8_are_named_and_no_encoding_spoils_the_others(tmp_path: Path, name: str) -> None:
    if name == "a.csv":
        lines = rows(600, SPANISH, "utf-8")
        lines[50], lines[400] = (row.decode().encode("latin-1") for row in (lines[50], lines[400]))
        mistake = refused(tmp_path / name, lines)
        assert "2 of 601 lines are not: line 52, 402" in mistake.problem
    else:
        body = [f'{{"texto": "{SPANISH} {row}", "modo": "A"}}'.encode() for row in range(600)]
        body[50] = body[50].decode().encode("latin-1")
        (tmp_path / name).write_bytes(b"\n".join(body) + b"\n")
        with pytest.raises(RequestError) as caught:
            open_file(tmp_path / name, "data.path", FileSettings(), tmp_path / "cache")
        (mistake,) = caught.value.mistakes
        assert "1 of 600 lines are not: line 51" in mistake.problem
    assert "data.encoding" not in mistake.remedy
    assert "correct these lines" in mistake.remedy
    assert "latin-1" in mistake.remedy


@pytest.mark.parametrize(
    ("text", "encoding", "proposed"),
    [
        (SPANISH, "latin-1", "latin-1"),
        ("Größe prüfen: Überdruck", "latin-1", "latin-1"),
        ("“avería” de 5 €", "cp1252", "cp1252"),
        ("avería y señal", "utf-16", "utf-16"),
        ("насос сломан", "cp1251", None),
        ("ポンプが故障", "shift_jis", None),
        ("水泵故障了", "gb18030", None),
    ],
)
def test_an_encoding_is_proposed_where_it_makes_sensible_text(
    tmp_path: Path, text: str, encoding: str, proposed: str | None
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(("texto,modo\n" + "".join(f"{text} {row},A\n" for row in range(200))).encode(encoding))
    with pytest.raises(RequestError) as caught:
        open_file(path, "data.path", FileSettings(), tmp_path / "cache")
    (mistake,) = caught.value.mistakes
    if proposed is None:
        assert mistake.remedy.startswith("data.encoding=NAME")
    else:
        assert mistake.remedy == f"data.encoding={proposed}"
    settings = FileSettings(encoding=proposed or encoding)
    table = open_file(path, "data.path", settings, tmp_path / "cache").narrow(["texto"])
    assert table.read(slice(0, 1))["texto"].to_pylist() == [f"{text} 0"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "iso8859-15"])
def test_a_file_in_utf_8_is_not_read_by_the_byte(tmp_path: Path, encoding: str) -> None:
    mistake = refused(tmp_path / "a.csv", rows(20, SPANISH, "utf-8"), encoding)
    assert mistake.remedy == "data.encoding=utf-8"
    assert "is UTF-8" in mistake.problem
    plain = tmp_path / "b.csv"
    plain.write_text("texto,modo\nliso,A\n")
    assert len(open_file(plain, "data.path", FileSettings(encoding=encoding), tmp_path / "cache")) == 1
    assert not is_really_utf_8(plain, encoding)


@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_another_requested_encoding_of_a_utf_8_file_is_refused(tmp_path: Path, encoding: str) -> None:
    assert refused(tmp_path / "a.csv", rows(20, SPANISH, "utf-8"), encoding).remedy == "data.encoding=utf-8"


def test_one_letter_of_latin_1_that_looks_like_utf_8_is_no_utf_8(tmp_path: Path) -> None:
    lines = rows(40, SPANISH, "latin-1")
    lines[7] = 'marca "Ã©",A'.replace('"', "").encode("latin-1")
    assert refused(tmp_path / "a.csv", lines).remedy == "data.encoding=latin-1"


def test_bad_bytes_after_a_row_that_does_not_fit_are_reported_too(tmp_path: Path) -> None:
    lines = rows(40, SPANISH, "latin-1")
    lines[3] = b"a,b,c,d"
    assert "is not utf-8" in refused(tmp_path / "a.csv", lines).problem


def test_text_of_a_parquet_file_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xf1")])
    pq.write_table(pa.table({"texto": broken}), tmp_path / "a.parquet")
    with pytest.raises(RequestError, match="cannot be read"):
        open_file(tmp_path / "a.parquet", "data.path", FileSettings(), tmp_path / "cache")


def test_lines_are_counted_by_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"liso\n" + "año\n".encode() + "año\n".encode("latin-1") + b"fin")
    result = try_encoding(path, "utf-8")
    assert (result.num, list(result.wrong), list(result.samples), result.num_beyond_ascii) == (4, [3], [b"a\xf1o\n"], 1)
    assert single_byte_encoding([b"liso"]) is None
