"""Search spaces: conditional choices, grids, fingerprints, and overrides that Hydra reads back."""

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from lab.sweep.search_space.space import Space, parse_space

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


def test_a_continuous_distribution_has_no_grid() -> None:
    space = parse_space({"a": "8,16", "b": "interval(0,1)", "c": {"type": "qnormal", "mu": 0, "sigma": 1, "q": 1}})
    assert space.size() is None
    assert space.continuous() == ("b", "c")


def test_the_fingerprint_depends_on_keys_and_values() -> None:
    first = {"a": "8,16", "b": {"type": "uniform", "min_value": 0, "max_value": 1}}
    same = {"b": {"type": "Uniform", "min_value": 0.0, "max_value": 1.0}, "a": {"type": "choice", "values": [8, 16]}}
    assert parse_space(first).fingerprint() == parse_space(same).fingerprint()
    others = [first | {"a": "8,32"}, first | {"a": "8.0,16"}, {"a": first["a"]}, {"c": first["a"], "b": first["b"]}]
    assert len({parse_space(other).fingerprint() for other in [first, *others]}) == 5


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12).filter(str.isprintable)
)


@given(SCALARS | st.lists(SCALARS, max_size=3))
def test_hydra_reads_the_value_of_an_override(value: Any) -> None:
    (text,) = Space(()).overrides({"optimizer.lr": value})
    override = OverridesParser.create().parse_override(text)
    assert not override.is_sweep_override()
    assert override.value() == value
    assert type(override.value()) is type(value)


def test_overrides_are_as_a_person_types_them() -> None:
    values = {"optimizer.lr": 3e-5, "model": "beto", "data.path": "a b.csv", "x": "1e-5", "y": None, "z": (1, "a")}
    typed = ["optimizer.lr=3e-05", "model=beto", "data.path='a b.csv'", "x='1e-5'", "y=null", "z=[1,a]"]
    assert Space(()).overrides(values) == typed
