"""Predictions end to end, with the training data deleted: every task, every row in its place, refusals before work."""

import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from lab.core.errors import RequestError
from lab.inference import predict as module
from lab.inference.predict import Done, given_names
from lab.inference.texts import TextPredictor

from .conftest import read_csv, text_rows, write_csv, write_weather

PredictWith = Callable[..., Done]
HEADER = ("title", "text", "id")
PREDICTED = ["cause", "cause_probability", "state", "state_probability"]


@pytest.fixture
def new(tmp_path: Path) -> Path:
    rows = [(title, text, str(number)) for number, (title, text, *_) in enumerate(text_rows(12))]
    return write_csv(tmp_path / "new.csv", [HEADER, *rows])


SLOW = ("qdora", "encoder_on_base", "windows")


@pytest.mark.parametrize(
    "name",
    ["ngram", "linear", "encoder", "lora", "conv", "qlora", "ngram_on_base",
     *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)  # fmt: skip
def test_a_text_alone_and_in_any_batch_has_one_answer(
    predict_with: PredictWith, new: Path, tmp_path: Path, name: str
) -> None:
    done = predict_with(name, input=new)
    whole = read_csv(tmp_path / "out.csv")
    assert (done.rows, done.scores) == (24, None)
    assert list(whole[0]) == [*HEADER, *PREDICTED]
    assert [row["id"] for row in whole] == [str(number) for number in range(24)]
    predict_with(name, input=new, output=tmp_path / "alone.csv", batch_size=1)
    for row, other in zip(whole, read_csv(tmp_path / "alone.csv"), strict=True):
        for head in ("cause", "state"):
            assert row[head] == other[head]
            assert float(row[f"{head}_probability"]) == pytest.approx(float(other[f"{head}_probability"]), abs=1e-5)


def test_the_best_classes_and_the_scores_of_labelled_rows(predict_with: PredictWith, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "new.csv", [("title", "text", "cause"), *(row[:3] for row in text_rows(5))])
    done = predict_with("ngram", input=file, top_k=5)
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0])[:7] == ["title", "text", "cause_given", "cause", "cause_probability", "cause_2",
                                 "cause_2_probability"]  # fmt: skip
    assert float(rows[0]["cause_probability"]) + float(rows[0]["cause_2_probability"]) == pytest.approx(1, abs=1e-5)
    right = sum(row["cause"] == row["cause_given"] for row in rows) / len(rows)
    assert done.scores is not None
    assert [row[:2] for row in done.scores.rows] == [("cause", f"{right:.3f}")]


