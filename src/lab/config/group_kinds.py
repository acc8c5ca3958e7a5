"""The kinds of model and data that plug-ins have registered, as choices of their groups: schema, defaults and task.

The schema of a group is a union over `kind`; a registered settings class becomes one of its members, and its defaults a
choice that Hydra composes like a file of conf/ (its ConfigStore).
"""

from typing import Any, Union

from hydra.core.config_store import ConfigStore
from pydantic_core import PydanticUndefined

from lab.config import key_roles
from lab.config.rules.tasks import GIVES, LABELLED, READS, SERIES
from lab.config.schema import Config
from lab.config.schema.node import Node, nodes_of
from lab.core.registry import REGISTRIES, SERIES_NETS, TEXT_ENCODERS, TEXT_SOURCES

TASKS = {TEXT_ENCODERS.family: LABELLED, SERIES_NETS.family: SERIES, TEXT_SOURCES.family: LABELLED}
"""What parts of a family read or give."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "model": {"lr": 1e-3, "epochs": 10, "weight_decay": 0.01, "label_smoothing": 0.0},
    "data": {"defaults": ["_columns", "_self_"]},
}
"""Defaults of settings that a plug-in's class leaves open."""
BLANK = "???"


def extend_groups() -> None:
    """Add the registered settings classes that their groups do not have yet. Costs some 10 ms for a new one."""
    for registry in REGISTRIES:
        for name, settings in registry.settings.items():
            if registry.group is not None and _extend(registry.group, name, settings):
                task = TASKS[registry.family]
                if registry.group == "data":
                    GIVES[name] = task
                else:
                    READS[name] = (task,)


def _extend(group: str, name: str, settings: type[Node]) -> bool:
    field = Config.model_fields[group]
    if settings in nodes_of(field.annotation):
        return False
    if not isinstance(settings, type) or not any(issubclass(settings, base) for base in _bases(group)):
        raise TypeError(f"the settings of {name} must be a subclass of the schema class of its family")
    union: Any = Union[field.annotation, settings]  # noqa: UP007  made at run time
    field.annotation = union
    Config.model_rebuild(force=True)
    key_roles.keys.cache_clear()
    ConfigStore.instance().store(group=group, name=name, node=_defaults(group, name, settings), provider="lab.plugins")
    return True


def _bases(group: str) -> list[type[Node]]:
    """The classes above those of the group's own kinds."""
    own = nodes_of(Config.model_fields[group].annotation)
    return [base for node in own for base in node.__mro__ if base is not Node and issubclass(base, Node)]


def _defaults(group: str, name: str, settings: type[Node]) -> dict[str, Any]:
    """The choice as Hydra composes it; a key without a default has to be typed."""
    node: dict[str, Any] = dict(DEFAULTS[group]) | {"kind": name}
    if "name" in settings.model_fields:
        node["name"] = name
    for key, field in settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if key != "kind" and default is not PydanticUndefined:
            node[key] = list(default) if isinstance(default, tuple) else default
        elif field.is_required() and key not in node and group == "model":
            node[key] = BLANK
    return node
