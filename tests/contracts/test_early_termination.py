"""What every early-termination policy must do: decide from the reports alone, the same for both goals, at any speed.

A plug-in's author subclasses `PolicyContract` and gives the policies as `members`. A policy whose bar is a ratio also
replaces `mirror` and `values`, as `TestRatios` does. A policy that Optuna decides for goes into `PrunerContract`.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.config.typed_block import Block
from lab.early_termination.incremental import IncrementalState
from lab.early_termination.parsing import POLICIES
from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import Candidate, Goal, Histories, NoPolicy, Policy, Reason, best_values
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.optuna_pruners import Asha, Hyperband
from lab.early_termination.policies.truncation_selection import TruncationSelection
from lab.early_termination.replay import replay

from .contract import Contract

GOALS = st.sampled_from(["maximize", "minimize"])
FINISHED = st.frozensets(st.integers(0, 12))
NO_NUMBERS = st.sampled_from([float("nan"), float("inf"), float("-inf")])
properties = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)


def histories_of(values: st.SearchStrategy[float]) -> st.SearchStrategy[dict[int, list[float]]]:
    return st.dictionaries(st.integers(0, 12), st.lists(values, min_size=1, max_size=5), min_size=1, max_size=8)


def reread(policy: Policy) -> Policy:
    """The policy as a resumed study reads it: from the JSON of its block."""
    fields = {"type": policy.kind, **asdict(policy)}  # type: ignore[call-overload]
    given = json.loads(json.dumps(fields))
    block = Block("sweep.early_termination", given, [])
    result = type(policy).parse(block)
    assert block.mistakes == []
    return result


class PolicyContract(Contract):
    """Members: policies by name, as dataclasses whose fields are the keys of their block."""

    mirror: ClassVar[Callable[[float], float]] = staticmethod(lambda value: -value)
    """The change of values under which minimizing is the same as maximizing."""
    values: ClassVar[st.SearchStrategy[float]] = st.integers(-40, 40).map(lambda number: number / 8)

    def test_a_resumed_study_reads_the_same_policy_from_its_block(self, member: Policy) -> None:
        assert reread(member) == member

    @given(data=st.data(), goal=GOALS, finished=FINISHED)
    @properties
    def test_the_same_reports_give_the_same_reason_whatever_the_order_of_trials(
        self, member: Policy, data: Any, goal: Goal, finished: frozenset[int]
    ) -> None:
        histories = data.draw(histories_of(self.values | NO_NUMBERS))
        before = copy.deepcopy(histories)
        reasons = {trial: member.decide(goal, histories, trial, finished) for trial in histories}
        assert repr(histories) == repr(before), "a decision changes nothing"
        shuffled = {trial: histories[trial] for trial in data.draw(st.permutations(list(histories)))}
        assert {trial: reread(member).decide(goal, shuffled, trial, finished) for trial in histories} == reasons

    @given(data=st.data(), goal=GOALS)
    @properties
    def test_a_reason_is_a_sentence_with_numbers_that_json_keeps(self, member: Policy, data: Any, goal: Goal) -> None:
        histories = data.draw(histories_of(self.values))
        for trial in histories:
            reason = member.decide(goal, histories, trial, frozenset())
            if reason is not None:
                assert reason.policy == member.kind
                assert reason.text.strip()
                assert json.loads(json.dumps(dict(reason.values))) == dict(reason.values)

    @given(data=st.data(), finished=FINISHED)
    @properties
    def test_the_goals_mirror_each_other(self, member: Policy, data: Any, finished: frozenset[int]) -> None:
        histories = data.draw(histories_of(self.values))
        mirrored = {trial: [type(self).mirror(value) for value in reports] for trial, reports in histories.items()}
        for trial in histories:
            one = member.decide("maximize", histories, trial, finished)
            other = member.decide("minimize", mirrored, trial, finished)
            assert (one is None) == (other is None)

    @given(data=st.data(), goal=GOALS, finished=FINISHED)
    @properties
    def test_the_best_trial_continues(self, member: Policy, data: Any, goal: Goal, finished: frozenset[int]) -> None:
        histories = data.draw(histories_of(self.values))
        best = max if goal == "maximize" else min
        for trial, reports in histories.items():
            incumbent = best(value for others in histories.values() for value in others[: len(reports)])
            if best(reports) == incumbent:
                assert member.decide(goal, histories, trial, finished) is None

    @pytest.mark.parametrize("goal", ["maximize", "minimize"])
    @pytest.mark.parametrize("reports", [[0.9, 0.1], [0.1, 0.9], [-1.0, -2.0], [0.0], [float("nan")]])
    def test_a_single_trial_continues(self, member: Policy, reports: list[float], goal: Goal) -> None:
        assert member.decide(goal, {0: reports}, 0, frozenset()) is None

    @given(data=st.data(), goal=GOALS)
    @properties
    def test_the_state_of_a_running_study_gives_the_reasons_of_all_reports(
        self, member: Policy, data: Any, goal: Goal
    ) -> None:
        """Also at an earlier report, which a resumed trial sends again."""
        state = IncrementalState(member, goal)
        event = st.tuples(st.integers(0, 6), st.just("end") | self.values | NO_NUMBERS)
        for trial, value in data.draw(st.lists(event, max_size=25)):
            if trial in state.finished:
                continue
            if value == "end":
                state.finish(trial)
                continue
            n = state.report(trial, value)
            assert n == len(state.histories[trial])
            finished = frozenset(state.finished)
            assert state.decide(trial) == member.decide(goal, state.histories, trial, finished)
            assert state.obstacle(n) == member.obstacle(goal, state.histories, n)
            for earlier in range(1, n):
                shortened = state.histories | {trial: state.histories[trial][:earlier]}
                assert state.decide(trial, earlier) == member.decide(goal, shortened, trial, finished)

    @given(data=st.data(), goal=GOALS)
    @properties
    def test_a_replay_over_finished_trials_decides_as_the_live_study(
        self, member: Policy, data: Any, goal: Goal
    ) -> None:
        value = self.values | st.just(float("nan"))
        reports = data.draw(st.lists(st.lists(value, min_size=1, max_size=5), min_size=1, max_size=7))
        assert replay(member, goal, reports) == one_by_one(member, goal, reports)


def one_by_one(policy: Policy, goal: Goal, reports: list[list[float]]) -> dict[int, tuple[int, Reason]]:
    """The replay of finished trials in step, each decision made from all reports."""
    reported: dict[int, list[float]] = {trial: [] for trial in range(len(reports))}
    ended: dict[int, tuple[int, Reason]] = {}
    for n in range(1, max(map(len, reports)) + 1):
        running = [trial for trial, values in enumerate(reports) if len(values) >= n and trial not in ended]
        for trial in running:
            reported[trial].append(reports[trial][n - 1])
        heard = {trial: values for trial, values in reported.items() if values}
        reasons = {trial: policy.decide(goal, heard, trial, frozenset()) for trial in running}
        ended |= {trial: (n, reason) for trial, reason in reasons.items() if reason is not None}
    return ended


class PrunerContract(Contract):
    """Members: policies whose decision is Optuna's, by name. The study asks their pruner after each report."""

    @staticmethod
    def ended(policy: Policy, goal: Goal) -> set[int]:
        """Numbers of the trials that the pruner ends among eight, of which the first is the best at every report."""
        study = optuna.create_study(study_name="toy", direction=goal, pruner=policy.pruner())
        trials = [study.ask() for _ in range(8)]  # Hyperband distributes trials to its brackets
        sign = 1.0 if goal == "minimize" else -1.0
        result = set()
        for step in range(1, 9):
            for trial in trials:
                trial.report(sign * (1.0 + trial.number), step)
                if trial.should_prune():
                    result.add(trial.number)
        return result

    def test_the_same_reports_end_the_same_trials_for_both_goals_and_never_the_best(self, member: Policy) -> None:
        result = self.ended(member, "minimize")
        assert result
        assert 0 not in result
        assert self.ended(reread(member), "minimize") == result
        assert self.ended(member, "maximize") == result

    def test_the_report_does_not_replay_it(self, member: Policy) -> None:
        assert not member.is_replayable
        assert not any(member.applies(n) for n in range(10))


