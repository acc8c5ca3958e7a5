"""Explanations with predictions: their columns, the page beside the output, refusals before anything is written."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lab.core.errors import RequestError, RunError
from lab.inference.explain import texts
from lab.inference.predict import Done

from ..conftest import read_csv, text_rows, write_csv

PredictWith = Callable[..., Done]
COLUMNS = ["cause_attributions", "cause_attribution_error", "state_attributions", "state_attribution_error"]


@pytest.fixture
def new(tmp_path: Path) -> Path:
    rows = [*text_rows(3), ("", "", "", ""), ("<b>pump</b>", "drips & drips", "", "")]
    return write_csv(tmp_path / "new.csv", [("title", "text"), *(row[:2] for row in rows)])


@pytest.mark.parametrize("name", ["ngram", "lora"])
def test_columns_and_page_beside_the_predictions(
    predict_with: PredictWith, new: Path, tmp_path: Path, name: str
) -> None:
    predict_with(name, input=new, output=tmp_path / "plain.csv")
    done = predict_with(name, input=new, explain=True)
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0])[-4:] == COLUMNS
    assert [{key: row[key] for key in row if key not in COLUMNS} for row in rows] == read_csv(tmp_path / "plain.csv")
    for row in rows:
        for head in ("cause", "state"):
            if not row["cause"]:
                assert row[f"{head}_attributions"] == row[f"{head}_attribution_error"] == ""
                continue
            words = json.loads(row[f"{head}_attributions"])
            assert "".join(word for word, _ in words) == " | ".join(filter(None, (row["title"], row["text"]))).replace(
                " ", ""
            )
            assert 0 <= float(row[f"{head}_attribution_error"]) <= 0.01
    page = (tmp_path / "out.explained.html").read_text()
    assert page.count("<tbody>") == 7
    assert "new.csv, row 8" in page
    assert "new.csv, row 7" not in page
    assert "&lt;" in page
    assert "<b>" not in page
    assert f"the explanations in {tmp_path / 'out.explained.html'}" in done.lines


def test_a_continued_output_says_which_rows_the_page_has(predict_with: PredictWith, new: Path, tmp_path: Path) -> None:
    page = tmp_path / "more.html"
    done = predict_with("ngram", input=new, explain=True, explain_page=page, resume_output=True)
    assert f"the explanations of the rows that this command has written in {page}" in done.lines


def test_parquet_and_json_lines(predict_with: PredictWith, new: Path, tmp_path: Path) -> None:
    predict_with("ngram", input=new, output=tmp_path / "a.parquet", explain=True, explain_page=tmp_path / "a.html")
    predict_with("ngram", input=new, output=tmp_path / "b.jsonl", explain=True)
    table = pq.read_table(tmp_path / "a.parquet")
    lines = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert table["cause_attributions"].to_pylist() == [line["cause_attributions"] for line in lines]
    assert lines[-1]["cause_attributions"].startswith('[["<", ')
    assert str(table.schema.field("cause_attribution_error").type) == "double"
    assert (tmp_path / "a.html").exists()


def test_standard_output_has_no_page(
    predict_with: PredictWith, monkeypatch: pytest.MonkeyPatch, new: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    predict_with("ngram", input=new, output="-", explain=True)
    assert list(tmp_path.glob("*.html")) == []


def test_attributions_that_do_not_sum_are_marked(
    predict_with: PredictWith, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "completeness_error", lambda total, difference: 0.02)
    done = predict_with("ngram", input=new, explain=True)
    assert {row["cause_attribution_error"] for row in read_csv(tmp_path / "out.csv") if row["cause"]} == {"0.02"}
    assert any(line.startswith("14 of 14 attributions do not sum") for line in done.lines)
    assert (tmp_path / "out.explained.html").read_text().count("incomplete: the numbers miss the score by 2.0%") == 14


def test_a_wrong_request_writes_nothing(predict_with: PredictWith, new: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.html").write_text("mine")
    (tmp_path / "out.explained.html").symlink_to(tmp_path / "elsewhere")
    before = set(tmp_path.iterdir())
    for settings, words in (
        ({"explain": True}, "exists already"),
        ({"explain": True, "explain_page": tmp_path / "taken.html"}, "explain_page=.*out_2.explained.html"),
        ({"explain": True, "explain_page": tmp_path / "no" / "p.html"}, "there is no folder"),
        ({"explain": True, "explain_page": tmp_path / "p.txt"}, "the ending is none of .html, .htm"),
        ({"explain_page": tmp_path / "p.html"}, "has no effect without explain=true"),
        ({"explain": True, "explain_page": tmp_path / "p.html", "columns": {"text": "texto"}}, "has no column 'texto'"),
    ):
        with pytest.raises(RequestError, match=words):
            predict_with("ngram", input=new, **settings)
        assert set(tmp_path.iterdir()) == before
    assert (tmp_path / "taken.html").read_text() == "mine"


def test_a_stopped_command_leaves_no_page(
    predict_with: PredictWith, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(texts.NgramExplainer, "attributions", stopped)
    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        predict_with("ngram", input=new, explain=True)
    assert set(tmp_path.iterdir()) == before


def test_a_page_that_cannot_be_made_is_a_mistake(predict_with: PredictWith, new: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"explain_page.*cannot be written"):
        predict_with("ngram", input=new, explain=True, explain_page="/proc/x.html")
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_predictions_stay_where_the_page_cannot_be_put_in_its_place(
    predict_with: PredictWith, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.replace

    def refused(self: Path, target: Path) -> Path:
        if self.name.endswith(".part") and str(target).endswith(".html"):
            raise OSError(28, "No space left on device")
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(RunError, match=r"page of explanations cannot be written.*the predictions are complete"):
        predict_with("ngram", input=new, explain=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv", "out.csv", "out.csv.rejected.csv"]
