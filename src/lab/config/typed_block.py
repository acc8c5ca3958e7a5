"""Reading one block of a sweep's config (`early_termination`, `sampling_algorithm`, a distribution): it collects every
mistake.

Such blocks have other keys for each `type`, may be pasted from Azure ML and may be one word (`bandit`, `Grid`), so they
are read here and not by a typed class. A wrong value is put on the list and reading continues with a stand-in.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted

SOUND = 0.1
"""A number that is valid for every key of a block."""


@dataclass
class Block:
    """A block while it is read.

    key: its dotted key; given: its content; mistakes: all so far, shared by blocks that belong together.
    """

    key: str
    given: Mapping[str, Any]
    mistakes: list[Mistake]
    read: set[str] = field(default_factory=set)
    mended: dict[str, Any] = field(default_factory=dict)
    """Replacements for wrong values; None: leave the key out."""

    def has(self, name: str) -> bool:
        """Return whether the key has a value; null counts as none."""
        self.read.add(name)
        return self.given.get(name) is not None

    def wrong(self, name: str, problem: str, remedy: str = "", mended: Mapping[str, Any] | None = None) -> None:
        """Add a mistake; name "" is the block itself; mended: replacements by key."""
        key = f"{self.key}.{name}" if name else self.key
        value = self.given.get(name) if name else None
        self.mended |= mended or {}
        self.mistakes.append(Mistake(key, problem, remedy, value))

    def number(
        self, name: str, default: float | None = None, least: float = -math.inf, above: float = -math.inf
    ) -> float:
        """Return a finite number of at least `least` and greater than `above`; a default of None makes the key
        required."""
        if not self.has(name):
            if default is None:
                self.wrong(name, "is missing and must be a number", mended={name: SOUND})
            return 0.0 if default is None else default
        value = self.given[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.wrong(name, "must be a finite number", mended={name: SOUND})
        elif value < least or value <= above:
            problem = f"must be at least {least:g}" if value < least else f"must be greater than {above:g}"
            self.wrong(name, problem, mended={name: SOUND})
        else:
            return value
        return 1.0

    def whole(self, name: str, default: int | None = None, least: int = 0, most: int | None = None) -> int:
        """Return a whole number from `least` to `most`; a default of None makes the key required."""
        if not self.has(name):
            if default is None:
                self.wrong(
                    name, "is missing and must be a whole number", mended={name: max(least, min(most or 20, 20))}
                )
            return least if default is None else default
        value = self.given[name]
        if isinstance(value, int) and not isinstance(value, bool):
            if value >= least and (most is None or value <= most):
                return value
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            self.wrong(name, f"must be {bounds}", mended={name: least if value < least else most})
        else:
            self.wrong(name, "must be a whole number", mended={name: max(least, 1)})
        return least

    def switch(self, name: str, default: bool) -> bool:
        """Return true or false."""
        if not self.has(name):
            return default
        if not isinstance(self.given[name], bool):
            self.wrong(name, "must be true or false", mended={name: default})
            return default
        return bool(self.given[name])

    def word(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Return one of `allowed`, whatever its capitals."""
        if not self.has(name):
            return default
        word = str(self.given[name]).lower()
        if word not in allowed:
            near = nearest(word, allowed) or allowed[0]
            self.wrong(name, f"must be one of {listed(allowed)}", mended={name: near})
            return default
        return word

    def close(self) -> None:
        """Add a mistake for every key that no reader requested, with the nearest key."""
        for name in self.given:
            if name not in self.read:
                near = nearest(str(name), self.read)
                said = f"; the nearest is {near}" if near and near not in self.given else ""
                problem = f"no such key{said}; allowed here: {listed(sorted(self.read))}"
                self.wrong(str(name), problem, mended={str(name): None})
                if near in self.mended and near not in self.given:  # the right name was reported as missing
                    self.mended[near] = self.given[name]

    def settle(self) -> None:
        """Close the block. Raises RequestError with every mistake, and with the whole block as a remedy to type."""
        self.close()
        if self.mistakes:
            remedy = typed_anew(self.key, {**self.given, **self.mended})
            raise RequestError(replace(mistake, remedy=mistake.remedy or remedy) for mistake in self.mistakes)


def typed_anew(key: str, block: Mapping[str, Any]) -> str:
    """Return a block as it is typed to replace another, with which Hydra would merge it; nulls are left out."""
    return f"~{key} {quoted(f'+{key}', {name: value for name, value in block.items() if value is not None})}"


def opened(given: object, key: str, kinds: Sequence[str], mistakes: list[Mistake] | None = None) -> tuple[str, Block]:
    """Return the `type` of a block in small letters, and the block.

    given: a mapping with `type`, or the type alone. Raises RequestError if the type is unknown: the other keys
    cannot be checked without it.
    """
    block = {"type": given} if isinstance(given, str) else given
    if not isinstance(block, Mapping):
        problem, remedy = "must be a mapping with a type, or the type alone", typed_anew(key, {"type": kinds[0]})
        raise RequestError(Mistake(key, problem, remedy, given))
    kind = str(block.get("type", "")).lower()
    if kind not in kinds:
        problem = f"must be one of {listed(kinds, 16)}" if kind else f"is missing; one of {listed(kinds, 16)}"
        near = nearest(kind, kinds) or kinds[0]
        remedy = typed_anew(key, {**block, "type": near})
        raise RequestError(Mistake(f"{key}.type", problem, remedy, block.get("type")))
    return kind, Block(key, block, [] if mistakes is None else mistakes, {"type"})
