"""Parsing of parameters: exponents that look like natural units, and every mistake is named."""

import math
from typing import Any

import pytest

from lab.core.errors import RequestError
from lab.sweep.search_space.space import parse_space


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


@pytest.mark.parametrize(
    ("block", "expected"),
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
def test_every_mistake_is_named(block: Any, expected: dict[str, str]) -> None:
    with pytest.raises(RequestError) as caught:
        parse_space(block)
    problems = {mistake.key.removeprefix("sweep.search_space"): mistake.problem for mistake in caught.value.mistakes}
    assert set(problems) == set(expected)
    assert [key for key, text in expected.items() if text not in problems[key]] == []
