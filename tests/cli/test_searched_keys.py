"""The first value of each law stands in for its key while the rest of a config is judged."""

from typing import Any

import pytest

from lab.cli.searched_keys import first_values


@pytest.mark.parametrize(
    ("law", "first"),
    [
        ({"type": "choice", "values": [8, 16]}, 8),
        ({"type": "uniform", "min_value": 0.1, "max_value": 0.5}, 0.1),
        ({"type": "normal", "mu": 3, "sigma": 1}, 3),
        ("interval(1e-5,1e-3)", 1e-5),
        ("choice(a,b)", "a"),
        ("choice(", "choice("),
        (5, 5),
    ],
)
def test_the_first_value_of_a_law(law: Any, first: Any) -> None:
    assert first_values({"key": law}) == {"key": first}


def test_keys_of_branches_count_and_the_outer_law_comes_first() -> None:
    branches = [{"model": "tiny", "model.dropout": {"type": "uniform", "min_value": 0.1}}, {"model": "beto"}]
    values = first_values({"branch": {"type": "choice", "values": branches}})
    assert values["model.dropout"] == 0.1
    assert values["model"] == "tiny"
    assert "branch" not in values
