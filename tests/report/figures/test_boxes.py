import numpy as np
import pytest
from matplotlib.cbook import boxplot_stats

from lab.report.figures import boxes
from lab.report.figures.plots import Absent

VALUES = np.array([0.1, 0.5, 0.52, 0.55, 0.6, 0.61, 0.7, 1.4, np.nan])


def test_a_box_equals_matplotlibs() -> None:
    known = VALUES[np.isfinite(VALUES)]
    (expected,) = boxplot_stats(known)
    box = boxes.box("a", VALUES)
    assert (box.q1, box.median, box.q3) == (expected["q1"], expected["med"], expected["q3"])
    assert (box.low, box.high) == (expected["whislo"], expected["whishi"])
    assert box.num == 8


def test_groups_by_each_key_with_few_values(tabled) -> None:
    columns = {
        "model.name": ["b", "a", "a", None],
        "optimizer.lr": [1e-3, 1e-4, 1e-5, 1e-3],
        "test/accuracy": [1, 2, 3, 4],
    }
    model, rate = boxes.boxes(tabled(objective=[0.1, 0.2, 0.4, 0.3], **columns))
    assert [box.level for box in rate.by["time_s"]] == ["1e-05", "0.0001", "0.001"]
    assert {box.level: box.median for box in model.by["test/accuracy"]} == {"b": 1.0, "a": 2.5, "-": 4.0}


def test_a_key_with_too_many_values_is_no_group(tabled) -> None:
    many = boxes.MOST_LEVELS + 1
    report = tabled(objective=[0.5] * many, **{"optimizer.lr": np.linspace(1, 2, many).tolist()})
    assert boxes.boxes(report) == Absent("absent.no_groups", {"most": boxes.MOST_LEVELS})


TWO_ULPS = [0.6, float(np.nextafter(np.nextafter(0.6, 1), 1))]


@pytest.mark.parametrize("values", [TWO_ULPS, TWO_ULPS * 2, [*TWO_ULPS, 0.9], [5e-324, 0.0], [0.7], [0.0] * 4])
def test_a_box_of_nearly_equal_values_has_whiskers(values: list[float]) -> None:
    """Quartiles interpolated between two neighbouring floats can be equal and lie outside both."""
    box = boxes.box("a", np.array(values))
    (expected,) = boxplot_stats(np.array(values))
    assert (box.low, box.high) == (expected["whislo"], expected["whishi"])
    assert box.low <= box.q1 <= box.median <= box.q3 <= box.high


def test_a_metric_that_no_ended_run_has_is_not_drawn(tabled) -> None:
    report = tabled(
        objective=[0.1, 0.2, None], status=["completed", "completed", "failed"], time_s=[None, None, 3.0],
        **{"model.name": ["a", "b", "a"], "test/f1": [None, None, 0.5], "val/f1": [0.1, 0.2, None]},
    )  # fmt: skip
    (info,) = boxes.boxes(report)
    assert list(info.by) == ["val/f1"]
