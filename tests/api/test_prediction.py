"""Predictions in Python are those of the command line, for rows of a DataFrame and for a list."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import lab
from lab.core.errors import RequestError
from lab.inference.predict import Done
from tests.inference import conftest
from tests.inference.conftest import read_csv, text_rows, write_csv, write_weather

predict_with, trained = conftest.predict_with, conftest.trained
"""Fixtures."""

ROWS = [{"title": title, "text": text, "cause": cause} for title, text, cause, _ in text_rows(6)]


def test_a_data_frame_keeps_its_index_and_its_columns(
    predict_with: Callable[..., Done], trained: Callable[[str], Path], tmp_path: Path
) -> None:
    frame = pd.DataFrame(ROWS, index=[f"r{n}" for n in range(len(ROWS))])
    found = lab.load(trained("ngram")).predict(frame, top_k=2, device="cpu")
    assert list(found.index) == list(frame.index)
    assert list(found.columns)[:5] == ["title", "text", "cause_given", "cause", "cause_probability"]
    write_csv(tmp_path / "new.csv", [list(ROWS[0]), *(list(row.values()) for row in ROWS)])
    predict_with("ngram", input=tmp_path / "new.csv", top_k=2)
    for row, expected in zip(found.to_dict("records"), read_csv(tmp_path / "out.csv"), strict=True):
        assert row["cause"] == expected["cause"]
        assert row["cause_probability"] == pytest.approx(float(expected["cause_probability"]), abs=1e-6)


def test_a_list_of_rows_with_another_column_name_and_a_missing_cell(
    trained: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"titulo": "pump", "text": "drips"}, {"titulo": None, "text": float("nan")}]
    found = lab.load(trained("ngram")).predict(rows, columns={"title": "titulo"})
    assert found["cause"].notna().tolist() == [True, False]
    assert "row 2 has no text" in caplog.text


def test_questions_and_windows_of_a_table(trained: Callable[[str], Path], tmp_path: Path) -> None:
    answers = lab.load(trained("questions")).predict([{"question": "Qué?", "context": "Se cambió el sello."}])
    start, end = int(answers["answer_start"][0]), int(answers["answer_end"][0])
    assert answers["answer"][0] == "Se cambió el sello."[start:end]
    table = pd.read_csv(write_weather(tmp_path / "new.csv", hours=40))
    windows = lab.load(trained("series")).predict(table)
    assert (len(windows), list(windows.columns)[:2]) == (34, ["station", "hour"])
    assert windows["temperature_probability"].between(0.5, 1).all()


def test_wrong_requests_name_what_to_type(trained: Callable[[str], Path]) -> None:
    run = lab.load(trained("ngram"))
    with pytest.raises(RequestError, match="no column 'title'"):
        run.predict([{"titel": "pump", "text": "drips"}])
    with pytest.raises(RequestError, match="top_k"):
        run.predict(ROWS, top_k=0)
    with pytest.raises(RequestError, match="no rows"):
        run.predict([])
