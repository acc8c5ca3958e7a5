"""A loaded version answers every task with the cells of predict.py, whatever shares its batch."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import RequestError
from lab.inference.series import SeriesPredictor
from lab.serving.loaded import Answer, Query, load, predict_request, signature

from .conftest import read_csv, text_rows, write_csv, write_weather

Requested = Callable[..., ServeRequest]


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def answers(given: list[Answer | RequestError]) -> list[Answer]:
    assert [each for each in given if isinstance(each, RequestError)] == []
    return [each for each in given if isinstance(each, Answer)]


def same(given: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, cell in given.items():
        if isinstance(cell, float):
            assert cell == pytest.approx(expected[name], abs=1e-5)
        else:
            assert cell == expected[name]


@pytest.mark.parametrize("name", ["ngram", "encoder", "lora"])
def test_texts_have_the_cells_of_predict(asked: Any, requested: Requested, tmp_path: Path, name: str) -> None:
    rows = [(title, text) for title, text, *_ in text_rows(3)]
    asked(name, input=write_csv(tmp_path / "new.csv", [("title", "text"), *rows]), output=tmp_path / "out.jsonl")
    expected = rows_of(tmp_path / "out.jsonl")
    model = load(requested(name))
    bodies = [{"title": title, "text": text, "cause": "leak", "more": 1} for title, text in rows]
    first, none, second = answers(
        model.answer(list(map(Query, [bodies[:1], [{"title": None, "text": " "}], bodies[1:]])))
    )
    for given, wanted in zip([*first.predictions, *second.predictions], expected, strict=True):
        assert list(given) == ["cause", "cause_probability", "state", "state_probability"]
        same(given, wanted)
    assert none.rejected == {0: "has no text"}
    assert set(none.predictions[0].values()) == {None}


def test_questions_have_the_cells_of_predict(asked: Any, requested: Requested, tmp_path: Path) -> None:
    rows = [("¿Qué vibra?", "La bomba P-101 vibra desde ayer."), ("", "La bomba."), ("¿Qué?", "Se cambió el sello.")]
    asked("questions", input=write_csv(tmp_path / "new.csv", [("question", "context"), *rows]),
          output=tmp_path / "out.jsonl")  # fmt: skip
    (answer,) = answers(
        load(requested("questions")).answer([Query([{"question": one, "context": other} for one, other in rows])])
    )
    for given, wanted in zip(answer.predictions, rows_of(tmp_path / "out.jsonl"), strict=True):
        same(given, wanted)
    assert answer.rejected == {1: "has no question"}


def test_a_table_of_series_has_the_cells_of_predict(asked: Any, requested: Requested, tmp_path: Path) -> None:
    file = write_weather(tmp_path / "new.csv", hours=30)
    asked("series", input=file, output=tmp_path / "out.jsonl")
    model = load(requested("series"))
    table = [{name: cell if name in ("hour", "station") else float(cell) if cell else None
              for name, cell in row.items()} for row in read_csv(file)]  # fmt: skip
    assert set(model.intake.needed) == set(table[0])
    one, wrong, other = model.answer([Query(table), Query(table[:5]), Query(table)])
    assert isinstance(wrong, RequestError)
    assert "no group of the request has the 24 rows of a window" in str(wrong)
    for answer in answers([one, other]):
        for given, wanted in zip(answer.predictions, rows_of(tmp_path / "out.jsonl"), strict=True):
            same(given, wanted)
    assert isinstance(model.predictor, SeriesPredictor)
    assert model.predictor.windows == [], "the tables of answered requests are released"


@pytest.mark.parametrize("name", ["ngram", "encoder"])
def test_requests_with_and_without_explanations_share_a_batch(requested: Requested, name: str) -> None:
    model = load(requested(name))
    rows = [{"title": "pump 1", "text": "drips drips"}, {"title": None, "text": ""}]
    plain, explained = answers(model.answer([Query(rows[:1]), Query(rows, explain=True)]))
    assert plain.explanations is None
    assert plain.predictions[0] == pytest.approx(explained.predictions[0], abs=1e-5)
    assert explained.explanations is not None
    (first, second), nothing = explained.explanations
    assert nothing == []
    assert (first.head, second.head) == ("cause", "state")
    assert first.label == explained.predictions[0]["cause"]
    assert [word for word, _ in first.words if word.isalpha()] == ["pump", "drips", "drips"]
    assert first.is_complete
    (refused,) = model.answer([Query(rows[:1] * 21, explain=True)])
    assert isinstance(refused, RequestError)
    assert "limits.explained_rows=20 are allowed" in str(refused)


def test_windows_are_explained_before_their_table_is_released(requested: Requested, tmp_path: Path) -> None:
    rows = read_csv(write_weather(tmp_path / "new.csv", hours=25))
    (answer,) = answers(load(requested("series")).answer([Query(rows, explain=True)]))
    assert answer.explanations is not None
    assert [len(each) for each in answer.explanations] == [1] * len(answer.predictions) != []


def test_a_version_is_named_by_its_files(requested: Requested, tmp_path: Path) -> None:
    request = requested("ngram")
    copy = shutil.copytree(request.run, tmp_path / "copy")
    moved = request.model_copy(update={"run": str(copy)})
    assert load(request).version == load(moved).version
    before = signature(moved)
    assert signature(moved) == before
    (copy / "run.json").write_text("{}")
    assert signature(moved) == before, "the record is not the model"
    spec = copy / "spec.json"
    spec.write_text(spec.read_text() + "\n")
    assert signature(moved) != before
    assert load(request).version != load(moved).version
    os.utime(spec, ns=(1, 1))
    (copy / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(RequestError):
        load(moved)


def test_a_version_of_series_is_named_by_the_recorded_scale_too(requested: Requested, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(requested("series").run, tmp_path / "copy"))
    request = requested("series", run=copy)
    before, version = signature(request), load(request).version
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(record | {"command": "another one"}))
    assert (signature(request), load(request).version) == (before, version), "the rest of the record is not the model"
    record["data"]["scaling"]["mean"][0] += 5
    (copy / "run.json").write_text(json.dumps(record))
    assert signature(request) != before
    assert load(request).version != version


def test_a_custom_module_is_refused_because_its_columns_are_not_known(requested: Requested) -> None:
    with pytest.raises(RequestError, match="does not name the columns") as error:
        load(requested("custom", plugins=["tests.inference.own_module"]))
    (mistake,) = error.value.mistakes
    assert mistake.key == "run"
    run = requested("custom").run
    assert mistake.remedy == f"python predict.py run={run} input=new.csv 'plugins=[tests.inference.own_module]'"


def test_settings_of_predictions_that_a_server_lacks_are_their_defaults(requested: Requested) -> None:
    request = predict_request(requested("ngram", top_k=2, batch={"rows": 7, "wait_ms": 0}))
    assert (request.top_k, request.batch_size, request.output, request.safe_csv) == (2, 7, "-", False)
