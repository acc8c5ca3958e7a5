"""The mistakes of classes that a config names by `_target_`: which of them a slot takes, and their arguments.

A `_target_` is code that a config runs, so a prefix of module names is not enough: many modules re-export functions
that unpickle or execute. A target has to be a class of its slot's type (or one of the functions that the slot lists)
from lightning, torch, torchmetrics, transformers or a module named in `plugins:`. Nodes inside nodes and lists are
checked alike. Arguments are checked against the signature before any data is read.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.config import plugins
from lab.config.dotted_keys import is_below
from lab.config.schema.target import HYDRA_KEYS
from lab.config.targets.signatures import defining_class, located, parameters, qualified
from lab.config.targets.slots import NESTED, OPTIMIZER, PACKAGES, Slot, nodes
from lab.core.errors import Mistake, listed, nearest


def mistakes(plain: Mapping[str, Any], wrong: Set[str]) -> Iterator[Mistake]:
    """Every mistake of the nodes with `_target_` in a config (nested, resolved).

    wrong: dotted keys that are known to be wrong, which are not judged again.
    """
    for key, node, slot in nodes(plain):
        if not any(is_below(other, [key]) for other in wrong):
            yield from (found := list(_mistakes(key, node, slot, nested=False)))
            if slot is OPTIMIZER and not found:
                yield from _unread_rates(node, plain[key])


def is_taken(node: Mapping[str, Any], slot: Slot) -> bool:
    """Return whether a slot takes the class that a node names. A module that may not be imported is not."""
    return "_target_" in node and _refusal(str(node["_target_"]), slot, nested=False) is None


def _mistakes(key: str, node: Mapping[str, Any], slot: Slot, nested: bool) -> Iterator[Mistake]:
    address = str(node["_target_"])
    if (problem := _refusal(address, slot, nested)) is not None:
        yield Mistake(f"{key}._target_", problem, _remedy(key, address, slot), address)
        return
    if node.get("_args_") and not nested:
        yield Mistake(f"{key}._args_", "arguments have names here", f"leave out {key}._args_", node["_args_"])
    if node.get("_partial_") and not nested:
        yield Mistake(f"{key}._partial_", f"this place takes {slot.word}, which is made here", f"{key}._partial_=false")
    yield from _wrong_arguments(key, node, slot, nested)
    for name, value in node.items():
        if name not in HYDRA_KEYS or name == "_args_":
            yield from _below(f"{key}.{name}", value)


def _below(key: str, value: Any) -> Iterator[Mistake]:
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield from _mistakes(key, value, NESTED, nested=True)
        else:
            for name, item in value.items():
                yield from _below(f"{key}.{name}", item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for place, item in enumerate(value):
            yield from _below(f"{key}.{place}", item)


def _refusal(address: str, slot: Slot, nested: bool) -> str | None:
    """Why a slot does not take what an address names; None where it does."""
    parts = address.split(".")
    ours = parts[0] in PACKAGES
    if not ours and not any(plugins.is_plugin_module(".".join(parts[:end])) for end in range(1, len(parts))):
        return f"is in none of {listed(PACKAGES)} and in no module that plugins names"
    try:
        found = located(address)
    except (ImportError, AttributeError) as error:
        return f"cannot be imported: {error}"
    if address in slot.functions or qualified(found) in slot.functions:
        return None
    if nested and not ours and (inspect.isclass(found) or inspect.isfunction(found)):
        return None
    if not inspect.isclass(found):
        return f"is no class; this place takes {slot.word}"
    if not issubclass(found, tuple(located(base) for base in slot.base)):
        return f"is no {slot.word.removeprefix('a ').removeprefix('an ')}, which this place takes"
    if inspect.isabstract(found):
        return f"is abstract: it lacks {listed(sorted(getattr(found, '__abstractmethods__', ())))}"
    return None


def _remedy(key: str, address: str, slot: Slot) -> str:
    parts = address.split(".")
    if parts[0] in PACKAGES:
        with suppress(ImportError, AttributeError):
            room = located(".".join(parts[:-1])) if len(parts) > 1 else None
            if near := nearest(parts[-1], [name for name in dir(room) if not name.startswith("_")]):
                other = ".".join([*parts[:-1], near])
                if near != parts[-1] and _refusal(other, slot, nested=False) is None:
                    return f"{key}._target_={other}"
        return ""
    is_here = Path(f"{parts[0]}.py").is_file() or Path(parts[0]).is_dir()
    if is_here and len(parts) > 1 and not plugins.is_plugin_module(parts[0]):
        return f"'plugins=[{'.'.join(parts[:-1])}]', if you trust it: importing it runs its code"
    return ""


def _wrong_arguments(key: str, node: Mapping[str, Any], slot: Slot, nested: bool) -> Iterator[Mistake]:
    """Arguments that the signature does not have, and those without a default that are missing."""
    called = located(str(node["_target_"]))
    names, takes_any = parameters(called)
    given = [str(name) for name in node if name not in HYDRA_KEYS]
    for name in given:
        if name in slot.reserved and not nested:
            yield Mistake(f"{key}.{name}", "is given by the run", f"leave out {key}.{name}", node[name])
        elif name not in names and not takes_any:
            near = nearest(name, names)
            problem = f"{node['_target_']} has no such argument" + (f"; the nearest is {near}" if near else "")
            shown = "..." if isinstance(node[name], Mapping | list) else node[name]
            yield Mistake(f"{key}.{name}", problem, f"{key}.{near}={shown}" if near else f"leave out {key}.{name}")
    if not nested:  # an inner node may be partial, or be completed by the class around it
        needed = [name for name, required in names.items() if required]
        for name in needed:
            if name not in given and name not in slot.injected:
                yield Mistake(f"{key}.{name}", f"{node['_target_']} needs this argument", f"+{key}.{name}=...")


def _unread_rates(node: Mapping[str, Any], optimizer: Mapping[str, Any]) -> Iterator[Mistake]:
    """Settings of `lab` that an optimizer does not read. optimizer: the whole group, with `lr` and `weight_decay`."""
    target = node["_target_"]
    names, takes_any = parameters(defining_class(node))
    if takes_any:
        return
    if "lr" not in names:
        problem = "has no argument lr: neither optimizer.lr nor a schedule would have an effect"
        yield Mistake("optimizer._target_", problem, "an optimizer that takes lr", target)
    decay = optimizer.get("weight_decay")
    if "weight_decay" not in names and isinstance(decay, int | float) and decay > 0:
        problem = f"has no effect: {target} has no argument weight_decay"
        yield Mistake("optimizer.weight_decay", problem, "optimizer.weight_decay=0", decay)
