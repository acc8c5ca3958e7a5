"""The keys with a role: those that a run's name leaves out, that may change on resume, that are searched, and so on.

The roles stand on the fields of `lab.config.schema`; every list of keys is read from there. A role of a key is a role
of all keys below it, and a key of one kind of data has the role for all kinds.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from pydantic import BaseModel

from lab.config.dotted_keys import is_below
from lab.config.schema import Config
from lab.config.schema.node import Role, nodes_of

HYDRA = {Role.CHANGEABLE, Role.UNSEARCHED}
"""Roles of Hydra's own settings, which are no fields of the schema."""


@cache
def keys(role: Role) -> tuple[str, ...]:
    """Dotted keys with `role`, in the schema's order; the keys below them are not listed.

    >>> keys(Role.UNSEARCHED)
    ('trainer.fast_dev_run', 'objective', 'resume', 'test', 'sweep', 'hydra')
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
