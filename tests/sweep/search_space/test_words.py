"""What the start of a study says about its space."""

import pytest

from lab.sweep.search_space.space import parse_space
from lab.sweep.search_space.words import left_out, lines

SPACE = parse_space(
    {
        "a": "tag(log, interval(1e-4, 1e-3))",
        "b": {"type": "choice", "values": [8, 16, None]},
        "c": {"type": "quniform", "min_value": 0, "max_value": 0.3, "q": 0.1},
        "d": {"type": "normal", "mu": 0, "sigma": 1},
        "e": "range(2, 9, 2)",
        "f": {"type": "choice", "values": [{"model": "ngram", "a2": "interval(0, 1)"}, {"model": "tiny"}]},
    }
)


def test_a_line_for_each_parameter() -> None:
    assert lines(SPACE) == [
        "a: 0.0001 to 0.001 (log)",
        "b: 8, 16, null",
        "c: 0 to 0.3 in steps of 0.1",
        "d: normal of mu 0 and sigma 1",
        "e: 2 to 8 in steps of 2",
        "f: {model: ngram}, {model: tiny}",
        "f[0].a2: 0 to 1",
    ]
    many = parse_space({f"k{number:02}": "choice(1, 2)" for number in range(15)})
    assert lines(many)[-1] == "and 3 more, in study.yaml"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.007, ["a: 0.0001 to 0.001 (log) leaves out the default, 0.007"]), (0.001, []), (None, []), (True, [])],
)
def test_a_range_without_the_default_is_said(value: object, said: list[str]) -> None:
    assert list(left_out(SPACE, lambda key, chosen: value if key == "a" else None)) == said


def test_of_a_branch_its_own_default_counts() -> None:
    said = list(left_out(SPACE, lambda key, chosen: 7 if chosen == ["model=ngram"] else None))
    assert said == ["f[0].a2: 0 to 1 leaves out the default of model=ngram, 7"]
