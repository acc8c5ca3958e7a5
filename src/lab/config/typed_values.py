"""The values of a config as its schema reads them, even if other values are wrong.

Rules compare values, and a person may type a number for a text (`objective.metric=5`) or `no` for a switch: pydantic
converts each to the type of its key, and a rule must see the converted value.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, create_model

from lab.config.schema import Config
from lab.config.schema.node import Node, nodes_of

EXAMPLES: tuple[Any, ...] = (True, 1, 0.1, 2, 16, 100, 500, "TEXT", ["TEXT"], [1], [0.9, 0.99], [1, 2], {}, None)


def typed(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return `plain` (nested, resolved) with each value converted to its key's type; a wrong value is unchanged.

    Takes about 50 ms the first time, so it is used for wrong configs only: a sound one is typed already.
    """
    return _node(Config, plain)


def example(plain: Mapping[str, Any], key: str, schema: type[BaseModel] = Config) -> Any:
    """Return a valid value of a key, to show what to type: null only if no other is valid, `...` for an unknown key."""
    kind = schema
    node: Any = plain
    *parents, name = key.split(".")
    for part in parents:
        node = node.get(part) if isinstance(node, Mapping) else None
        nodes = nodes_of(kind.model_fields[part].annotation) if part in kind.model_fields else []
        fitting = (
            [choice for choice in nodes if _is_kind(choice, node.get("kind"))] if isinstance(node, Mapping) else []
        )
        if not nodes:
            return "..."
        kind = (fitting or nodes)[0]
    return _example(kind, name, EXAMPLES) if name in kind.model_fields else "..."


def _example(kind: type[BaseModel], name: str, candidates: Sequence[Any]) -> Any:
    switches = "bool" in str(kind.model_fields[name].annotation)
    for value in candidates:
        if isinstance(value, bool) and not switches:
            continue  # pydantic reads it as a number, too
        with suppress(ValidationError):
            _alone(kind, name)(value=value)
            return value
    nodes = nodes_of(kind.model_fields[name].annotation)
    if not nodes:
        return "..."
    return {field: _example(nodes[0], field, (None, *EXAMPLES)) for field in nodes[0].model_fields}


def _node(kind: type[BaseModel], plain: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(plain)
    for name in kind.model_fields:
        if name in result:
            result[name] = _value(kind, name, result[name])
    return result


def _value(kind: type[BaseModel], name: str, value: Any) -> Any:
    nodes = nodes_of(kind.model_fields[name].annotation)
    if nodes and isinstance(value, Mapping):
        fitting = nodes if len(nodes) == 1 else [node for node in nodes if _is_kind(node, value.get("kind"))]
        return _node(fitting[0], value) if fitting else value
    try:
        return getattr(_alone(kind, name)(value=value), "value")  # noqa: B009 (a model made at run time)
    except ValidationError:
        return value


def _is_kind(node: type[Node], kind: object) -> bool:
    return "kind" in node.model_fields and kind in get_args(node.model_fields["kind"].annotation)


@cache
def _alone(kind: type[BaseModel], name: str) -> type[BaseModel]:
    """Return a model of this single key."""
    return create_model(
        "Alone", __config__=Node.model_config, value=(kind.model_fields[name].rebuild_annotation(), ...)
    )
