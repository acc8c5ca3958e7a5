"""The base of every node of the config (frozen, no unknown keys), the kinds of numbers, and the roles of keys."""

from enum import Flag, auto
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _number(value: object) -> object:
    """Refuse `true`, which pydantic would read as 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("not_a_switch", "must be a number, not true or false")
    if isinstance(value, float) and value.is_integer() and abs(value) >= 2**53:
        return int(value)  # pydantic cannot read 1e23 as an integer, and would not say that it is too large
    return value


Number = BeforeValidator(_number)
PositiveInt = Annotated[int, Field(gt=0, le=2**31 - 1), Number]
NonNegativeInt = Annotated[int, Field(ge=0, le=2**63 - 1), Number]
Layers = Annotated[int, Field(gt=0, le=1_000), Number]
"""Number of layers, heads or nets; a larger network takes hours to build and fits into no machine."""
Width = Annotated[int, Field(gt=0, le=1_000_000), Number]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1), Number]
"""Range of numpy's global generator; seeds derived from it by epoch and step fit into torch's 64 bits."""
NonNegativeFloat = Annotated[float, Field(ge=0.0, allow_inf_nan=False), Number]
PositiveFloat = Annotated[float, Field(gt=0.0, allow_inf_nan=False), Number]
Share = Annotated[float, Field(ge=0.0, lt=1.0), Number]
Rate = Annotated[float, Field(gt=0.0, allow_inf_nan=False), Number]
Mode = Literal["min", "max"]
NullIsEmpty = BeforeValidator(lambda value: {} if value is None else value)
"""For mappings that are empty by default: Hydra lets `key={a: 1}` replace a null, but refuses an empty mapping."""


class Role(Flag):
    """A property of a key and of every key below it; `lab.config.key_roles` reads it from the fields."""

    UNNAMED = auto()
    """The name of a run does not show the key: it does not tell two models apart."""
    CHANGEABLE = auto()
    """A run that is resumed or tested again may have another value.

    All other keys made the run what it is: a checkpoint restores them, or the rows left in an interrupted epoch depend
    on them. The paths of the data may change, their content may not.
    """
    CHANGEABLE_IN_STUDY = auto()
    """A study that is resumed may have another value, or its value is compared in another way. What a cache stores
    (`cache.hidden_states`, `cache.dtype`) changes results, where it is stored does not."""
    NOT_COMPARED = auto()
    """A report does not treat two runs that differ in the key alone as two configurations."""
    UNSEARCHED = auto()
    """A search space cannot have the key: all trials share its value, since it makes them trials of one study."""
    RECIPE = auto()
    """A recipe has the key."""
    RECIPE_GROUP = auto()
    """A recipe has the key, and the choice of the group of conf/ that has the same name."""
    LOCAL = auto()
    """A recipe leaves the key out: its value is a place on one machine."""


class Node(BaseModel):
    """A node of the config: frozen, refuses keys that it does not know; a column named 2024 is text all the same."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


def nodes_of(annotation: Any) -> list[type[Node]]:
    """The node classes that a field with this annotation may have; empty for a field of plain values."""
    if isinstance(annotation, type) and issubclass(annotation, Node):
        return [annotation]
    return [node for argument in get_args(annotation) for node in nodes_of(argument)]


def kinds_of(node: type[Node]) -> tuple[str, ...]:
    """The values of `kind` that a class of a group's choices has."""
    return tuple(map(str, get_args(node.model_fields["kind"].annotation)))
