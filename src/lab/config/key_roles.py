"""The keys with a role: those that a run's name leaves out, that may change on resume, that are searched, and so on.

The roles are annotations of the fields of `lab.config.schema`; every list of keys is read from there. A role of a key
is a role of all keys below it, and a key of one kind of data has the role for all kinds. `field_of` gives the field of
any key.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from lab.config.dotted_keys import is_below
from lab.config.schema import Config
from lab.config.schema.node import Role, nodes_of

HYDRA = {Role.CHANGEABLE, Role.UNSEARCHED}
"""Roles of Hydra's own settings, which are no fields of the schema."""


@cache
def keys(role: Role) -> tuple[str, ...]:
    """Return the dotted keys with `role`, in the schema's order, without the keys below them.

    >>> keys(Role.UNSEARCHED)
    ('trainer.fast_dev_run', 'evaluation', 'baselines', 'objective', 'plugins', 'resume', 'test', 'sweep', 'hydra')
    """
    return (*dict.fromkeys(_fields(Config, role)), *(["hydra"] if role in HYDRA else []))


def has_role(key: str, role: Role, also: Iterable[str] = ()) -> bool:
    """Return whether a dotted key, or one of `also`, has the role, or lies below a key that has it."""
    return is_below(key, (*keys(role), *also))


def _fields(kind: type[BaseModel], role: Role, prefix: str = "") -> Iterator[str]:
    for name, field in kind.model_fields.items():
        if any(isinstance(mark, Role) and role in mark for mark in field.metadata):
            yield prefix + name
        else:
            for node in nodes_of(field.annotation):
                yield from _fields(node, role, f"{prefix}{name}.")


def field_of(key: str) -> FieldInfo | None:
    """Return the field at a dotted key; None if no class of the schema has it. Where a group has several kinds, the
    first that has the key counts.

    >>> field_of("trainer.max_time") is not None, field_of("trainer.max_tme") is not None
    (True, False)
    """
    places: list[type[BaseModel]] = [Config]
    found: FieldInfo | None = None
    for part in key.split("."):
        found = next((place.model_fields[part] for place in places if part in place.model_fields), None)
        if found is None:
            return None
        places = [node for place in places if part in place.model_fields
                  for node in nodes_of(place.model_fields[part].annotation)]  # fmt: skip
    return found


def default_of(key: str) -> object:
    """Return the default that a run without the key has; None where the key has none."""
    field = field_of(key)
    default = None if field is None else field.get_default(call_default_factory=True, validated_data={})
    return None if default is PydanticUndefined else default
