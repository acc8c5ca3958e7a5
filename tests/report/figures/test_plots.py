from dataclasses import replace

import numpy as np
import pytest

from lab.report.figures import plots
from lab.report.figures.plots import Absent

RATES = [1e-5, 1e-4, 1e-3, 1e-5, 1e-4, 1e-3]
SCORES = [0.5, 0.8, 0.6, 0.4, 0.7, np.nan]
STATUSES = ["completed", "early_stopped", "terminated", "completed", "completed", "failed"]


def test_bars_hold_runs_with_a_result_best_first(tabled) -> None:
    found = plots.bars(tabled(objective=SCORES, status=STATUSES))
    assert found.rows == (1, 4, 2, 0, 3)
    assert found.values.tolist() == [0.8, 0.7, 0.6, 0.5, 0.4]
    assert found.statuses[2] == "terminated"
    assert found.num_without == 1


def test_one_run_is_no_comparison(tabled) -> None:
    assert plots.bars(tabled(objective=[0.5])) == Absent("absent.runs", {"least": 2, "found": 1})
    assert isinstance(plots.front(tabled(objective=[0.5])), Absent)


def test_medians_by_rate_on_a_logarithmic_axis(tabled) -> None:
    found = plots.against(tabled(objective=SCORES, status=STATUSES, **{"optimizer.lr": RATES}), plots.LR_KEYS)
    assert found.centres.tolist() == [1e-5, 1e-4, 1e-3]
    assert found.medians.tolist() == pytest.approx([0.45, 0.75, 0.6])
    assert found.log
    near = plots.against(tabled(objective=SCORES[:2], **{"data.batch_size": [16, 32]}), plots.BATCH_KEYS)
    assert not near.log


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({}, "absent.not_varied"),
        ({"optimizer.lr": [1e-3, 1e-3, 1e-3]}, "absent.not_varied"),
        ({"optimizer.lr": [1e-3, "auto", 1e-3]}, "absent.no_number"),
        ({"optimizer.lr": [1e-3, 1e-3, 1e-4], "status": ["completed", "completed", "failed"]}, "absent.not_varied"),
    ],
)
def test_a_rate_that_cannot_be_drawn_says_why(tabled, columns, reason: str) -> None:
    found = plots.against(tabled(objective=[0.5, 0.6, 0.7], **columns), plots.LR_KEYS)
    assert found == Absent(reason, {"key": "optimizer.lr"})


def test_the_front_holds_what_none_beats() -> None:
    cost, gain = np.array([3.0, 1.0, 2.0, 2.0, 4.0, 1.0]), np.array([0.9, 0.5, 0.7, 0.8, 0.9, 0.4])
    assert plots.pareto(cost, gain) == (1, 3, 0)
    beaten = {
        at
        for at in range(6)
        for by in range(6)
        if cost[by] <= cost[at] and gain[by] >= gain[at] and (cost[by] < cost[at] or gain[by] > gain[at])
    }
    assert set(plots.pareto(cost, gain)) == set(range(6)) - beaten


def test_a_minimum_turns_the_front_over(tabled) -> None:
    report = tabled(objective=[0.5, 0.9], time_s=[1.0, 2.0])
    assert plots.front(report).front == (0, 1)
    turned = replace(report, runs=replace(report.runs, goal="minimize"))
    assert plots.front(turned).front == (0,)


def test_metrics_of_one_run_a_configuration_beside_the_baselines(tabled) -> None:
    columns = {"test/f1_macro": [0.5, 0.7, 0.6], "majority/f1_macro": [0.1, 0.2, 0.3]}
    found = plots.metrics(tabled(objective=[0.5, 0.9, 0.8], configuration=[0, 1, 1], **columns))
    assert found.series == ("1", "0", "majority")
    assert found.values.ravel().tolist() == [0.7, 0.5, 0.2]
    assert plots.metrics(tabled(objective=[0.5, 0.9])) == Absent("absent.no_test")
