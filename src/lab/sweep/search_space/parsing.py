"""Parses the text or block of a parameter to its distribution: Azure ML's expressions, or Hydra's sweep grammar.

Azure: `{type: loguniform, min_value: -11.5, max_value: -6.9}`, whose ends are exponents; ends that look like natural
units are refused, since 1e-5..1e-3 would draw 1.00001..1.001. Hydra: `tag(log,interval(1e-5,1e-4))`, `choice(a,b)`,
`range(1,9,2)`, `8,16,32`. Every mistake is added to the block's list.
"""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from lab.cli.sweep_overrides import unquoted
from lab.config.typed_block import Block
from lab.core.errors import Mistake
from lab.core.hydra_quoting import for_hydra
from lab.sweep.search_space.distributions import (
    Choice,
    Distribution,
    QuantileDistribution,
    Rounded,
    Steps,
    Uniform,
    multiples,
)

KINDS = (
    "choice", "randint", "uniform", "quniform", "loguniform", "qloguniform",
    "normal", "qnormal", "lognormal", "qlognormal",
)  # fmt: skip
EXAMPLE = "tag(log,interval(1e-4,1e-2))"
HIGHEST_EXPONENT = 30.0
"""e^30 is 10^13: an end above it is treated as a value in natural units."""
LOWEST_EXPONENT = 0.1
"""A range that begins between 0 and this, or lies inside 0..1 (except 0..1 itself), is treated as natural units too."""


def sweep_of(text: str) -> Override | None:
    """Return the override where Hydra reads `text` as several values, else None."""
    try:
        override = OverridesParser.create().parse_override(f"key={text}")
    except HydraException:
        return None
    return override if override.is_sweep_override() else None


def unreadable(text: str) -> str | None:
    """Return why Hydra cannot read `text` as a value, or None if it can."""
    try:
        OverridesParser.create().parse_override(f"key={text}")
    except HydraException as error:
        return next((line.strip() for line in reversed(str(error).splitlines()) if line and "http" not in line), "")
    return None


def distribution_of_override(override: Override, key: str, mistakes: list[Mistake]) -> Distribution:
    """Return the distribution of a Hydra sweep; key: named in mistakes."""
    given = override.value()
    tags = given.tags if isinstance(given, ChoiceSweep | RangeSweep | IntervalSweep) else set()
    if isinstance(given, IntervalSweep):
        return _interval(given, key, mistakes)
    if tags:
        mistakes.append(Mistake(key, f"tag {min(tags)} belongs to an interval", "tag(log, interval(1e-5, 1e-3))"))
    if isinstance(given, ChoiceSweep | RangeSweep) and given.shuffle:
        mistakes.append(Mistake(key, "shuffle has no meaning here", "sweep.sampling_algorithm=random"))
    if isinstance(given, RangeSweep):
        return _range(given, override, key, mistakes)
    if not isinstance(given, ChoiceSweep):
        mistakes.append(Mistake(key, "glob(...) is read by hydra/sweeper=basic alone", f"{key}: choice(a, b)"))
        return Choice((None,))
    return Choice(tuple(unquoted(value) for value in override.sweep_iterator()))


def distribution_of_block(kind: str, block: Block, base: float = math.e) -> Distribution:
    """Return the distribution of an Azure expression; choice is not read here. base: of its exponents."""
    return _LOG_PARSERS[kind](block, base) if kind in _LOG_PARSERS else _PARSERS[kind](block)


def values_of(block: Block) -> list[Any]:
    """Return the values of a choice: a list, or `range(...)` as Hydra or Python writes it."""
    given = block.given.get("values")
    block.read.add("values")
    if isinstance(given, str) and (override := sweep_of(given)) is not None and override.is_range_sweep():
        distribution = distribution_of_override(override, f"{block.key}.values", block.mistakes)
        return (
            list(distribution.values)
            if isinstance(distribution, Choice)
            else [distribution.point(k) for k in range(distribution.size() or 0)]
        )
    if not isinstance(given, list | tuple) or not given:
        block.wrong("values", "must be a list of at least one value, or range(...)", "values: [8, 16, 32]")
        return [None]
    return list(given)


def valid_distribution(given: Any) -> str:
    """Return a valid distribution in Hydra's grammar that is close to a wrong one."""
    if isinstance(given, list | tuple) and given:
        return f"choice({','.join(map(for_hydra, given))})"
    if not isinstance(given, Mapping):
        override = sweep_of(str(given))
        interval = override.value() if override is not None else None
        if not isinstance(interval, IntervalSweep):
            return f"choice({for_hydra(given)})" if override is None and unreadable(str(given)) is None else EXAMPLE
        given = {"type": "log" if "log" in interval.tags else "", "low": interval.start, "high": interval.end}
    kind = str(given.get("type", "")).lower()
    ends = [given.get(name) for name in (("low", "high") if "low" in given else ("min_value", "max_value"))]
    numbers = sorted(float(end) for end in ends if isinstance(end, int | float) and not isinstance(end, bool))
    if "choice" in kind or "values" in given:
        return "choice(8,16,32)"
    if len(numbers) < 2 or numbers[0] == numbers[1] or ("log" in kind and numbers[0] <= 0):
        return EXAMPLE
    distribution = f"interval({numbers[0]:g},{numbers[1]:g})"
    return f"tag(log,{distribution})" if "log" in kind else distribution


