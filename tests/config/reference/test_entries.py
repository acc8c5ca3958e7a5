"""The reference has every key with its type, default and meaning; every field of the schema says what it means."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from lab.config.reference.entries import entries, meanings
from lab.config.schema import Config
from lab.config.schema.node import nodes_of
from lab.config.schema.report import ReportRequest


def classes(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield kind
    for field in kind.model_fields.values():
        for node in nodes_of(field.annotation):
            yield from classes(node)


@pytest.mark.parametrize("kind", dict.fromkeys([*classes(Config), *classes(ReportRequest)]))
def test_every_field_has_a_docstring(kind: type[BaseModel]) -> None:
    assert set(meanings(kind)) == set(kind.model_fields)


def test_an_entry_has_key_type_default_and_meaning() -> None:
    result = {entry.key: entry for entry in entries(Config, {"seed": 42, "objective": {"mode": "max"}})}
    assert (result["seed"].type, result["seed"].default) == ("int", "42")
    assert result["objective.mode"].type == "min | max"
    assert result["objective.mode"].default == "max"
    assert result["tags"].type == "tuple[str, ...]"
    assert result["tags"].default == ""
    assert "dropout" in result["seed"].meaning