@dataclass(frozen=True)
class LastOfAll(Policy):
    """A policy as a plug-in has it, with the required methods only: ends the worst of `least` trials or more."""

    kind = "last_of_all"
    least: int = 3

    @classmethod
    def parse(cls, block: Block) -> "LastOfAll":
        return cls(block.whole("least", 3, least=2))

    def compare(self, candidate: Candidate, histories: Histories, finished: frozenset[int]) -> Reason | None:
        best = best_values(candidate.goal, histories, candidate.interval)
        others = [value for trial, value in best.items() if trial != candidate.trial]
        if len(best) < self.least or not all(candidate.is_worse_than(value) for value in others):
            return None
        bar = min(others) if candidate.goal == "maximize" else max(others)
        return Reason(self.kind, {"trials": len(best)}, candidate.behind(bar))


class TestPolicies(PolicyContract):
    members: ClassVar = {
        "none": NoPolicy(),
        "bandit": Bandit(None, 0.125, 2, 3),
        "median_stopping": MedianStopping(),
        "median_stopping later": MedianStopping(2, 2),
        "truncation_selection": TruncationSelection(25),
        "truncation_selection of running trials": TruncationSelection(70, True, 1, 2),
        "last_of_all": LastOfAll(),
    }


class TestRatios(PolicyContract):
    members: ClassVar = {"bandit": Bandit(0.125), "bandit without slack": Bandit(0.0, None, 2)}
    mirror = staticmethod(lambda value: 1 / value)
    values = st.integers(1, 400).map(float)


class TestPruners(PrunerContract):
    members: ClassVar = {"asha": Asha(reduction_factor=2), "hyperband": Hyperband(max_resource=8)}


def test_every_policy_has_its_contract_run() -> None:
    members: ClassVar = {**TestPolicies.members, **TestRatios.members, **TestPruners.members}
    assert {policy.kind for policy in members.values()} >= set(POLICIES)
