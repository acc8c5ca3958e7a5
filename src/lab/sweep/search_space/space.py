"""The search space of a sweep: parameters in a fixed order, what Optuna samples, and a trial's overrides.

Parameters are sorted by name, so that the same space written in another order gives the same samples. A choice may hold
mappings, `{model: beto, optimizer.lr: {type: ...}}`, whose keys are Hydra keys: a conditional space. All its
parameters are always drawn, under names like `model[0].optimizer.lr`, and only those of the chosen branch are used.
"""

import hashlib
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString
from optuna.distributions import BaseDistribution

from lab.config.typed_block import Block
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.sweep.search_space.distributions import Choice, Distribution
from lab.sweep.search_space.parsing import (
    KINDS,
    distribution_of_block,
    distribution_of_override,
    sweep_of,
    unreadable,
    valid_distribution,
    values_of,
)

KEY = "sweep.search_space"
EXAMPLE = "'optimizer.lr=tag(log,interval(1e-4,1e-2))', or sweep.azure.file=job.yaml (an Azure job)"
_SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = ("null", "true", "false", "nan", "inf")


@dataclass(frozen=True)
class Branch:
    """A value of a choice that sets several keys. fixed: keys with a value; the other keys are parameters."""

    fixed: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Parameter:
    """A parameter. name: for Optuna; key: for Hydra; when: the choice and the index of its branch, if it has one."""

    name: str
    key: str
    distribution: Distribution
    when: tuple[str, int] | None = None


@dataclass(frozen=True)
class Space:
    """Parameters sorted by name; a choice comes before the parameters of its branches."""

    parameters: tuple[Parameter, ...]

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return what Optuna samples, by parameter name; a distribution that it does not have is a u in (0, 1)."""
        return {parameter.name: parameter.distribution.optuna_distribution() for parameter in self.parameters}

    def at(self, point: Sequence[float]) -> dict[str, Any]:
        """Return what Optuna stores for a point of the unit cube, one u in [0, 1) per parameter: the inverse CDFs."""
        return {
            parameter.name: parameter.distribution.at(u) for parameter, u in zip(self.parameters, point, strict=True)
        }

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return Hydra keys and their values for what Optuna stored; of choices, the chosen branch only."""
        drawn = {parameter.name: parameter.distribution.value(params[parameter.name]) for parameter in self.parameters}
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if self._is_active(parameter, params):
                value = drawn[parameter.name]
                values.update(value.fixed if isinstance(value, Branch) else [(parameter.key, value)])
        return values

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return `key=value` for each value, quoted so that Hydra reads exactly that value."""
        return [f"{key}={_literal(value)}" for key, value in values.items()]

    def hydra_keys(self) -> tuple[str, ...]:
        """Return every Hydra key that some trial may set."""
        keys: dict[str, None] = {}
        for parameter in self.parameters:
            values = parameter.distribution.values if isinstance(parameter.distribution, Choice) else (None,)
            for value in values:
                keys.update(
                    dict.fromkeys([key for key, _ in value.fixed] if isinstance(value, Branch) else [parameter.key])
                )
        return tuple(keys)

    def choices(self) -> Iterator[tuple[str, Any]]:
        """Yield Hydra keys with each value that a choice may give them."""
        for parameter in self.parameters:
            for value in parameter.distribution.values if isinstance(parameter.distribution, Choice) else ():
                yield from value.fixed if isinstance(value, Branch) else [(parameter.key, value)]

    def size(self) -> int | None:
        """Return the number of points of the grid, or None where a distribution is continuous."""
        return (
            None
            if self.continuous()
            else self._size([parameter for parameter in self.parameters if parameter.when is None])
        )

    def continuous(self) -> tuple[str, ...]:
        """Return the names of the parameters with a continuous distribution."""
        return tuple(parameter.name for parameter in self.parameters if parameter.distribution.size() is None)

    def point(self, index: int) -> dict[str, Any]:
        """Return what Optuna stores for point `index` of the grid; the last parameter changes fastest.

        Parameters of branches that are not chosen have their first value. Raises IndexError outside the grid.
        """
        if not 0 <= index < (self.size() or 0):
            raise IndexError(f"the grid has {self.size()} points; there is no number {index}")
        stored = {
            parameter.name: parameter.distribution.point(0)
            for parameter in self.parameters
            if parameter.distribution.size() is not None
        }
        self._set_point(stored, [parameter for parameter in self.parameters if parameter.when is None], index)
        return stored

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that depend on all distributions, values and keys, not on their order in the
        file."""
        return hashlib.sha256("\n".join(map(repr, self.parameters)).encode()).hexdigest()[:16]

    def _is_active(self, parameter: Parameter, params: Mapping[str, Any]) -> bool:
        if parameter.when is None:
            return True
        parent = next(other for other in self.parameters if other.name == parameter.when[0])
        return params[parent.name] == parameter.when[1] and self._is_active(parent, params)

    def _below(self, parameter: Parameter) -> list[list[Parameter]]:
        """Return the parameters below each value of a discrete distribution."""
        branches: list[list[Parameter]] = [[] for _ in range(parameter.distribution.size() or 0)]
        for other in self.parameters:
            if other.when is not None and other.when[0] == parameter.name:
                branches[other.when[1]].append(other)
        return branches

    def _size(self, among: list[Parameter]) -> int:
        product = 1
        for parameter in among:
            product *= sum(self._size(below) for below in self._below(parameter))
        return product

    def _set_point(self, stored: dict[str, Any], among: list[Parameter], index: int) -> None:
        for parameter in reversed(among):
            sizes = [self._size(below) for below in self._below(parameter)]
            index, rest = divmod(index, sum(sizes))
            branch = 0
            while rest >= sizes[branch]:
                rest -= sizes[branch]
                branch += 1
            stored[parameter.name] = parameter.distribution.point(branch)
            self._set_point(stored, self._below(parameter)[branch], rest)