def _interval(given: IntervalSweep, key: str, mistakes: list[Mistake]) -> Distribution:
    low, high, log = given.start, given.end, "log" in given.tags
    assert low is not None
    assert high is not None
    if other := sorted(given.tags - {"log"}):
        mistakes.append(Mistake(key, f"no such tag {other[0]}; only log", "tag(log, interval(1e-5, 1e-3))"))
    if low >= high:
        mistakes.append(Mistake(key, f"the interval's start {low} must be below its end {high}"))
    elif log and low <= 0:
        mistakes.append(Mistake(key, f"a log scale starts above 0, not at {low}"))
    elif isinstance(low, int) and isinstance(high, int):
        return Steps(low, high, log=log)
    else:
        return Uniform(float(low), float(high), log)
    return Uniform(1.0, 2.0)


def _range(given: RangeSweep, override: Override, key: str, mistakes: list[Mistake]) -> Distribution:
    values = [float(value) if isinstance(value, Decimal) else value for value in override.sweep_iterator()]
    if not values:
        mistakes.append(Mistake(key, "the range is empty: its stop is not among its values"))
        return Choice((None,))
    numbers = [value for value in values if isinstance(value, int | float)]
    if given.transformers or len(numbers) < 2:
        return Choice(tuple(values))
    step = given.step if isinstance(given.step, int) else float(given.step)
    low, high = min(numbers), max(numbers)
    return Steps(low, high, abs(step)) if given.step else Choice(tuple(values))


def _ends(
    block: Block, low: str = "min_value", high: str = "max_value", above: float = -math.inf
) -> tuple[float, float]:
    first, last = float(block.number(low, above=above)), float(block.number(high, above=above))
    if first >= last and block.has(low) and block.has(high) and not _has_mistake(block, low, high):
        block.wrong(high, f"must be greater than {low}, which is {first:g}")
    return first, last


def _has_mistake(block: Block, *names: str) -> bool:
    return any(mistake.key in [f"{block.key}.{name}" for name in names] for mistake in block.mistakes)


def _log_ends(block: Block, base: float) -> tuple[float, float]:
    """Return the ends in natural units, from `low` and `high` or from exponents of `base`."""
    natural = [block.has("low"), block.has("high")]
    exponents = [block.has("min_value"), block.has("max_value")]
    if any(natural) and any(exponents):
        block.wrong("", "takes min_value and max_value (exponents) or low and high (natural units), not both")
    if any(natural):
        return _ends(block, "low", "high", above=0.0)
    first, last = _ends(block)
    if _has_mistake(block, "min_value", "max_value"):
        return 1.0, 2.0
    inside = first >= 0 and last <= 1 and (first, last) != (0, 1)
    scale = math.log(base)
    if inside or 0 < first < LOWEST_EXPONENT or max(first * scale, last * scale) > HIGHEST_EXPONENT:
        drawn = f"{_exp(first * scale)} to {_exp(last * scale)}"
        kind, q = block.given["type"], f", q: {block.given['q']}" if block.has("q") else ""
        block.wrong(
            "",
            f"min_value {first:g} and max_value {last:g} are exponents and would draw {drawn}; they look like "
            "natural units, which low and high take",
            f"{{type: {str(kind).lower()}, low: {first:g}, high: {last:g}{q}}}",
        )
        return 1.0, 2.0
    low, high = sorted((math.exp(first * scale), math.exp(last * scale)))
    return low, high


def _exp(exponent: float) -> str:
    return f"{math.exp(exponent):.6g}" if exponent < 700 else "more than any number"


def _q(block: Block, low: float, high: float) -> float:
    q = block.number("q", above=0.0)
    if low < high and not block.mistakes:
        first, last = multiples(low, high, q)
        if first > last:
            block.wrong("q", f"has no multiple between {low:g} and {high:g}")
    return q


def _uniform(block: Block) -> Distribution:
    low, high = _ends(block)
    return Uniform(low, high)


def _quniform(block: Block) -> Distribution:
    low, high = _ends(block)
    return Rounded(low, high, _q(block, low, high))


def _loguniform(block: Block, base: float) -> Distribution:
    low, high = _log_ends(block, base)
    return Uniform(low, high, log=True)


def _qloguniform(block: Block, base: float) -> Distribution:
    low, high = _log_ends(block, base)
    return QuantileDistribution("loguniform", low, high, _q(block, low, high))


def _normal(block: Block) -> Distribution:
    return QuantileDistribution("normal", *_moments(block))


def _qnormal(block: Block) -> Distribution:
    return QuantileDistribution("normal", *_moments(block), block.number("q", above=0))


def _lognormal(block: Block, base: float) -> Distribution:
    mu, sigma = _moments(block)
    return QuantileDistribution("lognormal", mu * math.log(base), sigma * abs(math.log(base)))


def _qlognormal(block: Block, base: float) -> Distribution:
    mu, sigma = _moments(block)
    return QuantileDistribution(
        "lognormal", mu * math.log(base), sigma * abs(math.log(base)), block.number("q", above=0)
    )


def _moments(block: Block) -> tuple[float, float]:
    return float(block.number("mu")), float(block.number("sigma", above=0.0))


_PARSERS: dict[str, Callable[[Block], Distribution]] = {
    "randint": lambda block: Steps(0, block.whole("upper", least=1) - 1),
    "uniform": _uniform,
    "quniform": _quniform,
    "normal": _normal,
    "qnormal": _qnormal,
}
_LOG_PARSERS: dict[str, Callable[[Block, float], Distribution]] = {
    "loguniform": _loguniform,
    "qloguniform": _qloguniform,
    "lognormal": _lognormal,
    "qlognormal": _qlognormal,
}
"""Distributions that draw an exponent."""
