"""Helpers of all policies' tests: decisions as texts, and the set of ended trials."""

from lab.early_termination.policies.base import Goal, Histories, Policy


def decide(rule: Policy, goal: Goal, histories: Histories, trial: int, finished: frozenset[int]) -> str | None:
    reason = rule.decide(goal, histories, trial, finished)
    return None if reason is None else reason.text


def ended(
    rule: Policy, goal: Goal, histories: dict[int, list[float]], finished: frozenset[int] = frozenset()
) -> set[int]:
    return {trial for trial in histories if decide(rule, goal, histories, trial, finished)}
