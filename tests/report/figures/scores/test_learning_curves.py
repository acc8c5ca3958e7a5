from dataclasses import replace

import numpy as np

from lab.report.figures.base import Absent
from lab.report.figures.scores import learning_curves
from lab.report.figures.scores.learning_curves import Curve, LearningCurves
from lab.report.text.translate import Translator


def with_histories(report, lengths):
    histories = tuple(
        {"epoch": np.arange(float(length)), "val/f1_macro": np.linspace(0, 0.5, length)} if length else {}
        for length in lengths
    )
    return replace(report, runs=replace(report.runs, histories=histories))


def test_curves_count_epochs_from_one_and_keep_terminated_trials(tabled) -> None:
    num = 100
    statuses = ["terminated" if row >= 90 else "completed" for row in range(num)]
    report = with_histories(tabled(objective=np.linspace(1, 0, num).tolist(), status=statuses), [500] * num)
    data = learning_curves.compute(report)
    assert data.num_runs == num
    assert [curve.label for curve in data.curves[:12]] == [str(row) for row in range(12)]
    assert len(data.curves) == learning_curves.BEST_CURVES + 10 + learning_curves.OTHER_CURVES // 2
    assert sum(curve.status == "terminated" for curve in data.curves) == 10
    assert data.curves[0].epochs[[0, -1]].tolist() == [1.0, 500.0]
    assert len(data.curves[0].epochs) == learning_curves.MAX_POINTS


def test_no_history_says_so(tabled) -> None:
    report = with_histories(tabled(objective=[0.5, 0.6]), [0, 0])
    assert learning_curves.compute(report) == Absent("absent.history")


def test_a_cross_marks_where_a_policy_terminated_a_trial() -> None:
    epochs, values = np.arange(1.0, 4.0), np.array([0.1, 0.2, 0.3])
    curves = (Curve("a", "completed", epochs, values), Curve("b", "terminated", epochs[:2], values[:2]))

    def traces(*drawn: Curve) -> list[dict]:
        data = LearningCurves("val/f1_macro", drawn, len(drawn))
        return learning_curves.draw_plotly(data, Translator("en"))["panels"][0]["data"]

    cross = traces(*curves)[-1]
    assert (cross["x"], cross["y"], cross["text"]) == ([2.0], [0.2], ["b"])
    assert cross["marker"]["symbol"] == "x"
    assert len(traces(curves[0])) == 1
