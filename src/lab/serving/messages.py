"""Bodies of requests and answers, with the JSON schemas that the OpenAPI document shows.

The columns are those of the served model, so the schemas are made from it and are exactly what is checked.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from lab.config.schema.commands.serve import LimitsConfig
from lab.core.errors import nearest
from lab.inference.explain.interface import Explanation
from lab.serving.loaded import Answer, LoadedModel

FIELDS = ("rows", "explain")
"""The fields of a body of /predict."""
PROBLEMS = {
    "extra_forbidden": f"no such field; the fields are {' and '.join(FIELDS)}",
    "missing": "is missing",
    "list_type": "is not a list of rows",
    "bool_type": "is neither true nor false",
    "too_short": "has no rows; a request has at least 1",
    "model_attributes_type": "is not a JSON object",
}
"""What is wrong with a body, by the type of pydantic's error."""
TYPES = {"text": "string", "number": "number", "whole number": "integer", "yes or no": "boolean"}
"""JSON type of each kind of field."""


class Detail(BaseModel):
    """One mistake of a request."""

    where: str
    """Place in the request, such as `rows[3].text`; empty if it is the request as a whole."""
    problem: str
    """What is wrong."""
    remedy: str = ""
    """What to send instead; empty if nothing else helps."""


class Problem(BaseModel):
    """Why a request was refused."""

    status: int
    """The HTTP status."""
    reason: str
    """The reason in one sentence."""
    details: list[Detail] = []
    """Every mistake of the request."""


class ErrorBody(BaseModel):
    """The body of every answer with status 400 or more."""

    error: Problem


class ExplainedHead(BaseModel):
    """Why a row has its label."""

    head: str
    """The head, or `answer` for a question."""
    label: str
    """The class or answer that is explained: the predicted one."""
    words: list[tuple[str, float | None]]
    """Words of the text, or parts of the window, in order; each with its attribution in logits: positive ones speak for
    the label."""
    text: str
    """The text of the words; empty for series."""
    completeness_error: float | None
    """|sum of the attributions - difference of scores| / |difference of scores|; null where there is no such sum."""


class RejectedRow(BaseModel):
    """A row or window that has no prediction."""

    index: int
    """Its place in `predictions`, from 0."""
    reason: str
    """Why it has no prediction."""


class Refused(BaseModel):
    """A new version that was not loaded."""

    folder: str
    """Name of its folder; empty if there is none."""
    reason: str
    """Why it was refused."""


class ModelState(BaseModel):
    """The version that answers."""

    folder: str
    """Name of its folder."""
    version: str
    """Digest of its files."""


class Health(BaseModel):
    """The state of the server."""

    status: str
    """`ok`"""
    model: ModelState
    refused: Refused | None
    """The newest version that was refused, if the one that answers is older."""


def error_body(status: int, reason: str, details: Sequence[Detail] = ()) -> dict[str, Any]:
    """Return the body of an answer to a refused request."""
    return ErrorBody(error=Problem(status=status, reason=reason, details=list(details))).model_dump()


def wrong_field(error: Mapping[str, Any], needed: Sequence[str]) -> Detail:
    """Return a mistake that pydantic detected in a body, with what to send instead. needed: columns of every row."""
    parts = [part for part in error["loc"] if part != "body"]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
    return Detail(
        where=where.encode("utf-8", "replace").decode(),
        problem=_problem(str(error["type"]), parts, error),
        remedy=_remedy(str(error["type"]), parts, error.get("ctx") or {}, needed),
    )


def _problem(kind: str, parts: Sequence[object], error: Mapping[str, Any]) -> str:
    """The words of a mistake that pydantic detected; those of `_checked` are words already."""
    if kind == "too_long":
        return f"has {error['ctx']['actual_length']} rows, more than {error['ctx']['max_length']}"
    words = PROBLEMS.get(kind, str(error["msg"]))
    return words if parts else f"the body {words}"


def _remedy(kind: str, parts: Sequence[object], limits: Mapping[str, Any], needed: Sequence[str]) -> str:
    body = f"send {json.dumps({'rows': [dict.fromkeys(needed, '...')]}, ensure_ascii=False)}"
    if kind == "extra_forbidden":
        near = nearest(str(parts[-1]), FIELDS) if parts else None
        return f"write {near}" if near else "leave it out"
    if kind == "column":
        return f"every row needs {', '.join(map(repr, needed))}; null cells may leave it unlabelled"
    if kind == "too_long" and parts == ["rows"]:
        return f"send at most {limits['max_length']} rows in one request"
    if kind == "bool_type":
        return "send true or false"
    if kind == "explain":
        return "leave out explain"
    return "" if kind == "cell" else body


