"""Distributions: each is as Azure documents it, and Optuna stores every value up to the ends."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats

from lab.sweep.search_space.samplers import uniforms
from lab.sweep.search_space.space import parse_space

DRAWS = 10_000


def drawn(distribution_block: Any, rule: str) -> list[Any]:
    space = parse_space({"x": distribution_block})
    if rule == "sobol":
        from scipy.stats.qmc import Sobol

        points = Sobol(1, scramble=True, rng=7).random(2**14)[:DRAWS]
    else:
        points = np.array([uniforms("random", 7, number, 1) for number in range(DRAWS)])
    return [space.values(space.at([float(u) for u in point]))["x"] for point in points]


CONTINUOUS: list[tuple[Any, Callable[[Any], Any]]] = [
    ({"type": "uniform", "min_value": -2, "max_value": 3}, stats.uniform(-2, 5).cdf),
    ({"type": "loguniform", "min_value": -6, "max_value": -1}, stats.loguniform(math.exp(-6), math.exp(-1)).cdf),
    ({"type": "loguniform", "low": 1e-5, "high": 1e-3}, stats.loguniform(1e-5, 1e-3).cdf),
    ({"type": "normal", "mu": 10, "sigma": 3}, stats.norm(10, 3).cdf),
    ({"type": "lognormal", "mu": -3, "sigma": 0.5}, stats.lognorm(0.5, scale=math.exp(-3)).cdf),
    ("tag(log,interval(1e-5,1e-4))", stats.loguniform(1e-5, 1e-4).cdf),
    ("interval(0.1,0.3)", stats.uniform(0.1, 0.2).cdf),
]


@pytest.mark.parametrize("rule", ["random", "sobol"])
@pytest.mark.parametrize(
    ("distribution_block", "cdf"), CONTINUOUS, ids=lambda param: "cdf" if callable(param) else str(param)
)
def test_continuous_distributions(distribution_block: Any, cdf: Callable[[Any], Any], rule: str) -> None:
    values = drawn(distribution_block, rule)
    assert all(isinstance(value, float) for value in values)
    assert stats.kstest(values, cdf).pvalue > 0.01


def cells(
    cdf: Callable[[float], float], first: int, last: int, q: float, low: float, high: float
) -> dict[float, float]:
    """Return the probability of each multiple of q: of the values rounded to it, at the ends also of clipped values."""
    edges = [cdf(low), *[cdf((k + 0.5) * q) for k in range(first, last)], cdf(high)]
    return {round(k * q, 10): edges[k - first + 1] - edges[k - first] for k in range(first, last + 1)}


NORMAL, LOGNORMAL = stats.norm(5, 2).cdf, stats.lognorm(0.5, scale=math.exp(2)).cdf
DISCRETE: list[tuple[Any, dict[Any, float]]] = [
    ({"type": "choice", "values": [8, 16, 32]}, {8: 1 / 3, 16: 1 / 3, 32: 1 / 3}),
    ({"type": "choice", "values": "range(1, 5)"}, {1: 0.25, 2: 0.25, 3: 0.25, 4: 0.25}),
    ({"type": "randint", "upper": 4}, {0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25}),
    ({"type": "quniform", "min_value": 1, "max_value": 10, "q": 4}, {4: 5 / 9, 8: 4 / 9}),
    (
        {"type": "quniform", "min_value": 0, "max_value": 0.5, "q": 0.1},
        {0.0: 0.1, 0.1: 0.2, 0.2: 0.2, 0.3: 0.2, 0.4: 0.2, 0.5: 0.1},
    ),
    (
        {"type": "qloguniform", "min_value": 0, "max_value": 2, "q": 2},
        cells(stats.loguniform(1, math.exp(2)).cdf, 1, 3, 2, 1, math.exp(2)),
    ),
    ({"type": "qnormal", "mu": 5, "sigma": 2, "q": 3}, cells(NORMAL, -2, 6, 3, -math.inf, math.inf)),
    ({"type": "qlognormal", "mu": 2, "sigma": 0.5, "q": 2}, cells(LOGNORMAL, 0, 40, 2, 0, math.inf)),
    ("8,16", {8: 0.5, 16: 0.5}),
    ("choice(a,'b c')", {"a": 0.5, "b c": 0.5}),
    ("range(1,9,2)", {1: 0.25, 3: 0.25, 5: 0.25, 7: 0.25}),
    ("range(0.1,0.5,0.1)", {0.1: 0.25, 0.2: 0.25, 0.3: 0.25, 0.4: 0.25}),
    ("range(3,0,-1)", {1: 1 / 3, 2: 1 / 3, 3: 1 / 3}),
    ("int(interval(2,4))", {2: 1 / 3, 3: 1 / 3, 4: 1 / 3}),
    (
        "tag(log,int(interval(1,4)))",
        {k: math.log((k + 0.5) / (k - 0.5)) / math.log(4.5 / 0.5) for k in range(1, 5)},
    ),
]


@pytest.mark.parametrize("rule", ["random", "sobol"])
@pytest.mark.parametrize(("distribution_block", "shares"), DISCRETE, ids=str)
def test_discrete_distributions(distribution_block: Any, shares: dict[Any, float], rule: str) -> None:
    counts = Counter(drawn(distribution_block, rule))
    assert set(counts) <= set(shares)
    seen = {value: share for value, share in shares.items() if share * DRAWS >= 5}
    rest = DRAWS - sum(counts[value] for value in seen)
    left = 1 - sum(seen.values())
    observed = [counts[value] for value in seen] + ([rest] if left * DRAWS >= 1 else [])
    expected = [share * DRAWS for share in seen.values()] + ([left * DRAWS] if left * DRAWS >= 1 else [])
    expected = [value * sum(observed) / sum(expected) for value in expected]
    assert stats.chisquare(observed, expected).pvalue > 0.01
    assert {type(value) for value in counts} == {type(value) for value in list(shares)[:1]}


@pytest.mark.parametrize(
    ("distribution_block", "distribution"),
    [
        ({"type": "choice", "values": ["a", 2, None, True]}, CategoricalDistribution(["a", 2, None, True])),
        ({"type": "choice", "values": [[1, 2], [3]]}, CategoricalDistribution([0, 1])),
        ({"type": "choice", "values": [1, True]}, CategoricalDistribution([0, 1])),
        ({"type": "randint", "upper": 5}, IntDistribution(0, 4)),
        ({"type": "quniform", "min_value": 1, "max_value": 10, "q": 4}, IntDistribution(4, 8, step=4)),
        ({"type": "quniform", "min_value": 0, "max_value": 1, "q": 0.25}, FloatDistribution(0, 1, step=0.25)),
        ({"type": "uniform", "min_value": 1, "max_value": 2}, FloatDistribution(1, 2)),
        ({"type": "LogUniform", "low": 1e-5, "high": 1e-3}, FloatDistribution(1e-5, 1e-3, log=True)),
        ({"type": "normal", "mu": 0, "sigma": 1}, FloatDistribution(2.0**-33, 1 - 2.0**-33)),
        ("range(1,10,3)", IntDistribution(1, 7, step=3)),
        ("range(0.1,0.5,0.1)", FloatDistribution(0.1, 0.4, step=0.1)),
        ("tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True)),
    ],
)
def test_distributions_of_optuna(distribution_block: Any, distribution: object) -> None:
    assert parse_space({"x": distribution_block}).distributions() == {"x": distribution}


@pytest.mark.parametrize(
    "distribution_block", [distribution_block for distribution_block, _ in CONTINUOUS + DISCRETE], ids=str
)
def test_optuna_stores_every_sample_up_to_the_ends(distribution_block: Any) -> None:
    space = parse_space({"x": distribution_block})
    distribution = space.distributions()["x"]
    for u in (0.0, 1e-12, 0.5, 1 - 2**-53):
        sampled = space.at([u])["x"]
        stored = distribution.to_external_repr(distribution.to_internal_repr(sampled))
        assert distribution._contains(distribution.to_internal_repr(sampled))
        assert space.values({"x": stored}) == space.values({"x": sampled})


def test_a_multiple_outside_the_range_is_never_drawn() -> None:
    space = parse_space({"data.batch_size": {"type": "quniform", "min_value": 1, "max_value": 10, "q": 4}})
    assert {space.values(space.at([u / 100]))["data.batch_size"] for u in range(100)} == {4, 8}
    tight = parse_space({"x": {"type": "qloguniform", "low": 3, "high": 9, "q": 4}})
    assert {tight.values(tight.at([u / 100]))["x"] for u in range(100)} == {4, 8}
