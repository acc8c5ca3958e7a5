"""Search spaces: every law is the one Azure documents, mistakes are named, and overrides come back as they were."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats

from lab.core.errors import RequestError
from lab.sweep.search_space.samplers import uniforms
from lab.sweep.search_space.space import Space, parse_space

DRAWS = 10_000


def drawn(law: Any, rule: str) -> list[Any]:
    space = parse_space({"x": law})
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
@pytest.mark.parametrize(("law", "cdf"), CONTINUOUS, ids=lambda one: "cdf" if callable(one) else str(one))
def test_continuous_laws(law: Any, cdf: Callable[[Any], Any], rule: str) -> None:
    values = drawn(law, rule)
    assert all(isinstance(value, float) for value in values)
    assert stats.kstest(values, cdf).pvalue > 0.01


def cells(
    cdf: Callable[[float], float], first: int, last: int, q: float, low: float, high: float
) -> dict[float, float]:
    """Probability of each multiple of q: what rounds to it, and at the ends all that is clipped."""
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
@pytest.mark.parametrize(("law", "shares"), DISCRETE, ids=str)
def test_discrete_laws(law: Any, shares: dict[Any, float], rule: str) -> None:
    counts = Counter(drawn(law, rule))
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
    ("law", "distribution"),
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
def test_what_optuna_is_asked(law: Any, distribution: object) -> None:
    assert parse_space({"x": law}).distributions() == {"x": distribution}


@pytest.mark.parametrize("law", [law for law, _ in CONTINUOUS + DISCRETE], ids=str)
def test_optuna_stores_every_draw_to_the_very_ends(law: Any) -> None:
    space = parse_space({"x": law})
    distribution = space.distributions()["x"]
    for u in (0.0, 1e-12, 0.5, 1 - 2**-53):
        asked = space.at([u])["x"]
        stored = distribution.to_external_repr(distribution.to_internal_repr(asked))
        assert distribution._contains(distribution.to_internal_repr(asked))
        assert space.values({"x": stored}) == space.values({"x": asked})


def test_a_multiple_outside_the_range_is_never_drawn() -> None:
    space = parse_space({"data.batch_size": {"type": "quniform", "min_value": 1, "max_value": 10, "q": 4}})
    assert {space.values(space.at([u / 100]))["data.batch_size"] for u in range(100)} == {4, 8}
    tight = parse_space({"x": {"type": "qloguniform", "low": 3, "high": 9, "q": 4}})
    assert {tight.values(tight.at([u / 100]))["x"] for u in range(100)} == {4, 8}


@pytest.mark.parametrize(
    ("low", "high", "refused"),
    [
        (1e-5, 1e-3, True), (0.01, 0.1, True), (1e-4, 10, True), (0.5, 1, True), (0, 0.1, True), (16, 128, True),
        (1, 1000, True),
        (-6, -1, False), (-11.5, -6.9, False), (0, 1, False), (0, 3, False), (1, 10, False), (2.08, 4.16, False),
        (-1e-3, 1e-3, False), (0, 30, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["loguniform", "QLogUniform"])
def test_exponents_that_look_like_natural_units(kind: str, low: float, high: float, refused: bool) -> None:
    law = {"type": kind, "min_value": low, "max_value": high} | ({"q": 1e-6} if kind != "loguniform" else {})
    if not refused:
        parse_space({"optimizer.lr": law})
        return
    with pytest.raises(RequestError) as caught:
        parse_space({"optimizer.lr": law})
    (mistake,) = caught.value.mistakes
    assert mistake.key == "sweep.search_space.optimizer.lr"
    assert f"low: {low:g}, high: {high:g}" in mistake.remedy
    assert "exponents" in mistake.problem
    assert f"{math.exp(low):.6g} to " in mistake.problem
    assert high > 700 or f" to {math.exp(high):.6g}" in mistake.problem


PRESETS = {
    "type": "choice",
    "values": [
        {"optimizer.lr": 1e-5, "trainer.max_epochs": 5},
        {"optimizer.lr": {"type": "loguniform", "low": 1e-5, "high": 1e-4}, "model": "8,16"},
    ],
}


def test_a_conditional_choice() -> None:
    space = parse_space({"preset": PRESETS, "data.batch_size": {"type": "choice", "values": [8, 16]}})
    assert list(space.distributions()) == [
        "data.batch_size",
        "preset",
        "preset[1].model",
        "preset[1].optimizer.lr",
    ]
    assert set(space.hydra_keys()) == {"data.batch_size", "optimizer.lr", "trainer.max_epochs", "model"}
    params = {"data.batch_size": 8, "preset": 0, "preset[1].optimizer.lr": 2e-5, "preset[1].model": 16}
    assert space.values(params) == {"data.batch_size": 8, "optimizer.lr": 1e-5, "trainer.max_epochs": 5}
    assert space.values(params | {"preset": 1}) == {"data.batch_size": 8, "optimizer.lr": 2e-5, "model": 16}


def test_conditions_inside_conditions_and_plain_values_beside_them() -> None:
    inner = {"type": "choice", "values": [{"scheduler.gamma": 0.1}, {"scheduler.gamma": "0.2,0.3"}]}
    values = ["constant", {"scheduler": "step", "decay": inner}, {"type": "choice", "values": ["linear", "cosine"]}]
    space = parse_space({"scheduler": {"type": "choice", "values": values}})
    assert space.size() == 1 + 3 + 2
    assert [space.values(space.point(number)) for number in range(6)] == [
        {"scheduler": "constant"},
        {"scheduler": "step", "scheduler.gamma": 0.1},
        {"scheduler": "step", "scheduler.gamma": 0.2},
        {"scheduler": "step", "scheduler.gamma": 0.3},
        {"scheduler": "linear"},
        {"scheduler": "cosine"},
    ]


def test_the_grid_holds_every_point_once() -> None:
    space = parse_space(
        {"c": "a,b", "a": {"type": "randint", "upper": 3}, "b": "range(0.1,0.3,0.1)", "d": PRESETS_GRID}
    )
    size = space.size()
    assert size == 2 * 3 * 2 * 3
    points = [space.values(space.point(number)) for number in range(size)]
    assert len({tuple(sorted(point.items())) for point in points}) == size
    assert points[0] == {"a": 0, "b": 0.1, "c": "a", "x": 1}
    assert points[1] == {"a": 0, "b": 0.1, "c": "a", "x": 2, "y": 1}
    for number in (-1, size):
        with pytest.raises(IndexError, match=f"{size} points"):
            space.point(number)


PRESETS_GRID = {"type": "choice", "values": [{"x": 1}, {"x": 2, "y": {"type": "choice", "values": [1, 2]}}]}


def test_a_continuous_law_has_no_grid() -> None:
    space = parse_space({"a": "8,16", "b": "interval(0,1)", "c": {"type": "qnormal", "mu": 0, "sigma": 1, "q": 1}})
    assert space.size() is None
    assert space.continuous() == ("b", "c")


def test_the_fingerprint_knows_what_matters() -> None:
    one = {"a": "8,16", "b": {"type": "uniform", "min_value": 0, "max_value": 1}}
    same = {"b": {"type": "Uniform", "min_value": 0.0, "max_value": 1.0}, "a": {"type": "choice", "values": [8, 16]}}
    assert parse_space(one).fingerprint() == parse_space(same).fingerprint()
    others = [one | {"a": "8,32"}, one | {"a": "8.0,16"}, {"a": one["a"]}, {"c": one["a"], "b": one["b"]}]
    assert len({parse_space(other).fingerprint() for other in [one, *others]}) == 5


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ({}, {"": "at least one parameter"}),
        ({"x": 3}, {".x": "is no distribution"}),
        ({"x": [8, 16]}, {".x": "is no distribution"}),
        ({"x": "beto"}, {".x": "is no distribution"}),
        ({"x": "choice(a,"}, {".x": "cannot be read"}),
        ({"x": "glob(*)"}, {".x": "glob"}),
        ({"x": "shuffle(1,2)"}, {".x": "shuffle"}),
        ({"x": "interval(2,1)"}, {".x": "below its end"}),
        ({"x": "tag(log,interval(0,1))"}, {".x": "above 0"}),
        ({"x": "tag(quick,interval(0,1))"}, {".x": "tag quick"}),
        ({"x": "tag(log,choice(1,2))"}, {".x": "belongs to an interval"}),
        ({"x": "range(5,1)"}, {".x": "is empty"}),
        ({"x": {"values": [1]}}, {".x.type": "is missing"}),
        ({"x": {"type": "loguniforn"}}, {".x.type": "must be one of"}),
        ({"x": {"type": "choice"}}, {".x.values": "list of at least one"}),
        ({"x": {"type": "choice", "values": []}}, {".x.values": "list of at least one"}),
        ({"x": {"type": "choice", "value": [1], "values": [1]}}, {".x.value": "no such key"}),
        ({"x": {"type": "randint", "upper": 0}}, {".x.upper": "at least 1"}),
        ({"x": {"type": "randint", "upper": 2.5}}, {".x.upper": "whole"}),
        ({"x": {"type": "uniform", "min_value": 1, "max_value": 1}}, {".x.max_value": "greater than min_value"}),
        ({"x": {"type": "uniform", "low": 1}}, {".x.min_value": "missing", ".x.max_value": "", ".x.low": "no such"}),
        ({"x": {"type": "quniform", "min_value": 1, "max_value": 2}}, {".x.q": "missing"}),
        ({"x": {"type": "quniform", "min_value": 1, "max_value": 2, "q": 0}}, {".x.q": "greater than 0"}),
        ({"x": {"type": "quniform", "min_value": 1, "max_value": 2, "q": 5}}, {".x.q": "no multiple"}),
        ({"x": {"type": "normal", "mu": "a", "sigma": -1}}, {".x.mu": "number", ".x.sigma": "greater than 0"}),
        ({"x": {"type": "loguniform", "low": 0, "high": 1}}, {".x.low": "greater than 0"}),
        ({"x": {"type": "loguniform", "low": 1, "max_value": 1}}, {".x": "not both", ".x.high": "missing"}),
        ({"x": "8,16", "p": {"type": "choice", "values": [{"x": 1}]}}, {".x": "which p sets too"}),
        ({"p": {"type": "choice", "values": [{"x": {"type": "oops"}}]}, "y": 1}, {".p[0].x.type": "", ".y": ""}),
    ],
    ids=str,
)
def test_every_mistake_is_named(block: Any, found: dict[str, str]) -> None:
    with pytest.raises(RequestError) as caught:
        parse_space(block)
    problems = {mistake.key.removeprefix("sweep.search_space"): mistake.problem for mistake in caught.value.mistakes}
    assert set(problems) == set(found)
    assert [key for key, words in found.items() if words not in problems[key]] == []


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12).filter(str.isprintable)
)


@given(SCALARS | st.lists(SCALARS, max_size=3))
def test_hydra_reads_back_what_an_override_says(value: Any) -> None:
    (text,) = Space(()).overrides({"optimizer.lr": value})
    override = OverridesParser.create().parse_override(text)
    assert not override.is_sweep_override()
    assert override.value() == value
    assert type(override.value()) is type(value)


def test_overrides_are_as_a_person_types_them() -> None:
    values = {"optimizer.lr": 3e-5, "model": "beto", "data.path": "a b.csv", "x": "1e-5", "y": None, "z": (1, "a")}
    typed = ["optimizer.lr=3e-05", "model=beto", "data.path='a b.csv'", "x='1e-5'", "y=null", "z=[1,a]"]
    assert Space(()).overrides(values) == typed