def answer_body(answer: Answer, version: str) -> dict[str, Any]:
    """Return the body of an answer of /predict."""
    rejected = [{"index": place, "reason": reason} for place, reason in sorted(answer.rejected.items())]
    own = None if answer.explanations is None else [[_explained(e) for e in row] for row in answer.explanations]
    return {"version": version, "predictions": answer.predictions, "rejected": rejected, "explanations": own}


def _explained(explanation: Explanation) -> dict[str, Any]:
    """The JSON of an explanation; JSON has no infinite numbers."""
    fields = asdict(explanation)
    fields["words"] = [(word, _finite(value)) for word, value in explanation.words]
    fields["completeness_error"] = _finite(explanation.completeness_error)
    return fields


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def request_type(model: LoadedModel, limits: LimitsConfig) -> type[BaseModel]:
    """Return the type of a body of /predict."""
    cell = {"type": ["string", "number", "boolean", "null"], "maxLength": limits.text_length}
    schema = {
        "type": "object", "title": "Row", "properties": dict.fromkeys(model.intake.needed, cell),
        "required": list(model.intake.needed), "additionalProperties": cell,
    }  # fmt: skip

    def checked(row: object) -> object:
        return _checked(row, model.intake.needed, limits.text_length)

    row_type = Annotated[dict[str, Any], BeforeValidator(checked), WithJsonSchema(schema)]
    rows = Field(min_length=1, max_length=limits.rows, description="Cells by column; other columns are left out.")
    most: dict[str, Any] = {"anyOf": [{"properties": {"explain": {"const": False}}},
                      {"properties": {"rows": {"maxItems": limits.explained_rows}}}]}  # fmt: skip
    made: type[BaseModel] = create_model(
        "PredictBody", __config__=ConfigDict(extra="forbid", json_schema_extra=most),
        rows=(Annotated[list[row_type], rows], ...), explain=(_explain_type(model), False),
    )  # fmt: skip
    return made


def _explain_type(model: LoadedModel) -> Any:
    if model.explainer is not None:
        method = f"Add how much each word speaks for the label: {model.explainer.method}."
        return Annotated[bool, Field(strict=True, description=method)]

    def refused(value: object) -> object:
        if value is not False:
            raise PydanticCustomError("explain", "this model has no explanations: {why}", {"why": model.unexplained})
        return value

    schema = {"const": False, "description": f"This model has no explanations: {model.unexplained}"}
    return Annotated[bool, BeforeValidator(refused), WithJsonSchema(schema)]


def answer_type(model: LoadedModel) -> type[BaseModel]:
    """Return the type of an answer of /predict."""
    columns = {each.name: {"type": [TYPES[each.kind], "null"]} for each in model.columns}
    schema = {"type": "object", "title": "Prediction", "properties": columns, "required": list(columns),
              "additionalProperties": False}  # fmt: skip
    item = Annotated[dict[str, Any], WithJsonSchema(schema)]
    order = "One per window of the rows, by group and time." if model.intake.rows_are_windows else "One per row."
    made: type[BaseModel] = create_model(
        "PredictAnswer",
        version=(str, Field(description="Digest of the files of the model that answers.")),
        predictions=(list[item], Field(description=order)),
        rejected=(list[RejectedRow], Field(description="Predictions whose cells are empty.")),
        explanations=(list[list[ExplainedHead]] | None, Field(description="Of each prediction, one per head.")),
    )
    return made


def _checked(row: object, needed: Sequence[str], length: int) -> object:
    if not isinstance(row, dict):
        raise PydanticCustomError("row", "is no object of cells by column")
    if missing := [name for name in needed if name not in row]:
        raise PydanticCustomError("column", "lacks {names}", {"names": ", ".join(map(repr, missing))})
    for name, cell in row.items():
        if (fault := _fault(name, cell, length)) is not None:
            raise PydanticCustomError("cell", "{name} {fault}", {"name": repr(name), "fault": fault})
    return row


def _fault(name: str, cell: object, length: int) -> str | None:
    if cell is not None and not isinstance(cell, str | int | float):
        return "is neither text nor a number, true, false or null"
    if isinstance(cell, float) and not math.isfinite(cell):
        return "is no finite number"
    for text in (name, cell):
        if isinstance(text, str) and not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
            return "contains half of a character"
    if isinstance(cell, str) and len(cell) > length:
        return f"has {len(cell)} characters; {length} are allowed"
    return None
