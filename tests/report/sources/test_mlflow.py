"""Parameters of MLflow are texts; the report reads the values that they spell. Whole stores: test_model_registry."""

import pytest

from lab.report.sources.mlflow import parameter_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-05", 3e-5), ("1e-5", 1e-5), ("true", True), ("True", True), ("null", None), ("7", 7), ("tiny", "tiny"),
        ("[1, 2]", "[1, 2]"), ("a: b: c", "a: b: c"),
    ],
)  # fmt: skip
def test_parameters_are_the_values_they_spell(text: str, value: object) -> None:
    assert parameter_value(text) == value
    assert type(parameter_value(text)) is type(value)
