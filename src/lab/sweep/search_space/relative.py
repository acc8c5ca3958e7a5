"""Distributions around the value that a key has without the search: they follow the model, the method, the experiment.

`optimizer.lr: {type: loguniform, around: default, factor: 4}` ranges from a quarter of the run's own rate to four times
it, and `{type: choice, around: default, factors: [0.5, 1, 2]}` has three values. Before the space is read they become
numbers, which study.yaml records. Where a choice of groups decides about the default (`model=ngram,tiny`), the key is
drawn inside its branches, around the default of each. A resumed study takes the recorded numbers.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lab.config.typed_block import Block
from lab.core.errors import Mistake
from lab.sweep.search_space.parsing import sweep_of

Default = Callable[[str, Sequence[str]], Any]
"""From a key and the overrides of a branch to the key's value in the config; None where it has none."""
AROUND = "default"
EXAMPLE = "{type: loguniform, around: default, factor: 4}"


def is_relative(given: Any) -> bool:
    """Return whether a distribution is around the key's default."""
    return isinstance(given, Mapping) and "around" in given


class Relative:
    """Turns relative distributions of a block into absolute ones. mistakes: filled by `absolute`."""

    def __init__(self, key: str, groups: Collection[str], default: Default) -> None:
        self.key, self.groups, self.default = key, set(groups), default
        self.mistakes: list[Mistake] = []

    def absolute(self, block: Mapping[str, Any], saved: Any = None, chosen: Sequence[str] = ()) -> dict[str, Any]:
        """Return the block without relative distributions.

        saved: the same block as a study recorded it, whose numbers are taken; chosen: overrides of the branch that the
        block belongs to.
        """
        saved = saved if isinstance(saved, Mapping) else {}
        moved, around = self._moved(block, chosen)
        return {
            name: self._given(name, given, saved.get(name), around if is_relative(given) else chosen)
            for name, given in moved.items()
        }

    def _given(self, name: str, given: Any, saved: Any, chosen: Sequence[str]) -> Any:
        if is_relative(given):
            return saved if saved is not None else self._numbers(name, given, chosen)
        if not isinstance(given, Mapping) or not isinstance(given.get("values"), list):
            return given
        before = saved.get("values") if isinstance(saved, Mapping) else None
        values = []
        for place, value in enumerate(given["values"]):
            known = before[place] if isinstance(before, list) and place < len(before) else None
            if not isinstance(value, Mapping):
                values.append(value)
            elif "type" in value:
                values.append(self._given(name, value, known, chosen))
            else:
                values.append(self.absolute(value, known, [*chosen, *self._groups_of(value)]))
        return {**given, "values": values}

    def _numbers(self, name: str, given: Mapping[str, Any], chosen: Sequence[str]) -> dict[str, Any]:
        """Return the distribution in natural units."""
        kind, place = str(given.get("type", "")).lower(), f"{self.key}.{name}"
        read = Block(place, given, [], {"type", "around"})
        if given["around"] != AROUND:
            read.wrong("around", "must be default: the key's value without the search", f"{name}: {EXAMPLE}")
        centre = self.default(name, chosen)
        if isinstance(centre, bool) or not isinstance(centre, int | float) or centre <= 0:
            read.wrong("", f"has no default greater than 0 to be around: {centre}", f"{name}: {{type: choice, ...}}")
            centre = 1.0
        result: dict[str, Any]
        if kind == "choice":
            factors = given.get("factors")
            read.read.add("factors")
            if not isinstance(factors, list) or not factors or not all(map(_is_factor, factors)):
                read.wrong("factors", "must be a list of numbers greater than 0", "factors: [0.5, 1, 2]")
                factors = [1]
            result = {"type": "choice", "values": [_times(centre, factor) for factor in factors]}
        elif kind in ("loguniform", "uniform"):
            factor = max(read.number("factor", above=1.0), 1.001)
            low, high = ("low", "high") if kind == "loguniform" else ("min_value", "max_value")
            result = {"type": kind, low: _times(centre, 1 / factor), high: _times(centre, factor)}
        else:
            read.read.update(given)
            read.wrong("type", "must be loguniform, uniform or choice where it is around a default", EXAMPLE)
            result = {"type": "choice", "values": [centre]}
        read.close()
        in_file = f"{name}: {EXAMPLE} in the file"
        self.mistakes += [replace(mistake, remedy=mistake.remedy or in_file) for mistake in read.mistakes]
        return result

    def _moved(self, block: Mapping[str, Any], chosen: Sequence[str]) -> tuple[Mapping[str, Any], Sequence[str]]:
        """Return the block with relative keys inside the branches of the first choice that changes their default, and
        the overrides under which the default of those that stay is read."""
        relative = {name: given for name, given in block.items() if is_relative(given)}
        branching = {name: self._branches(name, given) for name, given in block.items()} if relative else {}
        for name, branches in branching.items():
            sets = [[*chosen, *self._groups_of(branch)] for branch in branches]
            if all(self._is_same(key, sets) for key in relative):
                chosen = sets[0] if sets else chosen
                continue
            inside = relative | {other: block[other] for other, own in branching.items() if own and other != name}
            values = [dict(inside) | dict(branch) for branch in branches]
            kept = {key: given for key, given in block.items() if key not in inside}
            return kept | {name: {"type": "choice", "values": values}}, chosen
        return block, chosen

    def _is_same(self, key: str, sets: Sequence[Sequence[str]]) -> bool:
        return all(self.default(key, each) == self.default(key, sets[0]) for each in sets)

    def _branches(self, name: str, given: Any) -> list[Mapping[str, Any]]:
        """Return what each value of a choice sets, if some value chooses a group; else nothing."""
        values: Any = given.get("values") if isinstance(given, Mapping) else None
        if isinstance(given, str) and (override := sweep_of(given)) is not None and override.is_discrete_sweep():
            values = list(override.sweep_iterator())
        if not isinstance(values, list):
            return []
        branches = [value if isinstance(value, Mapping) else {name: _plain(value)} for value in values]
        return branches if any(list(self._groups_of(branch)) for branch in branches) else []

    def _groups_of(self, branch: Mapping[str, Any]) -> Iterator[str]:
        return (f"{key}={value}" for key, value in branch.items() if key in self.groups and isinstance(value, str))


def _plain(value: Any) -> Any:
    return getattr(value, "text", value)


def _is_factor(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _times(centre: float, factor: float) -> int | float:
    """Return the product with six digits; whole where both are."""
    product = centre * factor
    whole = isinstance(centre, int) and float(product).is_integer()
    return int(product) if whole else float(f"{product:.6g}")
