import numpy as np
import pytest
from matplotlib.cbook import boxplot_stats

from lab.report.figures.base import Absent
from lab.report.figures.run_columns import MAX_LEVELS
from lab.report.figures.scores import box_plots
from lab.report.figures.settings import importance
from lab.report.text.translate import Translator

VALUES = np.array([0.1, 0.5, 0.52, 0.55, 0.6, 0.61, 0.7, 1.4, np.nan])


def test_a_box_equals_matplotlibs() -> None:
    known = VALUES[np.isfinite(VALUES)]
    (expected,) = boxplot_stats(known)
    box = box_plots.box("a", VALUES)
    assert (box.q1, box.median, box.q3) == (expected["q1"], expected["med"], expected["q3"])
    assert (box.low, box.high) == (expected["whislo"], expected["whishi"])
    assert box.num == 8


def test_groups_by_each_key_with_few_values(tabled) -> None:
    columns = {
        "model.name": ["b", "a", "a", None],
        "optimizer.lr": [1e-3, 1e-4, 1e-5, 1e-3],
        "test/accuracy": [1, 2, 3, 4],
    }
    model, rate = box_plots.compute(tabled(objective=[0.1, 0.2, 0.4, 0.3], **columns)).plots
    assert [box.level for box in rate.by["time_s"]] == ["1e-05", "0.0001", "0.001"]
    assert {box.level: box.median for box in model.by["test/accuracy"]} == {"b": 1.0, "a": 2.5, "-": 4.0}


def test_a_key_with_too_many_values_is_no_group(tabled) -> None:
    many = MAX_LEVELS + 1
    report = tabled(objective=[0.5] * many, **{"optimizer.lr": np.linspace(1, 2, many).tolist()})
    assert box_plots.compute(report) == Absent("absent.no_groups", {"most": MAX_LEVELS})


TWO_ULPS = [0.6, float(np.nextafter(np.nextafter(0.6, 1), 1))]


@pytest.mark.parametrize("values", [TWO_ULPS, TWO_ULPS * 2, [*TWO_ULPS, 0.9], [5e-324, 0.0], [0.7], [0.0] * 4])
def test_a_box_of_nearly_equal_values_has_whiskers(values: list[float]) -> None:
    """Quartiles interpolated between two neighbouring floats can be equal and lie outside both."""
    box = box_plots.box("a", np.array(values))
    (expected,) = boxplot_stats(np.array(values))
    assert (box.low, box.high) == (expected["whislo"], expected["whishi"])
    assert box.low <= box.q1 <= box.median <= box.q3 <= box.high


def test_a_metric_that_no_ended_run_has_is_not_drawn(tabled) -> None:
    report = tabled(
        objective=[0.1, 0.2, None], status=["completed", "completed", "failed"], time_s=[None, None, 3.0],
        **{"model.name": ["a", "b", "a"], "test/f1": [None, None, 0.5], "val/f1": [0.1, 0.2, None]},
    )  # fmt: skip
    (plots,) = box_plots.compute(report).plots
    assert list(plots.by) == ["val/f1"]


def test_boxes_in_the_file_are_those_of_the_data(tabled) -> None:
    report = tabled(
        objective=[0.1, 0.2, 0.3, 0.4], **{"model.name": ["a", "b", "a", "b"], "test/f1": [1.0, 2.0, 3.0, 5.0]}
    )
    ((suffix, figure),) = box_plots.draw_matplotlib(box_plots.compute(report), Translator("en"))
    assert suffix == "_model_name"
    axes = next(axes for axes in figure.axes if axes.get_title() == "test/f1")
    medians = [
        line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and line.get_color() == "#b4530a"
    ]
    assert medians == pytest.approx([2.0, 3.5])
    assert np.isfinite(medians).all()


def test_the_most_important_keys_have_files(tabled) -> None:
    num = 40
    level = np.arange(num) % 2
    keys = {f"model.key_{at}": (np.arange(num) // 2**at % 2).tolist() for at in range(1, 4)}
    report = tabled(objective=(level + np.linspace(0, 0.01, num)).tolist(), **keys, **{"model.best": level.tolist()})
    data = box_plots.compute(report)
    assert data.plots[-1].key == data.by_importance[0] == importance.compute(report).keys[0] == "model.best"
    files = [suffix for suffix, _ in box_plots.draw_matplotlib(data, Translator("en"))]
    assert len(files) == box_plots.MAX_FILES
    assert files[0] == "_model_best"