def parse_space(block: Mapping[str, Any], base: float = math.e) -> Space:
    """Return the space of a `search_space` block: Azure's expressions, or strings of Hydra's grammar.

    base: of the exponents of Azure's log distributions (`logbase` of its sampling algorithm). Raises RequestError with
    every mistake.
    """
    mistakes: list[Mistake] = []
    if not isinstance(block, Mapping) or not block:
        raise RequestError(Mistake(KEY, "must name at least one parameter", EXAMPLE, block or None))
    parameters = [
        parameter
        for key, given in block.items()
        for parameter in _parameters(str(key), str(key), given, None, mistakes, base)
    ]
    space = Space(tuple(sorted(parameters, key=lambda parameter: parameter.name)))
    mistakes += _set_twice(space)
    if mistakes:
        raise RequestError(replace(mistake, remedy=_typed_remedy(mistake, block)) for mistake in mistakes)
    return space


def _typed_remedy(mistake: Mistake, block: Mapping[str, Any]) -> str:
    """Return the remedy with the distribution as it is typed; parts of a conditional space can be in a file only."""
    key = next((key for key in map(str, block) if f"{mistake.key}.".startswith(f"{KEY}.{key}.")), None)
    if key is None or "[" in mistake.key or mistake.remedy.startswith("leave out"):
        return mistake.remedy
    written = f", or {mistake.remedy} in the file" if mistake.remedy else ""
    return shlex.quote(f"{key}={valid_distribution(block[key])}") + written


def _parameters(
    name: str, key: str, given: Any, when: tuple[str, int] | None, mistakes: list[Mistake], base: float
) -> Iterator[Parameter]:
    place = f"{KEY}.{name}"
    if isinstance(given, str) and (override := sweep_of(given)) is not None:
        yield Parameter(name, key, distribution_of_override(override, place, mistakes), when)
        return
    if isinstance(given, str) and (reason := unreadable(given)):
        mistakes.append(Mistake(place, f"cannot be read: {reason}", f"{key}: tag(log, interval(1e-5, 1e-3))", given))
        return
    if not isinstance(given, Mapping):
        remedy = f"{{type: choice, values: {list(given) if isinstance(given, list | tuple) else [given]}}}"
        mistakes.append(
            Mistake(place, "is no distribution; type one value for all trials as an override", remedy, given)
        )
        return
    kind = str(given.get("type", "")).lower()
    if kind not in KINDS:
        near = nearest(kind, KINDS) or KINDS[0]
        problem = f"must be one of {listed(KINDS)}" if kind else f"is missing; one of {listed(KINDS)}"
        mistakes.append(Mistake(f"{place}.type", problem, f"type: {near}", given.get("type")))
        return
    read = Block(place, given, [], {"type"})
    if kind == "choice":
        yield from _choice(name, key, read, when, base)
    else:
        yield Parameter(name, key, distribution_of_block(kind, read, base), when)
    read.close()
    mistakes += read.mistakes


def _choice(name: str, key: str, block: Block, when: tuple[str, int] | None, base: float) -> Iterator[Parameter]:
    values: list[Any] = []
    for number, value in enumerate(values_of(block)):
        if not isinstance(value, Mapping):
            values.append(tuple(value) if isinstance(value, list) else value)
            continue
        branch = {key: value} if "type" in value else value
        fixed = []
        for inner, given in branch.items():
            if isinstance(given, Mapping) or (isinstance(given, str) and sweep_of(given) is not None):
                below = f"{name}[{number}].{inner}"
                yield from _parameters(below, str(inner), given, (name, number), block.mistakes, base)
            else:
                fixed.append((str(inner), tuple(given) if isinstance(given, list) else given))
        values.append(Branch(tuple(fixed)))
    yield Parameter(name, key, Choice(tuple(values)), when)


def _set_twice(space: Space) -> Iterator[Mistake]:
    """Yield keys that are set by two parameters of the same trial."""
    tops = [parameter for parameter in space.parameters if parameter.when is None]
    owners: dict[str, str] = {}
    for top in tops:
        below = tuple(
            parameter
            for parameter in space.parameters
            if parameter.name == top.name or parameter.name.startswith(f"{top.name}[")
        )
        for key in Space(below).hydra_keys():
            if key in owners:
                yield Mistake(f"{KEY}.{top.name}", f"sets {key}, which {owners[key]} sets too", f"leave out one {key}")
            owners[key] = top.name


def _literal(value: Any) -> str:
    """Return a value in Hydra's grammar."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        plain = _SAFE.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else QuotedString(value, Quote.single).with_quotes()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_literal, value))}]"
    return repr(value)