def test_rows_that_cannot_be_read_keep_their_place(
    predict_with: PredictWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE_ROWS", 2)
    lines = [b"title,text,id", b"pump,drips,1", b",,2", "bomba,vibraci\u00f3n,3".encode("latin-1"), b"pump,shakes",
             b"pump,drips,5,6", b"pump,noise,6"]  # fmt: skip
    file = tmp_path / "new.csv"
    file.write_bytes(b"\n".join(lines) + b"\n")
    done = predict_with("ngram", input=file)
    rows = read_csv(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == ["1", "2", "3", "", "5", "6"]
    assert [bool(row["cause"]) for row in rows] == [True, False, False, False, False, True]
    assert rows[2]["text"] == "vibraci\ufffdn"
    listed = read_csv(tmp_path / "out.csv.rejected.csv")
    assert [(row["row"], row["reason"]) for row in listed] == [
        ("2", "has no text"), ("3", "is not utf-8; encoding=latin-1 may read it"),
        ("4", "has 2 cells, and the header has 3"),
        ("5", "has 4 cells, and the header has 3"),
    ]  # fmt: skip
    assert done.lines[-1].startswith("4 of 6 rows have no prediction")
    assert done.unpredicted == 4


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("damage", [b"", b"pump 3,", b'{"title": "pu', b'"pump\n'])
def test_an_output_is_continued_behind_its_last_whole_row(
    predict_with: PredictWith, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, damage: bytes
) -> None:
    monkeypatch.setattr(module, "PIECE_ROWS", 5)
    new.write_text(new.read_text().replace("pump 1,", ",").replace("puddle puddle ,2\n", ",2\n"))
    whole, part = tmp_path / f"whole.{ending}", tmp_path / f"part.{ending}"
    predict_with("ngram", input=new, output=whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(lines[:8]) + damage)
    done = predict_with("ngram", input=new, output=part, resume_output=True)
    assert done.rows == 24 - (7 if ending == "csv" else 8)
    found, expected = part.read_text(), whole.read_text()
    number = re.compile(r"\d\.\d+")  # batches begin at other rows, so the last digit of a probability may differ
    assert number.sub("#", found) == number.sub("#", expected)
    assert list(map(float, number.findall(found))) == pytest.approx(
        list(map(float, number.findall(expected))), abs=1e-5
    )
    done = predict_with("ngram", input=new, output=part, resume_output=True)
    assert (done.rows, part.read_text()) == (0, found)


def test_a_stopped_command_leaves_nothing_or_whole_rows(
    predict_with: PredictWith, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE_ROWS", 5)
    predicted = TextPredictor.predict
    calls: list[int] = []

    def stopped(self: TextPredictor, rows: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predicted(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(TextPredictor, "predict", stopped)
    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        predict_with("ngram", input=new)
    assert set(tmp_path.iterdir()) == before
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        predict_with("ngram", input=new, resume_output=True)
    assert len(read_csv(tmp_path / "out.csv")) == 10
    monkeypatch.setattr(TextPredictor, "predict", predicted)
    assert predict_with("ngram", input=new, resume_output=True).rows == 14


def test_an_output_of_another_input_is_not_continued(predict_with: PredictWith, new: Path, tmp_path: Path) -> None:
    predict_with("ngram", input=new)
    other = write_csv(tmp_path / "other.csv", [HEADER, *(("fan", "noise", str(n)) for n in range(30))])
    with pytest.raises(RequestError, match="is not that of the input"):
        predict_with("ngram", input=other, resume_output=True)
    with pytest.raises(RequestError, match="has other columns"):
        predict_with("ngram", input=new, resume_output=True, top_k=2)
    assert len(read_csv(tmp_path / "out.csv")) == 24


def test_parquet_and_json_lines_in_and_out(predict_with: PredictWith, new: Path, tmp_path: Path) -> None:
    predict_with("ngram", input=new, output=tmp_path / "a.jsonl")
    predict_with("ngram", input=tmp_path / "a.jsonl", output=tmp_path / "b.parquet")
    table = pq.read_table(tmp_path / "b.parquet")
    assert table.column_names[:4] == [*HEADER, "cause_given"]
    assert str(table.schema.field("cause_probability").type) == "double"
    predict_with("ngram", input=tmp_path / "b.parquet", output=tmp_path / "c.parquet")
    again = pq.read_table(tmp_path / "c.parquet")
    assert again["cause"].to_pylist() == table["cause"].to_pylist()
    assert again.schema.field("cause_probability_given_given").type == table.schema.field("cause_probability").type


def test_several_files_and_a_workbook(predict_with: PredictWith, new: Path, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in [("text", "title", "when"), ("drips", "pump", 3), (None, None, 4), ("shakes", None, 5)]:
        book.active.append(line)
    book.save(tmp_path / "new.xlsx")
    predict_with("ngram", input=[str(new), str(tmp_path / "new.xlsx")])
    rows = read_csv(tmp_path / "out.csv")
    assert [row["when"] for row in rows[-4:]] == ["", "3", "4", "5"]
    assert read_csv(tmp_path / "out.csv.rejected.csv")[0]["row"] == "2"


@pytest.mark.parametrize("text", ["title,text\npump,drips\n", '{"title": "pump", "text": "drips"}\n'])
def test_standard_input_and_output(
    predict_with: PredictWith, monkeypatch: pytest.MonkeyPatch, text: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    predict_with("ngram", input="-", output="-")
    assert isinstance(sys.stdout, io.TextIOWrapper)
    shown = sys.stdout.buffer
    assert isinstance(shown, io.BytesIO)
    lines = shown.getvalue().decode().splitlines()
    assert lines[0] == ",".join(["title", "text", *PREDICTED])
    assert lines[1].startswith("pump,drips,")


def test_formulas_are_escaped_on_request(predict_with: PredictWith, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "new.csv", [("title", "text"), ("=1+1", "drips"), ("pump", "@shakes")])
    predict_with("ngram", input=file, safe_csv=True)
    assert [(row["title"], row["text"]) for row in read_csv(tmp_path / "out.csv")] == [
        ("'=1+1", "drips"), ("pump", "'@shakes")]  # fmt: skip
    predict_with("ngram", input=file, output=tmp_path / "plain.csv")
    assert read_csv(tmp_path / "plain.csv")[0]["title"] == "=1+1"


def test_answers_with_their_place(predict_with: PredictWith, tmp_path: Path) -> None:
    context = "La bomba P-101 vibra desde ayer. " * 20 + "Se cambi\u00f3 el sello mec\u00e1nico."
    rows = [("q1", "\u00bfQu\u00e9 vibra?", context), ("q2", "\u00bfQu\u00e9?", "Se cambi\u00f3 el sello."),
            ("q3", "", context), ("q4", "\u00bfqu\u00e9 " * 60, context)]  # fmt: skip
    file = write_csv(tmp_path / "new.csv", [("id", "question", "context"), *rows])
    predict_with("questions", input=file, top_k=2)
    found = read_csv(tmp_path / "out.csv")
    for row in found[:2]:
        for name in ("answer", "answer_2"):
            start, end = int(row[f"{name}_start"]), int(row[f"{name}_end"])
            assert row[name] == row["context"][start:end] != ""
        assert float(row["answer_probability"]) >= float(row["answer_2_probability"])
    assert [row["answer"] for row in found[2:]] == ["", ""]
    reasons = [row["reason"] for row in read_csv(tmp_path / "out.csv.rejected.csv")]
    assert reasons[0] == "has no question"
    assert "leaves no room" in reasons[1]
    predict_with("questions", input=file, output=tmp_path / "alone.csv", batch_size=1)
    for row, other in zip(found[:2], read_csv(tmp_path / "alone.csv")[:2], strict=True):
        assert (row["answer"], row["answer_start"]) == (other["answer"], other["answer_start"])
        assert float(row["answer_probability"]) == pytest.approx(float(other["answer_probability"]), abs=1e-5)


def test_windows_of_a_new_table(predict_with: PredictWith, tmp_path: Path) -> None:
    file = write_weather(tmp_path / "new.csv", hours=40)
    done = predict_with("series", input=file)
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["station", "hour", "temperature", "temperature_probability"]
    assert (done.rows, rows[0]["hour"], rows[-1]["hour"]) == (34, "2018-01-01T23:00:00", "2018-01-02T15:00:00")
    assert {row["temperature"] for row in rows} <= {"< 17", ">= 17"}
    assert done.lines[1] == (
        f"34 of 80 steps of {file} have a prediction: a prediction needs a window of 24 steps, "
        "which the first 23 of each of 2 groups do not have"
    )
    assert done.scores is not None
    assert done.scores.title == "scores of 32 labelled rows"  # the class of each group's last window is not known yet
    renamed = write_weather(tmp_path / "renamed.csv", hours=40, first=10, names=("t", "s"))
    predict_with(
        "series", input=renamed, columns={"hour": "t", "station": "s"}, output=tmp_path / "late.csv", batch_size=3
    )
    late = {(row["s"], row["t"]): row for row in read_csv(tmp_path / "late.csv")}
    assert len(late) == 14
    for row in rows:
        if other := late.get((row["station"], row["hour"])):
            assert float(other["temperature_probability"]) == pytest.approx(
                float(row["temperature_probability"]), abs=1e-5
            )


@pytest.mark.parametrize(
    "name", ["net", *(pytest.param(name, marks=pytest.mark.slow) for name in ("plugin_net", "net_on_base", "lags"))]
)
def test_a_window_alone_and_in_any_batch_has_one_answer(predict_with: PredictWith, tmp_path: Path, name: str) -> None:
    predict_with(name, input=write_weather(tmp_path / "new.csv", hours=40))
    rows = read_csv(tmp_path / "out.csv")
    predict_with(name, input=tmp_path / "new.csv", output=tmp_path / "alone.csv", batch_size=1)
    assert len(rows) > 10
    for row, alone in zip(rows, read_csv(tmp_path / "alone.csv"), strict=True):
        assert float(row["temperature_probability"]) == pytest.approx(float(alone["temperature_probability"]), abs=1e-5)


def test_a_table_that_does_not_fit_the_run(predict_with: PredictWith, tmp_path: Path) -> None:
    file = write_weather(tmp_path / "new.csv", hours=20)
    with pytest.raises(RequestError, match="has the 24 rows of a window"):
        predict_with("series", input=file)
    lines = write_weather(file, hours=40).read_text().splitlines()
    (tmp_path / "odd.csv").write_text("\n".join(lines[:1] + lines[1:41:2]) + "\n")
    with pytest.raises(RequestError, match="a row every 7200 s"):
        predict_with("series", input=tmp_path / "odd.csv")
    (tmp_path / "lacks.csv").write_text("\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n")
    with pytest.raises(RequestError, match="no column of this name") as caught:
        predict_with("series", input=tmp_path / "lacks.csv")
    assert "columns=" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [("", "is empty"), ("hour,station,{}\n", "has no rows"), ("hour,station,{}\n2024-01-01,a,warm{}\n", "'warm'")],
)
def test_a_wrong_table_of_series_is_named(
    predict_with: PredictWith, trained: Callable[[str], Path], tmp_path: Path, content: str, problem: str
) -> None:
    header = write_weather(tmp_path / "sound.csv", hours=30).read_text().split("\n")[0].split(",")[2:]
    file = tmp_path / "wrong.csv"
    file.write_text(content.format(",".join(header), ",1" * (len(header) - 1)))
    with pytest.raises(RequestError) as raised:
        predict_with("series", input=[str(tmp_path / "sound.csv"), str(file)])
    assert [mistake.value for mistake in raised.value.mistakes] == [str(file)] * len(raised.value.mistakes)
    assert problem in str(raised.value)
    assert not (tmp_path / "out.csv").exists()


def _refusals(new: Path, tmp_path: Path) -> dict[str, tuple[dict[str, object], str]]:
    other = write_csv(tmp_path / "other.csv", [("titel", "text"), ("pump", "drips")])
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    taken = write_csv(tmp_path / "taken.csv", [("a",)])
    latin = tmp_path / "latin.csv"
    latin.write_bytes("a\u00f1o,text\n1,2\n".encode("latin-1"))
    return {
        "missing column": ({"input": other}, "columns={title: titel}"),
        "no such file": ({"input": tmp_path / "nwe.csv"}, "new.csv"),
        "empty file": ({"input": empty}, "is empty"),
        "wrong header": ({"input": latin}, "encoding=latin-1"),
        "no such encoding": ({"input": new, "encoding": "utf8000"}, "no such encoding"),
        "existing output": ({"input": new, "output": taken}, "exists already"),
        "no folder": ({"input": new, "output": tmp_path / "no" / "out.csv"}, "there is no folder"),
        "ending": ({"input": new, "output": tmp_path / "out.txt"}, "the ending is none of"),
        "parquet resumed": (
            {"input": new, "output": tmp_path / "out.parquet", "resume_output": True}, "cannot be continued"),
        "no such run": ({"input": new, "run": tmp_path / "nowhere"}, "no such folder"),
        "no run": ({"input": new, "run": tmp_path}, "neither a run nor a study"),
        "device": ({"input": new, "device": "cuda:77"}, "not on this machine"),
    }  # fmt: skip


REFUSED = ["missing column", "no such file", "empty file", "wrong header", "no such encoding", "existing output",
           "no folder", "ending", "parquet resumed", "no such run", "no run", "device"]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_request_writes_nothing(predict_with: PredictWith, new: Path, tmp_path: Path, name: str) -> None:
    settings, words = _refusals(new, tmp_path)[name]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RequestError) as caught:
        predict_with("ngram", **settings)
    assert words in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_winner_of_a_study_and_of_a_report(
    predict_with: PredictWith, trained: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    run = trained("ngram")
    study = tmp_path / "study"
    study.mkdir()
    (study / "3").symlink_to(run)
    (study / "summary.json").write_text(json.dumps({"winner": {"trial": 3}}))
    assert predict_with("ngram", run=study, input=new).rows == 24
    report = tmp_path / "report"
    report.mkdir()
    (report / "winner.json").write_text(json.dumps({"path": str(run)}))
    assert predict_with("ngram", run=report, input=new, output=tmp_path / "b.csv").rows == 24
    for winner in ({"path": None}, {"path": ["x"]}, {"path": "gone"}):
        (report / "winner.json").write_text(json.dumps(winner))
        with pytest.raises(RequestError, match="winner"):
            predict_with("ngram", run=report, input=new, output=tmp_path / "c.csv")


def test_names_of_carried_columns() -> None:
    assert given_names(["cause", "cause_given"], ["cause"]) == ["cause_given_given", "cause_given", "cause"]


class _Touches:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_nothing_of_a_run_folder_is_unpickled(
    predict_with: PredictWith, trained: Callable[[str], Path], new: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(trained("ngram"), tmp_path / "copy"))
    torch.save({"state_dict": _Touches(tmp_path / "made")}, run / "checkpoints" / "best.ckpt")
    with pytest.raises(RequestError, match=r"best\.ckpt"):
        predict_with("ngram", run=run, input=new)
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "out.csv").exists()


def test_a_resumed_output_still_says_that_rows_have_no_prediction(predict_with: PredictWith, tmp_path: Path) -> None:
    new = write_csv(tmp_path / "new.csv", [("title", "text"), ("a", "fuga"), ("", ""), ("b", "ruido")])
    assert predict_with("ngram", input=new, resume_output=True).unpredicted == 1
    with new.open("a") as file:
        file.write("c,golpe\n")
    done = predict_with("ngram", input=new, resume_output=True)
    assert (done.rows, done.unpredicted) == (1, 1)
    assert "1 of 4 rows have no prediction" in done.lines[-1]


def test_a_single_row_that_cannot_be_read_keeps_its_place(predict_with: PredictWith, tmp_path: Path) -> None:
    """An input of one row is not refused for it: a pipeline sends rows one by one."""
    new = tmp_path / "new.csv"
    new.write_text("title,text\na,b,c,d\n")
    assert predict_with("ngram", input=new).unpredicted == 1
