import numpy as np
import pytest

from lab.report.figures.run_columns import thinned
from lab.report.figures.settings import parallel_coordinates
from lab.report.text.translate import Translator


def test_parallel_coordinates_code_choices_and_take_logarithms(some) -> None:
    data = parallel_coordinates.compute(some(12))
    rate, model, result = data.dimensions
    assert (rate.name, model.name, result.name) == ("lr", "model", "objective")
    assert rate.log
    assert rate.values[0] == pytest.approx(-2.0)  # the best run is drawn first
    assert model.levels == ("a", "b")
    assert set(model.values) == {0.0, 1.0}


def test_parallel_axes_have_ticks_where_few_values_are(tabled) -> None:
    def ticks(rates: list[float]) -> list[str]:
        report = tabled(objective=np.linspace(0, 1, len(rates)).tolist(), **{"optimizer.lr": rates})
        spec = parallel_coordinates.draw_plotly(parallel_coordinates.compute(report), Translator("en"))
        return spec["panels"][0]["data"][0]["dimensions"][0].get("ticktext", [])

    assert ticks([2e-5, 1e-3, 5e-3]) == ["2e-05", "0.001", "0.005"]
    assert ticks(np.geomspace(2e-5, 5e-3, 30).tolist()) == ["0.0001", "0.001"]
    assert ticks(np.linspace(1, 2, 30).tolist()) == []


def test_lines_are_thinned_evenly_and_the_best_stays(some) -> None:
    kept = thinned(range(1001), 5)
    assert kept == [0, 250, 500, 750, 1000]
    assert len(parallel_coordinates.compute(some(500)).rows) == parallel_coordinates.MAX_LINES
