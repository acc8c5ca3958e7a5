"""Bandit: amounts, ratios, the best of all reports, and a best value that is not positive."""

import pytest

from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import Goal

from ..conftest import decide, ended


def test_an_amount_after_a_delay() -> None:
    rule = Bandit(slack_amount=0.2, delay_evaluation=5)
    best = {0: [0.5, 0.6, 0.7, 0.8, 0.9]}
    assert decide(rule, "maximize", best | {1: [0.1] * 4}, 1, frozenset()) is None
    assert decide(rule, "maximize", best | {1: [0.1] * 4 + [0.69]}, 1, frozenset())
    assert decide(rule, "maximize", best | {1: [0.1] * 4 + [0.7]}, 1, frozenset()) is None  # .9 - .2 > .7 in binary
    assert decide(rule, "maximize", best | {1: [0.7] + [0.1] * 4}, 1, frozenset()) is None


def test_the_best_of_all_reports_up_to_the_interval_counts() -> None:
    stopped_early = {0: [0.5, 0.9], 1: [0.4, 0.5, 0.6]}
    assert decide(Bandit(0.2), "maximize", stopped_early, 1, frozenset({0}))
    ahead = {0: [0.5, 0.5, 0.9], 1: [0.45, 0.45]}
    assert decide(Bandit(0.2), "maximize", ahead, 1, frozenset()) is None
    fell_since = {0: [0.9, 0.1], 1: [0.5, 0.5]}
    assert decide(Bandit(0.2), "maximize", fell_since, 0, frozenset()) is None


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_a_ratio_of_a_value_that_is_not_positive_ends_no_trial_and_is_reported(goal: Goal) -> None:
    histories = {0: [-1.0], 1: [-2.0], 2: [-30.0]}
    rule = Bandit(slack_factor=0.1)
    assert ended(rule, goal, histories) == set()
    assert "slack_amount" in str(rule.obstacle(goal, histories, 1))
    assert ended(Bandit(slack_amount=0.1), goal, histories) != set()
    assert Bandit(slack_amount=0.1).obstacle(goal, histories, 1) is None
    assert rule.obstacle(goal, {0: [1.0]}, 1) is None
    assert Bandit(0.1, delay_evaluation=2).obstacle(goal, histories, 1) is None
