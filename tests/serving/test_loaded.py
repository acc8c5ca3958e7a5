"""A loaded version answers every task with the cells of predict.py, whatever shares its batch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import RequestError
from lab.inference.predictor import Predicted
from lab.inference.series import SeriesPredictor
from lab.serving.loaded import Answer, LoadedModel, Query, load, predict_request
from lab.serving.messages import answer_body

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
def test_texts_have_the_cells_of_predict(predict_with: Any, requested: Requested, tmp_path: Path, name: str) -> None:
    rows = [(title, text) for title, text, *_ in text_rows(3)]
    predict_with(name, input=write_csv(tmp_path / "new.csv", [("title", "text"), *rows]), output=tmp_path / "out.jsonl")
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


def test_questions_have_the_cells_of_predict(predict_with: Any, requested: Requested, tmp_path: Path) -> None:
    rows = [("¿Qué vibra?", "La bomba P-101 vibra desde ayer."), ("", "La bomba."), ("¿Qué?", "Se cambió el sello.")]
    predict_with("questions", input=write_csv(tmp_path / "new.csv", [("question", "context"), *rows]),
          output=tmp_path / "out.jsonl")  # fmt: skip
    (answer,) = answers(
        load(requested("questions")).answer([Query([{"question": one, "context": other} for one, other in rows])])
    )
    for given, wanted in zip(answer.predictions, rows_of(tmp_path / "out.jsonl"), strict=True):
        same(given, wanted)
    assert answer.rejected == {1: "has no question"}


def test_a_table_of_series_has_the_cells_of_predict(predict_with: Any, requested: Requested, tmp_path: Path) -> None:
    file = write_weather(tmp_path / "new.csv", hours=30)
    predict_with("series", input=file, output=tmp_path / "out.jsonl")
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


def served_machine(requested: Requested, tmp_path: Path, **settings: Any) -> LoadedModel:
    example = write_csv(tmp_path / "rows.csv", [("speed", "load", "note"), (0.2, 0.3, "x")])
    return load(requested("custom", plugins=["tests.inference.own_module"], **({"example": str(example)} | settings)))


def test_a_custom_module_has_the_cells_of_predict(predict_with: Any, requested: Requested, tmp_path: Path) -> None:
    model = served_machine(requested, tmp_path)
    rows = [{"speed": 0.1 * n, "load": 1 - 0.2 * n, "note": "y"} for n in range(6)]
    new = write_csv(tmp_path / "new.csv", [("speed", "load"), *((row["speed"], row["load"]) for row in rows)])
    predict_with("custom", input=new, output=tmp_path / "out.jsonl", plugins=["tests.inference.own_module"])
    assert model.intake.needed == ("speed", "load", "note")
    assert [field.name for field in model.columns] == ["heat", "state"]
    first, second = answers(
        model.answer([Query(rows[:1]), Query([*rows[1:], {"speed": None, "load": 1, "note": "z"}])])
    )
    for given, wanted in zip(
        [*first.predictions, *second.predictions[:-1]], rows_of(tmp_path / "out.jsonl"), strict=True
    ):
        same(given, wanted)
    assert second.rejected == {5: "has no number in speed"}
    assert model.unexplained


@pytest.mark.parametrize(
    ("name", "example", "key", "problem"),
    [
        ("custom", None, "run", "Machine does not name the columns"),
        ("custom", "no.csv", "example", "no such file"),
        ("ngram", "rows.csv", "example", "this one names its columns"),
    ],
)
def test_examples_that_are_refused(
    requested: Requested, name: str, example: str | None, key: str, problem: str
) -> None:
    with pytest.raises(RequestError, match=problem) as error:
        load(requested(name, example=example, plugins=["tests.inference.own_module"]))
    assert [mistake.key for mistake in error.value.mistakes] == [key]


def test_columns_of_doubt_are_those_of_predict(predict_with: Any, requested: Requested, tmp_path: Path) -> None:
    rows = [("pump 1", "drips drips"), ("qqq", "zzz yyy xxx"), ("", "")]
    file = write_csv(tmp_path / "new.csv", [("title", "text"), *rows])
    doubts = {"abstain_below": 0.6, "novelty": True}
    predict_with("ngram", input=file, output=tmp_path / "out.jsonl", **doubts)
    model = load(requested("ngram", **doubts))
    kinds = {field.name: field.kind for field in model.columns}
    assert (kinds["cause_abstain"], kinds["unlike_training"]) == ("yes or no", "text")
    (answer,) = answers(model.answer([Query([{"title": one, "text": other} for one, other in rows])]))
    wanted = rows_of(tmp_path / "out.jsonl")
    for given, expected in zip(answer.predictions, wanted, strict=True):
        same(given, expected)
    assert {row["cause_abstain"] for row in wanted} >= {None}
    assert answer.predictions[1]["unlike_training"]
    explained = answers(model.answer([Query([{"title": "pump 1", "text": "drips"}], explain=True)]))
    assert explained[0].explanations is not None


def test_doubts_that_a_run_does_not_have_are_refused(requested: Requested, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"abstain_below.*gives no probabilities"):
        served_machine(requested, tmp_path, abstain_below=0.5)


def test_a_model_without_finite_probabilities_gives_no_row(
    requested: Requested, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(requested("ngram"))
    monkeypatch.setattr(
        model.predictor, "predict", lambda rows: Predicted([("leak", float("nan"), "open", 0.5)] * len(rows))
    )
    (answer,) = answers(model.answer([Query([{"title": "a", "text": "b"}], explain=True)]))
    assert set(answer.predictions[0].values()) == {None}
    assert "no finite number" in answer.rejected[0]
    json.dumps(answer_body(answer, "v"), allow_nan=False)


def test_settings_of_predictions_that_a_server_lacks_are_their_defaults(requested: Requested) -> None:
    request = predict_request(requested("ngram", top_k=2, batch={"rows": 7, "wait_ms": 0}))
    assert (request.top_k, request.batch_size, request.output, request.safe_csv) == (2, 7, "-", False)
