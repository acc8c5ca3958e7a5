"""Azure's check set for both goals, when a policy applies, its reasons. What every policy must do: tests/contracts."""

import math

import pytest

from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import Goal, NoPolicy, Policy
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.truncation_selection import TruncationSelection

from ..conftest import decide, ended

A, B, C, D, E = range(5)
ACCURACY = {A: [0.5, 0.6, 0.8], B: [0.4, 0.5, 0.66], C: [0.4, 0.5, 0.67], D: [0.1, 0.2, 0.3], E: [0.45, 0.55, 0.62]}
LOSS = {A: [1.0, 0.8, 0.5], B: [1.2, 1.0, 0.61], C: [1.2, 0.9, 0.59], D: [2.0, 1.9, 1.8], E: [1.1, 1.0, 0.62]}


@pytest.mark.parametrize(
    ("rule", "accuracy", "loss"),
    [
        (Bandit(slack_factor=0.2), {B, D, E}, {B, D, E}),
        (Bandit(slack_amount=0.1), {B, C, D, E}, {B, D, E}),
        (MedianStopping(), {D}, {D}),
        (TruncationSelection(20), {D}, {D}),
        (NoPolicy(), set(), set()),
    ],
)
def test_the_check_set(rule: Policy, accuracy: set[int], loss: set[int]) -> None:
    assert ended(rule, "maximize", ACCURACY) == accuracy
    assert ended(rule, "minimize", LOSS) == loss


@pytest.mark.parametrize(
    ("rule", "goal", "numbers"),
    [
        (Bandit(slack_factor=0.2), "maximize", ["interval 3", "0.3 is below 0.666667", "5 trials 0.8", "0.2"]),
        (Bandit(slack_factor=0.2), "minimize", ["1.8 is above 0.6 ", "0.5"]),
        (Bandit(slack_amount=0.1), "maximize", ["0.3 is below 0.7 "]),
        (MedianStopping(), "maximize", ["0.3 is below 0.523333", "5 trials"]),
        (MedianStopping(), "minimize", ["1.8 is above 0.906667"]),
        (TruncationSelection(20), "minimize", ["1.8 is number 1 from the worst of 5", "1 end", "20 %"]),
    ],
)
def test_the_reason_has_the_numbers(rule: Policy, goal: Goal, numbers: list[str]) -> None:
    reason = decide(rule, goal, ACCURACY if goal == "maximize" else LOSS, D, frozenset())
    assert reason is not None
    assert [number for number in numbers if number not in reason] == []


@pytest.mark.parametrize(
    ("interval", "delay", "expected"),
    [
        (1, 0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (2, 5, [6, 8, 10]),
        (3, 0, [3, 6, 9]),
        (1, 8, [8, 9, 10]),
        (4, 4, [4, 8]),
    ],
)
def test_a_policy_is_applied_at_these_reports(interval: int, delay: int, expected: list[int]) -> None:
    for rule in (
        Bandit(0.1, None, interval, delay),
        MedianStopping(interval, delay),
        TruncationSelection(50, False, interval, delay),
    ):
        assert [n for n in range(11) if rule.applies(n)] == expected
        histories = {0: [1.0] * 10, 1: [1.0] * 10}
        reports = {n: histories | {2: [0.5] * n} for n in range(1, 11)}
        assert [n for n, all_of in reports.items() if decide(rule, "maximize", all_of, 2, frozenset())] == expected


def test_nan_reports_are_ignored() -> None:
    assert decide(Bandit(0.1), "maximize", {0: [math.nan, 0.5], 1: [0.4, 0.2], 2: [math.nan]}, 1, frozenset())
    assert decide(Bandit(0.1), "maximize", {0: [0.5], 1: [math.nan]}, 1, frozenset()) is None
    assert decide(MedianStopping(), "maximize", {0: [math.nan, 0.5], 1: [0.4, 0.4], 2: [0.6]}, 1, frozenset())
