"""Replays end the trials that Azure would. That they decide as a live study does: `tests/contracts`."""

import pytest

from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import Policy
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
