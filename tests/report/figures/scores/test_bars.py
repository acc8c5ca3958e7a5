import numpy as np
import pytest

from lab.report.figures.base import Absent
from lab.report.figures.drawing import MANY_POINTS, MAX_BARS
from lab.report.figures.scores import bars
from lab.report.text.translate import Translator

WORDS = Translator("en")
STATUSES = ["completed", "early_stopped", "terminated", "completed", "completed", "failed"]


def test_bars_hold_runs_with_a_result_best_first(tabled) -> None:
    data = bars.compute(tabled(objective=[0.5, 0.8, 0.6, 0.4, 0.7, np.nan], status=STATUSES))
    assert data.rows == (1, 4, 2, 0, 3)
    assert data.values.tolist() == [0.8, 0.7, 0.6, 0.5, 0.4]
    assert data.statuses[2] == "terminated"
    assert data.num_without == 1


def test_one_run_is_no_comparison(tabled) -> None:
    assert bars.compute(tabled(objective=[0.5])) == Absent("absent.runs", {"least": 2, "num": 1})


@pytest.mark.parametrize(
    ("num", "kinds"), [(MAX_BARS, {"bar"}), (MAX_BARS + 1, {"scatter"}), (MANY_POINTS + 1, {"scattergl"})]
)
def test_many_bars_become_points_and_many_points_webgl(tabled, num: int, kinds: set[str]) -> None:
    (panel,) = bars.draw_plotly(bars.compute(tabled(objective=np.linspace(1, 0, num).tolist())), WORDS)["panels"]
    assert {trace["type"] for trace in panel["data"]} == kinds


def test_the_language_changes_the_axes(tabled) -> None:
    data = bars.compute(tabled(objective=[0.5, 0.6]))
    for lang, label in (("en", "rank"), ("es", "puesto")):
        ((_, figure),) = bars.draw_matplotlib(data, Translator(lang))
        assert figure.axes[0].get_xlabel() == label


def test_bars_begin_at_zero_so_that_lengths_can_be_compared(tabled) -> None:
    ((_, figure),) = bars.draw_matplotlib(bars.compute(tabled(objective=[0.90, 0.91])), WORDS)
    assert figure.axes[0].get_ylim()[0] == 0.0
