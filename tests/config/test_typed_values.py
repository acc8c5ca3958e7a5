"""Values as their keys take them, also beside values that are wrong; and examples of what a key takes."""

import pytest

from lab.config.typed_values import example, typed


def test_each_value_is_read_as_its_key_is_and_a_wrong_one_stays() -> None:
    plain = {"seed": "3", "trainer": {"max_epochs": "many", "threads": "2"}, "objective": {"metric": 5}}
    read = typed(plain)
    assert read["trainer"]["max_epochs"] == "many"
    assert read["objective"]["metric"] in (5, "5")
    assert plain["seed"] == "3", "the given config is left alone"


def test_a_key_that_no_config_has_stays() -> None:
    assert typed({"foo": {"bar": 1}}) == {"foo": {"bar": 1}}


@pytest.mark.parametrize(("key", "kind"), [("seed", int), ("trainer.max_epochs", int), ("tags", list)])
def test_an_example_is_a_value_that_the_key_takes(key: str, kind: type) -> None:
    assert isinstance(example({}, key), kind)


def test_no_example_for_a_key_that_is_not_known() -> None:
    assert example({}, "trainer.foo") == "..."
    assert example({}, "foo.bar") == "..."
