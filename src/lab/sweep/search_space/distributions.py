"""The laws of a search space: what Optuna is asked for, how a draw u in (0, 1) becomes it, and the real value.

A law that Optuna has natively (choice, uniform, log-uniform, integers, steps) is its own distribution; the others are a
value at u, so that any sampler drives any law. `at` is the inverse CDF of the law as Azure ML defines it
(round(U / q) * q and so on), clipped into the range; `value` turns what Optuna stored into what goes into the config.
Normal quantiles: `statistics.NormalDist`.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

EDGE = 2.0**-33
"""u stays this far from 0 and 1: 6.3 standard deviations of a normal law."""


@dataclass(frozen=True)
class Choice:
    """Uniform over `values`. Values that Optuna cannot store, or that equal one another, are asked for by index."""

    values: tuple[Any, ...]

    @property
    def by_index(self) -> bool:
        plain = all(value is None or isinstance(value, bool | int | float | str) for value in self.values)
        return not plain or len(set(self.values)) < len(self.values)

    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution(tuple(range(len(self.values))) if self.by_index else self.values)

    def at(self, u: float) -> Any:
        return self.point(min(int(u * len(self.values)), len(self.values) - 1))

    def value(self, asked: Any) -> Any:
        return self.values[asked] if self.by_index else asked

    def size(self) -> int:
        return len(self.values)

    def point(self, index: int) -> Any:
        return index if self.by_index else self.values[index]


@dataclass(frozen=True)
class Steps:
    """Uniform over low, low + step .. high, both ends included. `log`: integers, uniform on a log scale, step 1."""

    low: int | float
    high: int | float
    step: int | float = 1
    log: bool = False

    @property
    def whole(self) -> bool:
        return all(isinstance(number, int) for number in (self.low, self.high, self.step))

    def distribution(self) -> BaseDistribution:
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step))
        return FloatDistribution(self.low, self.high, step=self.step)

    def at(self, u: float) -> int | float:
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + u * (high - low))), int(self.low)), int(self.high))
        return self.point(min(int(u * self.size()), self.size() - 1))

    def value(self, asked: Any) -> int | float:
        return self.point(round((asked - self.low) / self.step))

    def size(self) -> int:
        return round((self.high - self.low) / self.step) + 1

    def point(self, index: int) -> int | float:
        return self.low + index * self.step if self.whole else float(f"{self.low + index * self.step:.12g}")


@dataclass(frozen=True)
class Uniform:
    """Uniform on [low, high], or log-uniform."""

    low: float
    high: float
    log: bool = False

    def distribution(self) -> BaseDistribution:
        return FloatDistribution(self.low, self.high, log=self.log)

    def at(self, u: float) -> float:
        if not self.log:
            return _clipped(self.low + u * (self.high - self.low), self.low, self.high)
        drawn = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        return _clipped(drawn, self.low, self.high)

    def value(self, asked: Any) -> float:
        return float(asked)

    def size(self) -> None:
        return None


@dataclass(frozen=True)
class Rounded:
    """round(U / q) * q for U uniform on [low, high], clipped to the multiples of q inside."""

    low: float
    high: float
    q: float

    def distribution(self) -> BaseDistribution:
        first, last = multiples(self.low, self.high, self.q)
        if float(self.q).is_integer():
            return IntDistribution(int(first * self.q), int(last * self.q), step=int(self.q))
        return FloatDistribution(_multiple(first, self.q), _multiple(last, self.q), step=self.q)

    def at(self, u: float) -> int | float:
        first, last = multiples(self.low, self.high, self.q)
        return _multiple(min(max(round((self.low + u * (self.high - self.low)) / self.q), first), last), self.q)

    def value(self, asked: Any) -> int | float:
        return _multiple(round(asked / self.q), self.q)

    def size(self) -> int:
        first, last = multiples(self.low, self.high, self.q)
        return last - first + 1

    def point(self, index: int) -> int | float:
        return _multiple(multiples(self.low, self.high, self.q)[0] + index, self.q)


@dataclass(frozen=True)
class AtU:
    """A law that Optuna has not: it is asked for u, and the value is the law's quantile at u.

    kind: normal or lognormal with a = mu, b = sigma; loguniform with a, b the ends in natural units. q: rounded to
    multiples of it, and inside the ends where the law has ends.
    """

    kind: Literal["normal", "lognormal", "loguniform"]
    a: float
    b: float
    q: float | None = None

    def distribution(self) -> BaseDistribution:
        return FloatDistribution(EDGE, 1 - EDGE)

    def at(self, u: float) -> float:
        return _clipped(u, EDGE, 1 - EDGE)

    def value(self, asked: Any) -> int | float:
        drawn = self._quantile(float(asked))
        if self.q is None:
            return drawn
        multiple = round(drawn / self.q)
        if self.kind == "loguniform":
            first, last = multiples(self.a, self.b, self.q)
            multiple = min(max(multiple, first), last)
        return _multiple(multiple, self.q)

    def size(self) -> None:
        return None

    def _quantile(self, u: float) -> float:
        if self.kind == "loguniform":
            return Uniform(self.a, self.b, log=True).at(u)
        normal = NormalDist(self.a, self.b).inv_cdf(u)
        return normal if self.kind == "normal" else math.exp(normal)


Law = Choice | Steps | Uniform | Rounded | AtU
Discrete = Choice | Steps | Rounded
"""Laws with a number of points; the others have `size() == None`."""


def multiples(low: float, high: float, q: float) -> tuple[int, int]:
    """First and last k with low <= k * q <= high, a billionth of q forgiven; the first is above the last if none is."""
    return math.ceil(low / q - 1e-9), math.floor(high / q + 1e-9)


def _multiple(k: int, q: float) -> int | float:
    """k * q: an integer where q is one, else without the dust of binary fractions (3 * .1 is .3)."""
    return k * int(q) if float(q).is_integer() else float(f"{k * q:.12g}")


def _clipped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
