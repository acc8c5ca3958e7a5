"""Standings kept at each report say word for word what the pure decision says, in whatever order trials report."""

import math
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.early_termination.incremental import Standings
from lab.early_termination.policies import (
    Bandit,
    Goal,
    MedianStopping,
    NoPolicy,
    Rule,
    TruncationSelection,
    decide,
    holds_back,
)
from lab.sweep.reporting.reporter import Report
from lab.sweep.storage.controllers import Alone
from lab.sweep.study.report_handler import Live, Verdicts

TIMES: dict[str, Any] = {"evaluation_interval": st.integers(1, 2), "delay_evaluation": st.integers(0, 2)}
SLACK = st.integers(0, 8).map(lambda number: number / 8)
RULES = st.one_of(
    st.just(NoPolicy()),
    st.builds(Bandit, SLACK, st.none(), **TIMES),
    st.builds(Bandit, st.none(), SLACK, **TIMES),
    st.builds(MedianStopping, **TIMES),
    st.builds(TruncationSelection, st.integers(1, 99), st.booleans(), **TIMES),
)
VALUES = st.integers(-40, 40).map(lambda number: number / 8) | st.sampled_from([math.nan, math.inf, -math.inf])
EVENTS = st.lists(st.tuples(st.integers(0, 6), st.just("end") | VALUES), max_size=40)


@given(RULES, st.sampled_from(["maximize", "minimize"]), EVENTS)
@settings(max_examples=400)
def test_standings_say_what_the_pure_decision_says(rule: Rule, goal: Goal, events: list[tuple[int, Any]]) -> None:
    standings = Standings(rule, goal)
    for trial, event in events:
        if trial in standings.finished:
            continue
        if event == "end":
            standings.finish(trial)
            continue
        n = standings.report(trial, event)
        assert n == len(standings.histories[trial])
        expected = decide(rule, goal, standings.histories, trial, frozenset(standings.finished))
        assert standings.decide(trial) == expected
        assert standings.holds_back(n) == holds_back(rule, goal, standings.histories, n)
        for earlier in range(1, n):
            cut = standings.histories | {trial: standings.histories[trial][:earlier]}
            assert standings.decide(trial, earlier) == decide(rule, goal, cut, trial, frozenset(standings.finished))


def test_a_verdict_outlives_reports_of_before_it() -> None:
    """A trial told to end at interval 3 that begins again elsewhere reports 1 and 2 once more."""
    trial, board = MagicMock(), MagicMock()
    standings = Standings(MedianStopping(), "maximize")
    plan = SimpleNamespace(policy=MedianStopping(), goal="maximize")
    verdicts = Verdicts(plan, standings, Alone(MagicMock()), board, {})  # type: ignore[arg-type]
    values = {1: 0.5, 2: 0.6, 3: 0.1}
    for value in values.values():
        standings.report(0, value)
    one = Live(trial, dict(values), told="median at interval 3")
    told = [verdicts.on(0, one, Report(interval, value, interval - 1, 5)) for interval, value in values.items()]
    assert told == [None, None, "median at interval 3"]
