"""A key that is none: the one that was meant, or the choice of its group that has it."""

import shlex
from collections.abc import Mapping
from typing import Any, get_args

from lab.errors import Mistake, listed
from lab.keys import at, flattened, is_there, nearest_key
from lab.schema import Config

CHOICES = {"files": "csv", "encoder": "tiny"}
"""A choice of the group for a kind of data or model; all other kinds have a choice of their own name."""


def no_key(key: str, text: str | None, plain: Mapping[str, Any]) -> Mistake:
    """The mistake of a key that `plain`, the config of the chosen groups, does not have; text: its value as typed."""
    parent, _, leaf = key.rpartition(".")
    if parent and is_there(plain, parent) and not isinstance(at(plain, parent), Mapping):
        return Mistake(
            key, f"no such key; {parent} is set as a whole", shlex.quote(f"{parent}={{{leaf}: {text}}}"), text
        )
    if homes := _homes(key):
        group = key.partition(".")[0]
        problem = f"no such key here; it belongs to {listed([f'{group}={home}' for home in homes])}"
        return Mistake(key, problem, f"{group}={homes[0]} {shlex.quote(f'{key}={text}')}", text)
    near = nearest_key(key, [*flattened(plain), *map(str, plain)])
    problem = f"no such key; the nearest is {near}" if near else "no such key"
    remedy = shlex.quote(f"{near}={text}") if text is not None else f"~{near}"
    return Mistake(key, problem, remedy if near else "--cfg job lists every key", text)


def _homes(key: str) -> list[str]:
    """Choices of a group that do have this key, where the one that was made has not."""
    group, _, rest = key.partition(".")
    if group not in ("data", "model", "peft"):
        return []
    kinds = get_args(Config.model_fields[group].annotation)
    names = [get_args(kind.model_fields["kind"].annotation)[0] for kind in kinds if rest in kind.model_fields]
    return list(dict.fromkeys(CHOICES.get(name, name) for name in names))
