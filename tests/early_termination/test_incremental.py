"""The state kept at each report gives exactly the reasons of the pure decision, in whatever order trials report."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.config.typed_block import Block
from lab.early_termination.incremental import IncrementalState
from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import Candidate, Goal, Histories, NoPolicy, Policy, Reason
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.truncation_selection import TruncationSelection

TIMES: dict[str, Any] = {"evaluation_interval": st.integers(1, 2), "delay_evaluation": st.integers(0, 2)}
SLACK = st.integers(0, 8).map(lambda number: number / 8)


class Threshold(Policy):
    """A new policy with the required methods only: ends a trial whose best value is below 1."""

    kind = "threshold"

    @classmethod
    def parse(cls, block: Block) -> "Threshold":
        return cls()

    def compare(self, candidate: Candidate, histories: Histories, finished: frozenset[int]) -> Reason | None:
        if candidate.best >= 1.0:
            return None
        return Reason(self.kind, {}, f"{candidate.behind(1.0)} ({len(histories)} trials, {len(finished)} finished)")


RULES = st.one_of(
    st.just(NoPolicy()),
    st.just(Threshold()),
    st.builds(Bandit, SLACK, st.none(), **TIMES),
    st.builds(Bandit, st.none(), SLACK, **TIMES),
    st.builds(MedianStopping, **TIMES),
    st.builds(TruncationSelection, st.integers(1, 99), st.booleans(), **TIMES),
)
VALUES = st.integers(-40, 40).map(lambda number: number / 8) | st.sampled_from([math.nan, math.inf, -math.inf])
EVENTS = st.lists(st.tuples(st.integers(0, 6), st.just("end") | VALUES), max_size=40)


@given(RULES, st.sampled_from(["maximize", "minimize"]), EVENTS)
@settings(max_examples=400)
def test_the_state_gives_the_reasons_of_the_pure_decision(
    rule: Policy, goal: Goal, events: list[tuple[int, Any]]
) -> None:
    state = IncrementalState(rule, goal)
    for trial, event in events:
        if trial in state.finished:
            continue
        if event == "end":
            state.finish(trial)
            continue
        n = state.report(trial, event)
        assert n == len(state.histories[trial])
        expected = rule.decide(goal, state.histories, trial, frozenset(state.finished))
        assert state.decide(trial) == expected
        assert state.obstacle(n) == rule.obstacle(goal, state.histories, n)
        for earlier in range(1, n):
            shortened = state.histories | {trial: state.histories[trial][:earlier]}
            assert state.decide(trial, earlier) == rule.decide(goal, shortened, trial, frozenset(state.finished))
