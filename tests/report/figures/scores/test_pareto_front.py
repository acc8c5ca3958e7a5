from dataclasses import replace

import numpy as np

from lab.report.figures.base import Absent
from lab.report.figures.scores import pareto_front


def test_one_run_is_no_comparison(tabled) -> None:
    assert isinstance(pareto_front.compute(tabled(objective=[0.5])), Absent)


def test_the_front_holds_what_none_beats() -> None:
    cost, gain = np.array([3.0, 1.0, 2.0, 2.0, 4.0, 1.0]), np.array([0.9, 0.5, 0.7, 0.8, 0.9, 0.4])
    assert pareto_front.pareto(cost, gain) == (1, 3, 0)
    beaten = {
        at
        for at in range(6)
        for by in range(6)
        if cost[by] <= cost[at] and gain[by] >= gain[at] and (cost[by] < cost[at] or gain[by] > gain[at])
    }
    assert set(pareto_front.pareto(cost, gain)) == set(range(6)) - beaten


def test_a_minimum_reverses_the_front(tabled) -> None:
    report = tabled(objective=[0.5, 0.9], time_s=[1.0, 2.0])
    assert pareto_front.compute(report).front == (0, 1)
    minimized = replace(report, runs=replace(report.runs, goal="minimize"))
    assert pareto_front.compute(minimized).front == (0,)
