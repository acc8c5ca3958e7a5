"""Checks of a search space against the config: its keys exist, are set once, and accept the values."""

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
from lab.sweep.search_space.distributions import EDGE, Choice, QuantileDistribution
from lab.sweep.search_space.space import KEY, Parameter, Space

CHECKED_QUANTILES = (EDGE, 0.382, 1 - EDGE)
"""Quantiles whose values are checked: next to both ends, and one between them that is no whole number by chance."""


def mistakes(
    space: Space,
    named: Iterable[str],
    plain: Mapping[str, Any],
    fixed: Sequence[str],
    loader: ConfigLoader,
    names: Mapping[str, str] | None = None,
) -> list[Mistake]:
    """Return the mistakes: parameters that are no config keys, that were also given a value, or that reach values their
    key cannot have.

    named: all keys of the block, also those with a wrong distribution; plain: the config; fixed: overrides of every
    trial; names: of a job file's parameters, as in `sweep.azure.parameters`, None without such a file. Keys of a group
    that is itself searched are left to the trials, because they depend on the choice.
    """
    groups = {key for key in (*space.hydra_keys(), *named) if loader.get_group_options(key)}
    typed = {override.partition("=")[0].lstrip("+") for override in fixed}
    result, known, unknown_keys = [], [], []
    for key in space.hydra_keys():
        if has_role(key, Role.UNSEARCHED):
            result.append(Mistake(f"{KEY}.{key}", "must be the same for all trials", f"leave out {key}"))
            continue
        if key in typed:
            problem = "is searched, and was also given one value"
            result.append(Mistake(key, problem, f"leave out {key}, or type its one value as '{key}=choice(...)'"))
        if key in groups or key.split(".")[0] in groups:
            continue
        if is_there(plain, key):
            known.append(key)
            continue
        unknown_keys.append(key)
    return [*result, *_unknown(unknown_keys, plain, names), *_out_of_range(space, plain, known)]


def _unknown(keys: Sequence[str], plain: Mapping[str, Any], names: Mapping[str, str] | None) -> Iterator[Mistake]:
    """Yield parameters that are no config keys. For those of a job file one remedy maps all of them."""
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
            remedy = quoted("sweep.azure.parameters", {**names, **mapped})
        yield Mistake(f"{KEY}.{key}", problem, remedy)


def _out_of_range(space: Space, plain: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Mistake]:
    """Yield the first wrong value of each key."""
    reported: set[str] = set()
    values = [*space.choices(), *((item.key, value) for item in space.parameters for value in _tried_values(item))]
    for key, value in values:
        if key not in keys or key in reported or (isinstance(value, str) and "${" in value):
            continue
        for mistake in misfits(plain, key, value):
            reported.add(key)
            shown = f"{value:.6g}" if isinstance(value, float) else value
            valid = shlex.split(mistake.remedy)[0].partition("=")[2]
            remedy = f"'{key}=choice({valid})', or ends inside that" if valid else f"leave out {key}"
            yield Mistake(f"{KEY}.{key}", f"reaches {shown}: {mistake.problem}", remedy)


def _tried_values(parameter: Parameter) -> list[Any]:
    """Return values of a distribution with ends. A normal distribution has none: a trial with a wrong value fails."""
    drawn = parameter.distribution
    if isinstance(drawn, Choice) or (isinstance(drawn, QuantileDistribution) and drawn.kind != "loguniform"):
        return []
    return [drawn.value(drawn.at(u)) for u in CHECKED_QUANTILES]
