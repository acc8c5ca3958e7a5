"""A new file like those of the run needs no settings; one that is written in another way is not read wrongly."""

import logging
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.data.readers.row_file import FileSettings
from lab.inference.inputs.interface import Settings
from lab.inference.inputs.opened import open_inputs

RUN = FileSettings(delimiter=";", encoding="latin-1")


def read(path: Path, content: bytes, own: FileSettings = RUN, **typed: str) -> list[dict[str, str]]:
    path.write_bytes(content)
    with ExitStack() as files:
        (source,) = open_inputs([str(path)], Settings(files, own=own, **typed))  # type: ignore[arg-type]
        return [dict(row.cells) for row in source.numbered() if row.fault is None]


def test_a_file_like_those_of_the_run_is_read_in_the_same_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert read(tmp_path / "new.csv", "id;text\n1;año, 2\n".encode("latin-1")) == [{"id": "1", "text": "año, 2"}]
    assert "new.csv is read as the files of the run: encoding=latin-1 'delimiter=\";\"'" in caplog.text


@pytest.mark.parametrize("content", ["id;text\n1;año, 2\n", "\ufeffid;text\n1;año, 2\n", "id,text\n1,'año'\n"])
def test_utf_8_and_another_delimiter_win(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (row,) = read(tmp_path / "new.csv", content.encode())
    assert "año" in row["text"]
    assert "encoding" not in caplog.text
    assert ("delimiter" in caplog.text) == (";" in content)


def test_a_few_lines_of_another_encoding_do_not_make_a_file_of_utf_8_the_run_s(tmp_path: Path) -> None:
    content = b"id;text\n" + "1;año\n".encode() * 5 + "2;año\n".encode("latin-1")
    assert [row["text"] for row in read(tmp_path / "new.csv", content)] == ["año"] * 5


def test_what_is_typed_goes_first(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "new.csv", b"id|te;xt\n1|a\n", delimiter="|")
    assert row == {"id": "1", "te;xt": "a"}
    (row,) = read(tmp_path / "sep.csv", b"sep=|\nid|te;xt\n1|a\n")
    assert row == {"id": "1", "te;xt": "a"}


def test_other_formats_have_neither(tmp_path: Path) -> None:
    assert read(tmp_path / "new.jsonl", '{"text": "año"}\n'.encode()) == [{"text": "año"}]
