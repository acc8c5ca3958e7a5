"""The search space of a sweep: parameters in a fixed order, what Optuna is asked, and the overrides a trial gets.

Parameters stand in the order of their names, so that the same space written in another order draws the same. A choice
may hold mappings, `{model: beto, optimizer.lr: {type: ...}}`, whose keys are Hydra keys: a conditional space. All its
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
from lab.sweep.search_space.distributions import AtU, Choice, Law, Uniform
from lab.sweep.search_space.parsing import (
    KINDS,
    law_of_block,
    law_of_override,
    sound_law,
    sweep_of,
    unreadable,
    values_of,
)

KEY = "sweep.search_space"
EXAMPLE = "'optimizer.lr=tag(log,interval(1e-4,1e-2))', or sweep.azure.file=job.yaml (an Azure job)"
_SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = ("null", "true", "false", "nan", "inf")


@dataclass(frozen=True)
class Branch:
    """A value of a choice that sets keys of its own: those that are fixed; the others are parameters."""

    fixed: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Parameter:
    """name: as Optuna knows it; key: the Hydra key; when: the choice and the number of the branch it belongs to."""

    name: str
    key: str
    law: Law
    when: tuple[str, int] | None = None


@dataclass(frozen=True)
class Space:
    """Parameters sorted by name; a choice stands before the parameters of its branches."""

    parameters: tuple[Parameter, ...]

    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna is asked, by parameter name; laws it has not are a u in (0, 1)."""
        return {parameter.name: parameter.law.distribution() for parameter in self.parameters}

    def at(self, point: Sequence[float]) -> dict[str, Any]:
        """What Optuna stores for a point of the unit cube, one u in [0, 1) per parameter: every law's inverse CDF."""
        return {one.name: one.law.at(u) for one, u in zip(self.parameters, point, strict=True)}

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Hydra keys and real values of what Optuna stored; only the chosen branches of conditional choices."""
        drawn = {one.name: one.law.value(params[one.name]) for one in self.parameters}
        values: dict[str, Any] = {}
        for one in self.parameters:
            if self._acts(one, params):
                real = drawn[one.name]
                values.update(real.fixed if isinstance(real, Branch) else [(one.key, real)])
        return values

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """`key=value` for each, quoted so that Hydra reads back exactly the value."""
        return [f"{key}={_written(value)}" for key, value in values.items()]

    def hydra_keys(self) -> tuple[str, ...]:
        """Every Hydra key that some trial may set."""
        found: dict[str, None] = {}
        for one in self.parameters:
            values = one.law.values if isinstance(one.law, Choice) else (None,)
            for value in values:
                found.update(dict.fromkeys([key for key, _ in value.fixed] if isinstance(value, Branch) else [one.key]))
        return tuple(found)

    def choices(self) -> Iterator[tuple[str, Any]]:
        """Hydra keys with each value that a choice may give them."""
        for one in self.parameters:
            for value in one.law.values if isinstance(one.law, Choice) else ():
                yield from value.fixed if isinstance(value, Branch) else [(one.key, value)]

    def size(self) -> int | None:
        """Number of points of the grid, or None where a law is continuous."""
        return None if self.continuous() else self._size([one for one in self.parameters if one.when is None])

    def continuous(self) -> tuple[str, ...]:
        """Names of the parameters that have no grid."""
        return tuple(one.name for one in self.parameters if one.law.size() is None)

    def point(self, index: int) -> dict[str, Any]:
        """What Optuna stores for point `index` of the grid, the last parameter fastest. Branches not taken stand at
        their first value. Raises IndexError outside the grid."""
        if not 0 <= index < (self.size() or 0):
            raise IndexError(f"the grid has {self.size()} points; there is no number {index}")
        asked = {one.name: one.law.point(0) for one in self.parameters if not isinstance(one.law, Uniform | AtU)}
        self._set(asked, [one for one in self.parameters if one.when is None], index)
        return asked

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any law, value or key, not with the order they are written in."""
        return hashlib.sha256("\n".join(map(repr, self.parameters)).encode()).hexdigest()[:16]

    def _acts(self, one: Parameter, params: Mapping[str, Any]) -> bool:
        if one.when is None:
            return True
        parent = next(other for other in self.parameters if other.name == one.when[0])
        return params[parent.name] == one.when[1] and self._acts(parent, params)

    def _below(self, one: Parameter) -> list[list[Parameter]]:
        """The parameters of each value of a discrete law."""
        branches: list[list[Parameter]] = [[] for _ in range(one.law.size() or 0)]
        for other in self.parameters:
            if other.when is not None and other.when[0] == one.name:
                branches[other.when[1]].append(other)
        return branches

    def _size(self, among: list[Parameter]) -> int:
        product = 1
        for one in among:
            product *= sum(self._size(below) for below in self._below(one))
        return product

    def _set(self, asked: dict[str, Any], among: list[Parameter], index: int) -> None:
        for one in reversed(among):
            sizes = [self._size(below) for below in self._below(one)]
            index, rest = divmod(index, sum(sizes))
            branch = 0
            while rest >= sizes[branch]:
                rest -= sizes[branch]
                branch += 1
            assert not isinstance(one.law, Uniform | AtU), "a grid has no continuous law"
            asked[one.name] = one.law.point(branch)
            self._set(asked, self._below(one)[branch], rest)


