"""A search space in words, for the start of a study: each parameter with its values, and what a range leaves out."""

from collections.abc import Iterator
from typing import Any

from lab.core.errors import listed
from lab.sweep.search_space.distributions import Choice, Distribution, QuantileDistribution, Rounded, Steps, Uniform
from lab.sweep.search_space.relative import Default
from lab.sweep.search_space.space import Branch, Parameter, Space

MOST = 12
"""Parameters that are shown; study.yaml has all."""


def lines(space: Space) -> list[str]:
    """Return a line for each parameter.

    >>> from lab.sweep.search_space.space import parse_space
    >>> lines(parse_space({"optimizer.lr": {"type": "loguniform", "low": 0.002, "high": 0.03}}))
    ['optimizer.lr: 0.002 to 0.03 (log)']
    """
    shown = [f"{parameter.name}: {in_words(parameter.distribution)}" for parameter in space.parameters]
    more = len(shown) - MOST
    return shown if more <= 0 else [*shown[:MOST], f"and {more} more, in study.yaml"]


def in_words(drawn: Distribution) -> str:
    """Return the values of a distribution in words."""
    if isinstance(drawn, Choice):
        return listed([_value(value) for value in drawn.values])
    if isinstance(drawn, Steps | Uniform):
        return f"{drawn.low:g} to {drawn.high:g}" + (" (log)" if drawn.log else "") + _steps(drawn)
    if isinstance(drawn, Rounded):
        return f"{drawn.low:g} to {drawn.high:g} in steps of {drawn.q:g}"
    assert isinstance(drawn, QuantileDistribution)
    step = "" if drawn.q is None else f" in steps of {drawn.q:g}"
    if drawn.kind == "loguniform":
        return f"{drawn.a:g} to {drawn.b:g} (log){step}"
    return f"{drawn.kind} of mu {drawn.a:g} and sigma {drawn.b:g}{step}"


def left_out(space: Space, default: Default) -> Iterator[str]:
    """Yield a line for each parameter whose range leaves out the value that its key has without the search."""
    for parameter in space.parameters:
        ends = _ends(parameter.distribution)
        own = None if ends is None else default(parameter.key, list(_chosen(space, parameter)))
        if ends is None or isinstance(own, bool) or not isinstance(own, int | float):
            continue
        if not ends[0] <= own <= ends[1]:
            where = "".join(f" of {choice}" for choice in list(_chosen(space, parameter))[-1:])
            yield f"{parameter.name}: {in_words(parameter.distribution)} leaves out the default{where}, {own:g}"


def _chosen(space: Space, parameter: Parameter) -> Iterator[str]:
    """Yield the overrides that lead to the branch of a parameter, from the outermost choice on."""
    if parameter.when is None:
        return
    parent = next(other for other in space.parameters if other.name == parameter.when[0])
    yield from _chosen(space, parent)
    assert isinstance(parent.distribution, Choice)
    branch = parent.distribution.values[parameter.when[1]]
    if isinstance(branch, Branch):
        yield from (f"{key}={value}" for key, value in branch.fixed if isinstance(value, str))


def _ends(drawn: Distribution) -> tuple[float, float] | None:
    """Return the least and greatest value, or None where there are no ends or no numbers."""
    if isinstance(drawn, Choice):
        values = drawn.values
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return None
        return min(values), max(values)
    if isinstance(drawn, Steps | Uniform | Rounded):
        return drawn.low, drawn.high
    assert isinstance(drawn, QuantileDistribution)
    return (drawn.a, drawn.b) if drawn.kind == "loguniform" else None


def _steps(drawn: Steps | Uniform) -> str:
    return f" in steps of {drawn.step:g}" if isinstance(drawn, Steps) and drawn.step != 1 else ""


def _value(value: Any) -> str:
    if isinstance(value, Branch):
        return "{" + ", ".join(f"{key}: {item}" for key, item in value.fixed) + "}"
    return f"{value:g}" if isinstance(value, float) else "null" if value is None else str(value)
