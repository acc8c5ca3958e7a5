"""Titles, sheets, headers in between, notes and blank rows of tables that people keep."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

DAYS = pd.date_range("2024-01-01", periods=30).strftime("%Y-%m-%d")
RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({"date": DAYS, "station": "Norte", "rain": RANDOM.random(30).round(3), "wind": np.arange(30) % 7})


def rows(frame: pd.DataFrame, delimiter: str = ",") -> list[str]:
    return frame.to_csv(index=False, sep=delimiter).splitlines()


def sheets(path: Path, **parts: list[list[Any]]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, cells in parts.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    book.save(path)


CELLS: list[list[Any]] = [list(FRAME.columns), *FRAME.to_numpy().tolist()]


def same(panel: Any, frame: pd.DataFrame = FRAME) -> bool:
    assert panel.columns == ("rain", "wind")
    return np.allclose(panel.values, frame[["rain", "wind"]].to_numpy(np.float32))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["Weather of Cajamarca", "", *rows(FRAME)], ["data.skip_rows=2"]),
        (["Weather, daily, 2024", "mm, m/s", "", *rows(FRAME)], ["data.skip_rows=3"]),
        (["Weather; daily", *rows(FRAME, ";")], ["data.skip_rows=1", 'data.delimiter=";"']),
        (["sep=;", "Weather", *rows(FRAME, ";")], ["data.skip_rows=2"]),
    ],
)
def test_titles_in_a_file_of_text(typed: Any, refused: Any, lines: list[str], words: list[str]) -> None:
    _, ways = refused("a.csv", "\n".join(lines))
    assert ways == [words]
    assert same(typed("a.csv", None, *words))


@pytest.mark.parametrize("start", ["sep=;\n", "\ufeffsep=;\r\n", '"sep=;"\n'])
def test_a_line_that_names_the_delimiter_is_no_header(typed: Any, start: str) -> None:
    content = start + "\n".join(rows(FRAME, ";"))
    assert same(typed("a.csv", content))
    assert same(typed("a.csv", content, 'data.delimiter=";"'))


def test_a_byte_order_mark_and_other_line_ends_are_no_part_of_a_name(typed: Any) -> None:
    for end in ("\n", "\r\n", "\r"):
        assert same(typed("a.csv", "\ufeff" + end.join(rows(FRAME))))


def test_titles_and_several_sheets_of_a_workbook(typed: Any, refused: Any, tmp_path: Path, caplog: Any) -> None:
    titles: list[list[Any]] = [["Weather of Cajamarca"], [], ["station 107028", None, "m"]]
    sheets(tmp_path / "a.xlsx", Notes=[["what this is"], ["by whom"]], Data=titles + CELLS)
    _, ways = refused("a.xlsx", None)
    assert ways == [["data.sheet=Data", "data.skip_rows=3"]]
    assert same(typed("a.xlsx", None, *ways[0]))
    _, ways = refused("a.xlsx", None, "data.sheet=Data")
    assert ways == [["data.skip_rows=3"]]
    assert same(typed("a.xlsx", None, "data.sheet=Data", *ways[0]))
    _, ways = refused("a.xlsx", None, "data.sheet=Data", "data.skip_rows=1")
    assert ways == [["data.skip_rows=3"]]
    sheets(tmp_path / "a.xlsx", First=CELLS, Second=CELLS)
    assert same(typed("a.xlsx", None))
    assert "sheet 'First' is read; Second also has a column date and is not read: data.sheet=Second" in caplog.text


def test_blank_rows_and_notes_below_are_left_out_and_logged(typed: Any, tmp_path: Path, caplog: Any) -> None:
    below = [[None] * 4, [None, " ", None, None], ["Source: weather service, daily values"], [None] * 4]
    sheets(tmp_path / "a.xlsx", Data=[*CELLS[:4], [None] * 4, *CELLS[4:], *below])
    assert same(typed("a.xlsx", None, "data.group=station"))
    assert "rows 33 at the end are notes: 'Source: weather service, daily values'; left out" in caplog.text
    content = "\n".join([*rows(FRAME), ",,,", ",,,", '"Fuente: servicio, datos diarios",,,'])
    assert same(typed("a.csv", content, "data.group=station"))


def test_a_last_row_with_a_date_alone_is_a_row(typed: Any) -> None:
    panel = typed("a.csv", "\n".join([*rows(FRAME), "2024-01-31,,,"]))
    assert len(panel.values) == 31


@pytest.mark.parametrize("settings", [(), ("data.group=station",), ("data.label=station",), ("data.label=wind",)])
def test_a_header_again_in_a_joined_file_is_no_row(typed: Any, caplog: Any, settings: tuple[str, ...]) -> None:
    table = FRAME.assign(station=["Norte"] * 15 + ["Sur"] * 15)
    lines = rows(table)
    content = "\n".join([*lines[:11], lines[0], *lines[11:21], lines[0], *lines[21:]])
    keep = ("data.features=[rain]",) if "data.label=wind" in settings else ()
    panel = typed("a.csv", content, *settings, *keep)
    assert len(panel.values) == 30
    assert np.allclose(panel.values[:, 0], table["rain"])
    assert panel.groups == (("Norte", "Sur") if "data.group=station" in settings else ("",))
    if "data.label=station" in settings:
        assert panel.classes == ("Norte", "Sur")
    if "data.label=wind" in settings:
        assert panel.classes == tuple("0123456")
    assert "rows 10, 21 repeat the header; left out" in caplog.text


@pytest.mark.parametrize("odd", ["Norte ", " Norte", "Norte\u00a0"])
def test_blanks_around_a_name_make_no_other_group(typed: Callable[..., Any], caplog: Any, odd: str) -> None:
    for name in ("a.csv", "a.parquet"):
        panel = typed(name, FRAME.assign(station=["Norte"] * 20 + [odd] * 10), "data.group=station")
        assert panel.groups == ("Norte",)
        assert f"spaces around names of groups are ignored: {odd!r}" in caplog.text
