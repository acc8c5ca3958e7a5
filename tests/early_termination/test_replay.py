"""Replays end the trials that Azure would, for the reasons of the pure decision."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import Policy, Reason
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.truncation_selection import TruncationSelection
from lab.early_termination.replay import replay

ACCURACY = {
    "A": [0.5, 0.6, 0.8],
    "B": [0.4, 0.5, 0.66],
    "C": [0.4, 0.5, 0.67],
    "D": [0.1, 0.2, 0.3],
    "E": [0.45, 0.55, 0.62],
}
LOSS = {"A": [1.0, 0.8, 0.5], "B": [1.2, 1.0, 0.61], "C": [1.2, 0.9, 0.59], "D": [2.0, 1.9, 1.8], "E": [1.1, 1.0, 0.62]}


@pytest.mark.parametrize(
    ("policy", "accuracy", "loss"),
    [
        (Bandit(slack_factor=0.2, delay_evaluation=3), "BDE", "BDE"),
        (Bandit(slack_amount=0.1, delay_evaluation=3), "BCDE", "BDE"),
        (MedianStopping(delay_evaluation=3), "D", "D"),
        (TruncationSelection(20, delay_evaluation=3), "D", "D"),
        (TruncationSelection(20, delay_evaluation=4), "", ""),
    ],
)
def test_replayed_policies_end_the_trials_that_azure_would(policy: Policy, accuracy: str, loss: str) -> None:
    for goal, histories, expected in (("maximize", ACCURACY, accuracy), ("minimize", LOSS, loss)):
        result = replay(policy, goal, list(histories.values()))  # type: ignore[arg-type]
        assert "".join("ABCDE"[place] for place in sorted(result)) == expected
        assert {interval for interval, _ in result.values()} <= {3}


def one_by_one(policy: Policy, goal: Any, reports: list[list[float]]) -> dict[int, tuple[int, Reason]]:
    """The same replay with `decide` over all histories."""
    reported: dict[int, list[float]] = {place: [] for place in range(len(reports))}
    ended: dict[int, tuple[int, Reason]] = {}
    for n in range(1, max(map(len, reports)) + 1):
        running = [place for place, values in enumerate(reports) if len(values) >= n and place not in ended]
        for place in running:
            reported[place].append(reports[place][n - 1])
        heard = {place: values for place, values in reported.items() if values}
        reasons = {place: policy.decide(goal, heard, place, frozenset()) for place in running}
        ended |= {place: (n, reason) for place, reason in reasons.items() if reason is not None}
    return ended


VALUES = st.one_of(st.sampled_from([0.0, 0.5, 0.9, float("nan")]), st.floats(0, 1, width=16))
POLICIES = st.one_of(
    st.builds(
        Bandit, slack_factor=st.just(0.2), evaluation_interval=st.integers(1, 2), delay_evaluation=st.integers(0, 3)
    ),
    st.builds(Bandit, slack_amount=st.just(0.1)),
    st.builds(MedianStopping, evaluation_interval=st.integers(1, 2), delay_evaluation=st.integers(0, 3)),
    st.builds(TruncationSelection, st.integers(1, 99), evaluation_interval=st.integers(1, 2)),
)


@settings(max_examples=150, deadline=None)
@given(
    POLICIES,
    st.sampled_from(["maximize", "minimize"]),
    st.lists(st.lists(VALUES, min_size=1, max_size=5), min_size=1, max_size=7),
)
def test_a_replay_decides_as_the_policies_do(policy: Policy, goal: Any, reports: list[list[float]]) -> None:
    result = replay(policy, goal, reports)
    expected = one_by_one(policy, goal, reports)
    assert result == expected
