import base64

import numpy as np
import pytest

from lab.report.figures import plotly_drawing, plots, relations
from lab.report.figures.curves import Confusion, Curve, Curves
from lab.report.html import page_figures
from lab.report.text.language import Words

WORDS = Words("en")


def decoded(array: dict, dtype: type = np.float32) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["bdata"]), dtype)


def test_typed_arrays_carry_their_shape() -> None:
    values = np.arange(6.0).reshape(2, 3)
    array = plotly_drawing.typed(values)
    assert array["dtype"] == "f4"
    assert array["shape"] == "2, 3"
    assert decoded(array).tolist() == values.ravel().tolist()


@pytest.mark.parametrize(("num", "kinds"), [(plots.MOST_BARS, {"bar"}), (plots.MOST_BARS + 1, {"scatter"}),
                                            (plotly_drawing.MANY_POINTS + 1, {"scattergl"})])  # fmt: skip
def test_many_bars_become_points_and_many_points_webgl(tabled, num: int, kinds: set[str]) -> None:
    spec = plotly_drawing.bars(plots.bars(tabled(objective=np.linspace(1, 0, num).tolist())), WORDS)
    assert {trace["type"] for trace in spec["data"]} == kinds


def test_a_cross_stands_where_a_policy_ended_a_trial() -> None:
    epochs, values = np.arange(1.0, 4.0), np.array([0.1, 0.2, 0.3])
    curves = [Curve(0, "a", "completed", "", epochs, values), Curve(1, "b", "terminated", "", epochs[:2], values[:2])]
    data = plotly_drawing.curves(Curves("val/f1_macro", tuple(curves), 2), WORDS)["data"]
    cross = data[-1]
    assert (cross["x"], cross["y"], cross["text"]) == ([2.0], [0.2], ["b"])
    assert cross["marker"]["symbol"] == "x"
    none = plotly_drawing.curves(Curves("val/f1_macro", tuple(curves[:1]), 1), WORDS)["data"]
    assert len(none) == 1


def test_a_matrix_is_coloured_by_share_and_counts_what_is_right() -> None:
    counts = np.array([[3, 1], [0, 0]])
    spec = plotly_drawing.confusion(Confusion("7", "causa", ("x", "y"), counts), WORDS)
    assert spec["layout"]["title"]["text"] == "7 · causa: 3 / 4"
    shares = decoded(spec["data"][0]["z"])
    assert shares[:2].tolist() == [0.75, 0.25]
    assert np.isnan(shares[2:]).all(), "a class without a row has no shares"
    assert spec["data"][0]["text"] == [["3", "1"], ["", ""]]


def test_an_absent_figure_carries_its_reason_and_nothing_to_draw(tabled) -> None:
    figures = {one["id"]: one for one in page_figures.figures(page_figures.data(tabled(objective=[0.5])), WORDS)}
    assert figures["accuracy_vs_lr"]["absent"] == "optimizer.lr was not varied among the runs with a result."
    assert "panels" not in figures["accuracy_vs_lr"]
    assert set(figures["scatter"]) == {"id", "title", "caption", "chooser"}


def test_parallel_axes_have_ticks_where_few_values_are(tabled) -> None:
    def ticks(rates: list[float]) -> list[str]:
        report = tabled(objective=np.linspace(0, 1, len(rates)).tolist(), **{"optimizer.lr": rates})
        spec = plotly_drawing.parallel(relations.parallel(report))
        return spec["data"][0]["dimensions"][0].get("ticktext", [])

    assert ticks([2e-5, 1e-3, 5e-3]) == ["2e-05", "0.001", "0.005"]
    assert ticks(np.geomspace(2e-5, 5e-3, 30).tolist()) == ["0.0001", "0.001"]
    assert ticks(np.linspace(1, 2, 30).tolist()) == []


def test_few_runs_carry_a_warning(tabled) -> None:
    def heat_map(num: int) -> dict:
        report = tabled(
            objective=np.linspace(0, 1, num).tolist(), **{"optimizer.lr": np.geomspace(1e-5, 1, num).tolist()}
        )
        return {one["id"]: one for one in page_figures.figures(page_figures.data(report), WORDS)}["correlation_heatmap"]

    assert heat_map(9)["warning"].startswith("Only 9 runs")
    assert "warning" not in heat_map(10)
