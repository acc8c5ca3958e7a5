"""The distributions of a search space: what Optuna samples, the inverse CDF, and the value for the config.

A distribution that Optuna has (choice, uniform, log-uniform, integers, steps) is sampled as such. For the others Optuna
samples u in (0, 1), and the value is the quantile at u, so that every sampler supports every distribution. `at(u)` is
what Optuna stores for u: the inverse CDF as Azure ML defines the distribution (round(U / q) * q and so on), clipped to
the range. `value` turns what Optuna stored into the config's value. Normal quantiles: `statistics.NormalDist`.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

EDGE = 2.0**-33
"""u stays this far from 0 and 1: 6.3 standard deviations of a normal distribution."""


class Distribution(ABC):
    """A distribution of one parameter."""

    @abstractmethod
    def optuna_distribution(self) -> BaseDistribution:
        """Return what Optuna samples from."""

    @abstractmethod
    def at(self, u: float) -> Any:
        """Return what Optuna stores for u in [0, 1): the inverse CDF."""

    @abstractmethod
    def value(self, stored: Any) -> Any:
        """Return the config's value for what Optuna stored."""

    @abstractmethod
    def size(self) -> int | None:
        """Return the number of points, or None for a continuous distribution."""

    def point(self, index: int) -> Any:  # noqa: ARG002
        """Return what Optuna stores for a point of the grid. Raises ValueError for a continuous distribution."""
        raise ValueError(f"{type(self).__name__} has no grid")


@dataclass(frozen=True)
class Choice(Distribution):
    """Uniform over `values`. Where Optuna cannot store the values, or some are equal, it samples their index."""

    values: tuple[Any, ...]

    @property
    def by_index(self) -> bool:
        """Whether Optuna samples the index of a value."""
        plain = all(value is None or isinstance(value, bool | int | float | str) for value in self.values)
        return not plain or len(set(self.values)) < len(self.values)

    def optuna_distribution(self) -> BaseDistribution:
        return CategoricalDistribution(tuple(range(len(self.values))) if self.by_index else self.values)

    def at(self, u: float) -> Any:
        return self.point(min(int(u * len(self.values)), len(self.values) - 1))

    def value(self, stored: Any) -> Any:
        return self.values[stored] if self.by_index else stored

    def size(self) -> int:
        return len(self.values)

    def point(self, index: int) -> Any:
        return index if self.by_index else self.values[index]


@dataclass(frozen=True)
class Steps(Distribution):
    """Uniform over low, low + step .. high, both ends included. `log`: integers, uniform on a log scale, step 1."""

    low: int | float
    high: int | float
    step: int | float = 1
    log: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all points are integers."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step))

    def optuna_distribution(self) -> BaseDistribution:
        if self.is_whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step))
        return FloatDistribution(self.low, self.high, step=self.step)

    def at(self, u: float) -> int | float:
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + u * (high - low))), int(self.low)), int(self.high))
        return self.point(min(int(u * self.size()), self.size() - 1))

    def value(self, stored: Any) -> int | float:
        return self.point(round((stored - self.low) / self.step))

    def size(self) -> int:
        return round((self.high - self.low) / self.step) + 1

    def point(self, index: int) -> int | float:
        return self.low + index * self.step if self.is_whole else float(f"{self.low + index * self.step:.12g}")


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform on [low, high], or log-uniform."""

    low: float
    high: float
    log: bool = False

    def optuna_distribution(self) -> BaseDistribution:
        return FloatDistribution(self.low, self.high, log=self.log)

    def at(self, u: float) -> float:
        if not self.log:
            return _clipped(self.low + u * (self.high - self.low), self.low, self.high)
        drawn = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        return _clipped(drawn, self.low, self.high)

    def value(self, stored: Any) -> float:
        return float(stored)

    def size(self) -> None:
        return None


@dataclass(frozen=True)
class Rounded(Distribution):
    """round(U / q) * q for U uniform on [low, high], clipped to the multiples of q inside."""

    low: float
    high: float
    q: float

    def optuna_distribution(self) -> BaseDistribution:
        first, last = multiples(self.low, self.high, self.q)
        if float(self.q).is_integer():
            return IntDistribution(int(first * self.q), int(last * self.q), step=int(self.q))
        return FloatDistribution(_multiple(first, self.q), _multiple(last, self.q), step=self.q)

    def at(self, u: float) -> int | float:
        first, last = multiples(self.low, self.high, self.q)
        return _multiple(min(max(round((self.low + u * (self.high - self.low)) / self.q), first), last), self.q)

    def value(self, stored: Any) -> int | float:
        return _multiple(round(stored / self.q), self.q)

    def size(self) -> int:
        first, last = multiples(self.low, self.high, self.q)
        return last - first + 1

    def point(self, index: int) -> int | float:
        return _multiple(multiples(self.low, self.high, self.q)[0] + index, self.q)


@dataclass(frozen=True)
class QuantileDistribution(Distribution):
    """A distribution that Optuna does not have: Optuna samples u, and the value is the quantile at u.

    kind: normal or lognormal with a = mu, b = sigma; loguniform with a, b the ends in natural units. q: rounded to
    multiples of it, and inside the ends where the distribution has ends.
    """

    kind: Literal["normal", "lognormal", "loguniform"]
    a: float
    b: float
    q: float | None = None

    def optuna_distribution(self) -> BaseDistribution:
        return FloatDistribution(EDGE, 1 - EDGE)

    def at(self, u: float) -> float:
        return _clipped(u, EDGE, 1 - EDGE)

    def value(self, stored: Any) -> int | float:
        drawn = self._quantile(float(stored))
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


def multiples(low: float, high: float, q: float) -> tuple[int, int]:
    """Return the first and last k with low <= k * q <= high, up to 1e-9 of q; the first is greater if there is none."""
    return math.ceil(low / q - 1e-9), math.floor(high / q + 1e-9)


def _multiple(k: int, q: float) -> int | float:
    """Return k * q: an integer where q is one, else rounded to 12 digits (3 * .1 is .3)."""
    return k * int(q) if float(q).is_integer() else float(f"{k * q:.12g}")


def _clipped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
