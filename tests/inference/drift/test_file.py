"""`drift=true` on runs of every task: what shifted is named, and a wrong request leaves nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.core.record.drift_fields import drift_faults
from lab.inference.predict import Done
from tests.inference.conftest import text_rows, write_csv, write_weather

PredictWith = Callable[..., Done]


def levels(path: Path) -> dict[str, str]:
    content = json.loads(path.read_text())
    assert list(drift_faults(content)) == []
    return {subject["name"]: subject["level"] for subject in content["subjects"]}


def test_texts_like_those_of_training_do_not_shift_and_others_do(predict_with: PredictWith, tmp_path: Path) -> None:
    same = write_csv(tmp_path / "same.csv", [("titulo", "text", "cause"), *(row[:3] for row in text_rows(60))])
    done = predict_with("ngram", input=same, drift=True, columns={"title": "titulo"})
    found = levels(tmp_path / "out.csv.drift.json")
    assert found["characters/text"] == found["characters/title"] == found["labels/cause"] == "none"
    assert found["confidence/cause"] == found["predictions/cause"] == "none"
    assert "drift.json" in done.lines[-1]
    other = write_csv(tmp_path / "other.csv", [("title", "text"), *(("", "quaint zebras " * 30) for _ in range(40))])
    done = predict_with("ngram", input=other, drift=True, output=tmp_path / "b.csv")
    found = levels(tmp_path / "b.csv.drift.json")
    assert {found[name] for name in ("characters/text", "missing: characters/title", "unknown tokens")} == {"large"}
    assert any(line.startswith(f"drift of {other}: unknown tokens shifted") for line in done.lines)
    assert not any("not compared" in line for line in done.lines)


def test_rows_without_a_text_are_said_to_be_left_out(predict_with: PredictWith, tmp_path: Path) -> None:
    rows = [("title", "text"), *(row[:2] for row in text_rows(20)), *[("", "")] * 30]
    done = predict_with("ngram", input=write_csv(tmp_path / "gaps.csv", rows), drift=True)
    assert "drift: 30 of 70 rows have no prediction and are not compared" in done.lines


def test_questions_and_series_are_compared(predict_with: PredictWith, tmp_path: Path) -> None:
    rows = [("Qu\u00e9?", "Se cambi\u00f3 el sello. " * 3)] * 30
    predict_with("questions", input=write_csv(tmp_path / "q.csv", [("question", "context"), *rows]), drift=True)
    found = levels(tmp_path / "out.csv.drift.json")
    assert found["characters/question"] == "large"
    assert {"characters/context", "unknown tokens", "confidence/answer"} <= set(found)
    file = write_weather(tmp_path / "new.csv", hours=200)
    lines = [line.split(",") for line in file.read_text().splitlines()]
    place = lines[0].index("pressure")
    moved = [[*line[:place], str(float(line[place]) + 90), *line[place + 1 :]] for line in lines[1:]]
    predict_with("series", input=write_csv(file, [lines[0], *moved]), drift=True, output=tmp_path / "s.csv")
    found = levels(tmp_path / "s.csv.drift.json")
    assert found["value/pressure"] == "large"
    assert found["value/wind"] != "large"


def test_a_request_that_cannot_be_compared_writes_nothing(
    predict_with: PredictWith, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    new = write_csv(tmp_path / "new.csv", [("title", "text"), ("pump", "drips")])
    older = Path(shutil.copytree(trained("ngram"), tmp_path / "older"))
    (older / "reference.json").unlink()
    damaged = Path(shutil.copytree(trained("ngram"), tmp_path / "damaged"))
    (damaged / "reference.json").write_text('{"predicted": {}}')
    before = set(tmp_path.iterdir())
    for settings, words in (
        ({"run": older}, f"train.py test={older}"),
        ({"run": damaged}, "it has no heads"),
        ({"output": "-"}, "beside the output"),
        ({"resume_output": True}, "resume_output=false"),
    ):
        with pytest.raises(RequestError, match="drift") as caught:
            predict_with("ngram", input=new, drift=True, **settings)
        assert words in str(caught.value)
        assert set(tmp_path.iterdir()) == before
    (tmp_path / "out.csv.drift.json").touch()
    with pytest.raises(RequestError, match="exists already"):
        predict_with("ngram", input=new, drift=True)