def parse_space(block: Mapping[str, Any], base: float = math.e) -> Space:
    """The space of a `search_space` block: Azure's expressions, or strings of Hydra's grammar.

    base: of the exponents of Azure's log laws (`logbase` of its sampling algorithm). Raises RequestError with every
    mistake in it.
    """
    mistakes: list[Mistake] = []
    if not isinstance(block, Mapping) or not block:
        raise RequestError(Mistake(KEY, "must name at least one parameter", EXAMPLE, block or None))
    parameters = [
        one for key, given in block.items() for one in _parameters(str(key), str(key), given, None, mistakes, base)
    ]
    space = Space(tuple(sorted(parameters, key=lambda one: one.name)))
    mistakes += _set_twice(space)
    if mistakes:
        raise RequestError(replace(one, remedy=_typed(one, block)) for one in mistakes)
    return space


def _typed(mistake: Mistake, block: Mapping[str, Any]) -> str:
    """The law as it is typed, which wins over any file's; parts of a conditional space stand in the file alone."""
    key = next((key for key in map(str, block) if f"{mistake.key}.".startswith(f"{KEY}.{key}.")), None)
    if key is None or "[" in mistake.key or mistake.remedy.startswith("leave out"):
        return mistake.remedy
    written = f", or {mistake.remedy} in the file" if mistake.remedy else ""
    return shlex.quote(f"{key}={sound_law(block[key])}") + written


def _parameters(
    name: str, key: str, given: Any, when: tuple[str, int] | None, mistakes: list[Mistake], base: float
) -> Iterator[Parameter]:
    place = f"{KEY}.{name}"
    if isinstance(given, str) and (override := sweep_of(given)) is not None:
        yield Parameter(name, key, law_of_override(override, place, mistakes), when)
        return
    if isinstance(given, str) and (reason := unreadable(given)):
        mistakes.append(Mistake(place, f"cannot be read: {reason}", f"{key}: tag(log, interval(1e-5, 1e-3))", given))
        return
    if not isinstance(given, Mapping):
        remedy = f"{{type: choice, values: {list(given) if isinstance(given, list | tuple) else [given]}}}"
        mistakes.append(Mistake(place, "is no law; one value for all trials is an override of its own", remedy, given))
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
        yield Parameter(name, key, law_of_block(kind, read, base), when)
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
    """Keys that two parameters which may act in one trial both set."""
    tops = [one for one in space.parameters if one.when is None]
    owners: dict[str, str] = {}
    for top in tops:
        below = tuple(one for one in space.parameters if one.name == top.name or one.name.startswith(f"{top.name}["))
        for key in Space(below).hydra_keys():
            if key in owners:
                yield Mistake(f"{KEY}.{top.name}", f"sets {key}, which {owners[key]} sets too", f"leave out one {key}")
            owners[key] = top.name


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        plain = _SAFE.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else QuotedString(value, Quote.single).with_quotes()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    return repr(value)
