"""The values of a config as its schema reads them, also where other values of it are wrong.

Rules compare values, and a person may type a number for a text (`objective.metric=5`) or `no` for a switch: pydantic
reads each as what its key is, and a rule must see that, not what was typed.
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
    """`plain` (nested, resolved) with each value as its key takes it; what a key refuses stays as it is.

    Costs some 50 ms the first time, so it is for configs that are wrong: one that is sound is typed already.
    """
    return _node(Config, plain)


def example(plain: Mapping[str, Any], key: str, schema: type[BaseModel] = Config) -> Any:
    """A value that a key takes, to show what to type: null only where nothing else will do, `...` for no known key."""
    kind = schema
    node: Any = plain
    *parents, name = key.split(".")
    for part in parents:
        node = node.get(part) if isinstance(node, Mapping) else None
        nodes = nodes_of(kind.model_fields[part].annotation) if part in kind.model_fields else []
        fitting = [one for one in nodes if _is_kind(one, node.get("kind"))] if isinstance(node, Mapping) else []
        if not nodes:
            return "..."
        kind = (fitting or nodes)[0]
    return _example(kind, name, EXAMPLES) if name in kind.model_fields else "..."


def _example(kind: type[BaseModel], name: str, candidates: Sequence[Any]) -> Any:
    for value in candidates:
        with suppress(ValidationError):
            _alone(kind, name)(value=value)
            return value
    nodes = nodes_of(kind.model_fields[name].annotation)
    if not nodes:
        return "..."
    return {one: _example(nodes[0], one, (None, *EXAMPLES)) for one in nodes[0].model_fields}


def _node(kind: type[BaseModel], plain: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(plain)
    for name in kind.model_fields:
        if name in found:
            found[name] = _value(kind, name, found[name])
    return found


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
    """A model of this one key."""
    return create_model(
        "Alone", __config__=Node.model_config, value=(kind.model_fields[name].rebuild_annotation(), ...)
    )
