"""Each contradiction between keys is found, and none is seen where there is none."""

import pytest

from lab.config.rules import RULES, lookup, not_finite
from lab.config.schema import Config, Node

from .conftest import keys_of_mistakes

TASK = ("model.name", "model.kind", "data.kind")


@pytest.mark.parametrize(
    ("keys", "values", "blamed"),
    [
        (TASK, ("patchtst", "patchtst", "series_table"), []),
        (TASK, ("patchtst", "patchtst", "files"), ["model"]),
        (TASK, ("beto", "encoder", "ucr"), ["model"]),
    ],
)
def test_rule(keys: tuple[str, ...], values: tuple[object, ...], blamed: list[str]) -> None:
    assert keys_of_mistakes(dict(zip(keys, values, strict=True))) == blamed


def test_a_rule_is_left_out_where_one_of_its_keys_is_wrong_already() -> None:
    config = {"trainer.min_epochs": 4, "trainer.max_epochs": 3}
    assert keys_of_mistakes(config, frozenset({"trainer.max_epochs"})) == []
    assert keys_of_mistakes(config, frozenset({"trainer"})) == []
    assert keys_of_mistakes(config, frozenset({"optimizer.lr"})) == ["trainer.min_epochs"]


def test_every_rule_reads_keys_that_some_config_has() -> None:
    """A key renamed in the schema would switch its rules off without a word."""

    def keys(model: type[Node]) -> set[str]:
        return {
            f"{name}{rest}"
            for name, field in model.model_fields.items()
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
            for rest in (
                [f".{key}" for key in keys(kind)] if isinstance(kind, type) and issubclass(kind, Node) else [""]
            )
        }

    known = keys(Config)
    assert [key for rule_keys, _ in RULES for key in rule_keys if key not in known] == []


def test_non_finite_numbers_are_found_in_lists_and_mappings() -> None:
    nested = {"a": {"b": [1.0, float("nan")]}, "c": float("-inf"), "d": 1e300}
    assert [mistake.key for mistake in not_finite(nested)] == ["a.b", "c"]


def test_lookup() -> None:
    assert lookup({"a": {"b": 3}}, "a.b") == 3
