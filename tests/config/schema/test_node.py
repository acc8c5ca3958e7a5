"""Kinds of number that keys take, and which nodes an annotation may hold."""

from typing import Any

import pytest
from pydantic import ValidationError

from lab.config.schema.node import Layers, Node, NullIsEmpty, PositiveInt, Rate, Seed, Share, nodes_of


class Inner(Node):
    kind: str


class Outer(Node):
    count: PositiveInt = 1
    share: Share = 0.5
    rate: Rate = 0.1
    seed: Seed = 0
    layers: Layers = 1
    name: str = ""
    inner: Inner | None = None


@pytest.mark.parametrize(
    ("field", "value"),
    [("count", 0), ("count", True), ("count", 1e23), ("share", 1.0), ("share", True), ("rate", 0.0), ("rate", "inf"),
     ("seed", 2**32), ("layers", 1001), ("foo", 1)],
)  # fmt: skip
def test_a_value_that_a_key_does_not_take_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({field: value})
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_a_column_named_by_a_number_is_text_and_a_node_is_frozen() -> None:
    node = Outer.model_validate({"name": 2024, "count": "3"})
    assert (node.name, node.count) == ("2024", 3)
    with pytest.raises(ValidationError):
        node.count = 4


def test_the_nodes_of_an_annotation() -> None:
    assert nodes_of(Outer.model_fields["inner"].annotation) == [Inner]
    assert nodes_of(Inner | Outer | None) == [Inner, Outer]
    assert nodes_of(dict[str, int]) == []
    assert NullIsEmpty.func(None) == {}  # type: ignore[call-arg]
