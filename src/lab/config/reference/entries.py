"""Every key with its type, default and meaning, from the schema's docstrings and the defaults in conf/.

The docstrings are read from the source only when a reference is made, so training takes no time for it.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from lab.config.schema.node import nodes_of
from lab.core.hydra_quoting import for_hydra

_NONE = object()
_MODULE = re.compile(r"\b(?:\w+\.)+(?=\w)")


@dataclass(frozen=True)
class Entry:
    """One key of the reference."""

    key: str
    type: str
    default: str
    """As it is typed; empty if there is none."""
    meaning: str


@cache
def meanings(kind: type[BaseModel]) -> dict[str, str]:
    """Return the docstring of each field of a schema class as one line; inherited fields have that of their class."""
    result: dict[str, str] = {}
    for base in reversed([base for base in kind.__mro__ if issubclass(base, BaseModel) and base is not BaseModel]):
        (node,) = ast.parse(inspect.getsource(base)).body
        assert isinstance(node, ast.ClassDef)
        for field, text in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                result[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return {name: result[name] for name in kind.model_fields if name in result}


def entries(kind: type[BaseModel], defaults: Mapping[str, Any], prefix: str = "") -> Iterator[Entry]:
    """Yield every key below `prefix`; defaults: nested, as in conf/. A key with several kinds is one entry."""
    for name, field in kind.model_fields.items():
        typed = field.alias or name
        key, default, nodes = f"{prefix}{typed}", defaults.get(typed, _NONE), nodes_of(field.annotation)
        shown = "" if default is _NONE else for_hydra(default)
        if len(nodes) != 1 or not isinstance(default, Mapping):
            yield Entry(key, _type(field.annotation), shown, meanings(kind).get(name, ""))
        if len(nodes) == 1 and (prefix or default is not _NONE):
            yield from entries(nodes[0], default if isinstance(default, Mapping) else {}, f"{key}.")


def defaults_of(folder: Path, choice: str) -> dict[str, Any]:
    """Return the values of a choice of a group, with those of the files that its defaults list names.

    folder: of the group in conf/.
    """
    path = folder / f"{choice}.yaml"
    own = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    result: dict[str, Any] = {}
    for parent in [entry for entry in (own or {}).pop("defaults", []) if isinstance(entry, str) and entry != "_self_"]:
        result |= defaults_of(folder, parent)
    return result | (own or {})


def _type(annotation: Any) -> str:
    """Return a type as Python writes it, without modules and bounds."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    if annotation is ...:
        return "..."
    arguments = [_type(argument) for argument in get_args(annotation)]
    name = str(getattr(annotation, "__origin__", annotation))
    if "Literal" in name:
        return " | ".join(map(str, get_args(annotation)))
    if "Annotated" in str(type(annotation)):
        return arguments[0]
    if "Union" in str(type(annotation)) or "Union" in name:
        return " | ".join("null" if part == "NoneType" else part for part in arguments)
    bare = getattr(getattr(annotation, "__origin__", None), "__name__", _MODULE.sub("", str(annotation)))
    return f"{bare}[{', '.join(arguments)}]" if arguments else bare
