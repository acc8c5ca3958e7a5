"""Blocks as Azure writes them, and every mistake of a wrong block."""

import pytest

from lab.core.errors import RequestError
from lab.early_termination.parsing import POLICIES, parse
from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import NoPolicy
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.optuna_pruners import Asha, Hyperband
from lab.early_termination.policies.truncation_selection import TruncationSelection


def test_each_policy_is_registered_under_its_kind() -> None:
    assert {"none", "bandit", "median_stopping", "truncation_selection", "asha", "hyperband"} <= set(POLICIES)
    assert [policy.kind for policy in POLICIES.values()] == list(POLICIES)


@pytest.mark.parametrize(
    ("block", "policy"),
    [
        (None, NoPolicy()),
        ({}, NoPolicy()),
        ("none", NoPolicy()),
        ("Median_Stopping", MedianStopping()),
        ({"type": "bandit", "slack_factor": 0.1, "slack_amount": None}, Bandit(0.1)),
        (
            {"type": "Bandit", "slack_amount": 1, "evaluation_interval": 2, "delay_evaluation": 5},
            Bandit(None, 1, 2, 5),
        ),
        ({"type": "median_stopping", "delay_evaluation": 5}, MedianStopping(1, 5)),
        (
            {"type": "truncation_selection", "truncation_percentage": 20, "exclude_finished_jobs": True},
            TruncationSelection(20, True),
        ),
        ("asha", Asha(min_resource=1, reduction_factor=4, min_early_stopping_rate=0)),
        ({"type": "hyperband", "max_resource": 9}, Hyperband(min_resource=1, reduction_factor=3, max_resource=9)),
    ],
)
def test_blocks_as_azure_writes_them(block: object, policy: object) -> None:
    assert parse(block) == policy  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("block", "keys", "words"),
    [
        ("bandit", ["early_termination"], "needs slack_factor or slack_amount"),
        ({"type": "bandit", "slack_factor": 0.1, "slack_amount": 0.1}, ["early_termination"], "not both"),
        ({"type": "bandit", "slack_factor": -1}, ["early_termination.slack_factor"], "at least 0"),
        ({"type": "bandit", "slack_factor": "lots"}, ["early_termination.slack_factor"], "finite number"),
        (
            {"type": "median_stopping", "evaluation_interval": 0, "delay_evaluation": -1},
            ["early_termination.evaluation_interval", "early_termination.delay_evaluation"],
            "must be at least 1",
        ),
        ({"type": "median_stopping", "evaluation_interval": 1.5}, ["early_termination.evaluation_interval"], "whole"),
        (
            {"type": "truncation_selection", "truncation_percentage": 100, "exclude_finished_jobs": "no"},
            ["early_termination.truncation_percentage", "early_termination.exclude_finished_jobs"],
            "from 1 to 99",
        ),
        ("truncation_selection", ["early_termination.truncation_percentage"], "is missing"),
        ({"type": "truncation_selection", "truncation_percentage": 0}, ["early_termination.truncation_percentage"], ""),
        ({"type": "median_stoping"}, ["early_termination.type"], "median_stopping"),
        ({"slack_factor": 0.1}, ["early_termination.type"], "is missing"),
        (
            {"type": "bandit", "slack_factr": 0.1, "slack_amount": 1},
            ["early_termination.slack_factr"],
            "try: ~sweep.early_termination '+sweep.early_termination={type: bandit, slack_amount: 1}'",
        ),
        ({"type": "asha", "reduction_factor": 1}, ["early_termination.reduction_factor"], "at least 2"),
        (3, ["early_termination"], "must be a mapping"),
    ],
)
def test_a_wrong_block_names_every_mistake(block: object, keys: list[str], words: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(block)  # type: ignore[arg-type]
    assert [mistake.key for mistake in caught.value.mistakes] == [f"sweep.{key}" for key in keys]
    assert words in str(caught.value)
