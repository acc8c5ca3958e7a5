"""What a search space may set in a config: keys that are there, once, and values that these keys can hold."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader

from lab.config.check import misfits
from lab.config.dotted_keys import flattened, is_there
from lab.config.key_roles import has_role
from lab.config.schema import Role
from lab.config.unknown_keys import unknown
from lab.core.errors import Mistake
from lab.core.hydra_quoting import quoted
from lab.sweep.search_space.distributions import EDGE, AtU, Choice
from lab.sweep.search_space.space import KEY, Parameter, Space

TRIED = (EDGE, 0.382, 1 - EDGE)
"""Of a law with ends: next to both, and a draw between them, no whole number where the law is not of whole numbers."""


def mistakes(
    space: Space,
    named: Iterable[str],
    plain: Mapping[str, Any],
    fixed: Sequence[str],
    loader: ConfigLoader,
    names: Mapping[str, str] | None = None,
) -> list[Mistake]:
    """Parameters that are no config keys, those that were given a value besides, and those that reach values their key
    cannot have. named: all keys of the block, those of unsound laws too; plain: the config; fixed: overrides of every
    trial; names: of a job file's parameters, as `sweep.keys` has them, or None where there is no such file.

    Keys of a group that is itself searched are left to the trials: they follow from the choice.
    """
    groups = {key for key in (*space.hydra_keys(), *named) if loader.get_group_options(key)}
    typed = {override.partition("=")[0].lstrip("+") for override in fixed}
    found, sound, strangers = [], [], []
    for key in space.hydra_keys():
        if has_role(key, Role.UNSEARCHED):
            found.append(Mistake(f"{KEY}.{key}", "is one and the same for all trials", f"leave out {key}"))
            continue
        if key in typed:
            problem = "is searched, and was given one value besides"
            found.append(Mistake(key, problem, f"leave out {key}, or type its one value as '{key}=choice(...)'"))
        if key in groups or key.split(".")[0] in groups:
            continue
        if is_there(plain, key):
            sound.append(key)
            continue
        strangers.append(key)
    return [*found, *_strangers(strangers, plain, names), *_out_of_range(space, plain, sound)]


def _strangers(keys: Sequence[str], plain: Mapping[str, Any], names: Mapping[str, str] | None) -> Iterator[Mistake]:
    """Parameters that are no config keys. Those of a job file may stand for some, all told in one remedy."""
    near = {key: unknown(key, flattened(plain))[1] for key in keys}
    own = {key: name for name, key in (names or {}).items()}
    mapped = {own.get(key, key): meant for key, meant in near.items() if meant is not None}
    for key, meant in near.items():
        problem = "is no config key" + (f"; the nearest is {meant}" if meant else "")
        if names is None:
            remedy = f"{meant}: ... in the file" if meant else f"leave out {key} in the file"
        elif meant is None:
            remedy = f"leave out {own.get(key, key)} in the file"
        else:
            remedy = quoted("sweep.keys", {**names, **mapped})
        yield Mistake(f"{KEY}.{key}", problem, remedy)


def _out_of_range(space: Space, plain: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Mistake]:
    """The first wrong value of each key."""
    told: set[str] = set()
    values = [*space.choices(), *((one.key, value) for one in space.parameters for value in _ends(one))]
    for key, value in values:
        if key not in keys or key in told or (isinstance(value, str) and "${" in value):
            continue
        for mistake in misfits(plain, key, value):
            told.add(key)
            shown = f"{value:.6g}" if isinstance(value, float) else value
            sound = shlex.split(mistake.remedy)[0].partition("=")[2]
            remedy = f"'{key}=choice({sound})', or ends inside that" if sound else f"leave out {key}"
            yield Mistake(f"{KEY}.{key}", f"reaches {shown}: {mistake.problem}", remedy)


def _ends(parameter: Parameter) -> list[Any]:
    """Values of a law that has ends. A normal law has none: a trial that draws too far fails and is told."""
    law = parameter.law
    if isinstance(law, Choice) or (isinstance(law, AtU) and law.kind != "loguniform"):
        return []
    return [law.value(law.at(u)) for u in TRIED]
