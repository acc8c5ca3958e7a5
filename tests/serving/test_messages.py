"""Bodies are checked exactly as their JSON schemas say."""

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from lab.config.schema.commands.serve import LimitsConfig
from lab.inference.explain.interface import Explanation
from lab.inference.predictor import Field
from lab.serving.loaded import Answer
from lab.serving.messages import FIELDS as BODY_FIELDS
from lab.serving.messages import answer_body, answer_type, error_body, request_type, wrong_field

LIMITS = LimitsConfig(body_kib=1, rows=3, explained_rows=2, text_length=5, time_s=1, connections=1, waiting=1)
FIELDS = (Field("cause", "text"), Field("cause_probability", "number"), Field("answer_start", "whole number"))


def model(**intake: Any) -> Any:
    """A stand-in for a loaded model with columns that are no names of Python."""
    parts = {"needed": ("text", "model_config", "2024 \u00f1"), "rows_are_windows": False} | intake
    return SimpleNamespace(
        intake=SimpleNamespace(**parts), columns=FIELDS, explainer=SimpleNamespace(method="gradients")
    )


ROW = {"text": "x", "model_config": 1, "2024 \u00f1": None}


def body() -> type[BaseModel]:
    return request_type(model(), LIMITS)


def test_explanations_are_refused_with_the_reason_where_there_are_none() -> None:
    lacking = model()
    lacking.explainer, lacking.unexplained = None, "needs the package 'captum'"
    made = request_type(lacking, LIMITS)
    assert made.model_json_schema()["properties"]["explain"]["const"] is False
    assert made.model_validate({"rows": [ROW], "explain": False}).explain is False  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match="captum"):
        made.model_validate({"rows": [ROW], "explain": True})
    with pytest.raises(ValidationError):
        body().model_validate({"rows": [ROW], "explain": "yes"})


def test_an_answer_has_no_infinite_numbers() -> None:
    explanation = Explanation("cause", "leak", (("it", float("nan")), ("drips", 1.0)), float("inf"), "it drips")
    given = answer_body(Answer([{"cause": None}], {0: "has no text"}, [[explanation]]), "v1")
    assert given["rejected"] == [{"index": 0, "reason": "has no text"}]
    assert given["explanations"][0][0]["words"] == [("it", None), ("drips", 1.0)]
    assert given["explanations"][0][0]["completeness_error"] is None


def test_the_schema_names_the_columns() -> None:
    row = body().model_json_schema()["properties"]["rows"]["items"]
    assert row["required"] == list(ROW)
    assert row["properties"]["text"] == {"type": ["string", "number", "boolean", "null"], "maxLength": 5}
    rows = body().model_json_schema()["properties"]["rows"]
    assert (rows["minItems"], rows["maxItems"]) == (1, 3)


@pytest.mark.parametrize("cell", ["12345", "\U0001f600" * 5, 10**30, -1.5, True, None])
def test_cells_that_are_allowed(cell: object) -> None:
    rows = [{**ROW, "text": cell, "more": cell}]
    assert body().model_validate({"rows": rows}).rows == rows  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "at least 1"), ([ROW] * 4, "at most 3"), ([{"text": "x"}], "lacks 'model_config'"), (["x"], "no object"),
        ([{**ROW, "text": "123456"}], "'text' has 6 characters; 5 are allowed"), ([{**ROW, "text": {}}], "neither"),
        ([{**ROW, "more": float("nan")}], "'more' is no finite number"), ([{**ROW, "text": "\ud800"}], "half of a"),
        ({"x": ROW}, "list"),
    ],
)  # fmt: skip
def test_rows_that_are_refused(rows: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        body().model_validate({"rows": rows})


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (
            {"rows": [ROW], "top_k": 3, "explian": True},
            [
                "top_k: no such field; the fields are rows and explain: leave it out",
                "explian: no such field; the fields are rows and explain: write explain",
            ],
        ),
        (
            {"row": [ROW]},
            [
                'rows: is missing: send {"rows": [{"text": "...", "model_config": "...", "2024 \u00f1": "..."}]}',
                "row: no such field; the fields are rows and explain: write rows",
            ],
        ),
        (
            {"rows": [{"text": "x"}]},
            [
                "rows[0]: lacks 'model_config', '2024 \u00f1': "
                "every row needs 'text', 'model_config', '2024 \u00f1'; null cells may leave it unlabelled"
            ],
        ),
        (
            {"rows": [ROW] * 4, "explain": 1},
            [
                "rows: has 4 rows, more than 3: send at most 3 rows in one request",
                "explain: is neither true nor false: send true or false",
            ],
        ),
        (
            {"rows": []},
            [
                "rows: has no rows; a request has at least 1: "
                'send {"rows": [{"text": "...", "model_config": "...", "2024 \u00f1": "..."}]}'
            ],
        ),
    ],
)
def test_a_wrong_field_is_named_with_what_to_send(sent: object, answers: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        body().model_validate(sent)
    details = [wrong_field(dict(each), tuple(ROW)) for each in caught.value.errors()]
    assert [f"{each.where}: {each.problem}: {each.remedy}" for each in details] == answers


def test_a_body_that_is_no_object_is_named_as_the_body() -> None:
    wrong = {"type": "model_attributes_type", "loc": ("body",), "msg": "Input should be a valid dictionary"}
    detail = wrong_field(wrong, ("text",))
    assert (detail.where, detail.problem) == ("", "the body is not a JSON object")
    assert wrong_field({**wrong, "type": "missing"}, ("text",)).problem == "the body is missing"


def test_the_fields_are_those_of_a_body() -> None:
    assert tuple(body().model_fields) == BODY_FIELDS


def test_an_answer_names_its_columns_and_their_types() -> None:
    item = answer_type(model()).model_json_schema()["properties"]["predictions"]["items"]
    assert item["required"] == [field.name for field in FIELDS]
    assert [each["type"][0] for each in item["properties"].values()] == ["string", "number", "integer"]
    windows = answer_type(model(rows_are_windows=True)).model_json_schema()["properties"]["predictions"]
    assert "window" in windows["description"]


def test_a_refusal_has_one_shape() -> None:
    assert error_body(404, "no such path") == {"error": {"status": 404, "reason": "no such path", "details": []}}
