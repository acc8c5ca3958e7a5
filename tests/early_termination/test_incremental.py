"""Trials that report, finish and repeat a report. That the state decides as all reports do: `tests/contracts`."""

from lab.early_termination.incremental import IncrementalState
from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.truncation_selection import TruncationSelection


def test_a_trial_is_compared_with_the_others_at_its_own_interval() -> None:
    state = IncrementalState(Bandit(slack_amount=0.1), "maximize")
    assert [state.report(0, value) for value in (0.5, 0.9)] == [1, 2]
    assert state.report(1, 0.45) == 1
    assert state.decide(1) is None, "0.9 was reported at interval 2"
    state.report(1, 0.45)
    reason = state.decide(1)
    assert reason is not None
    assert "0.45 is below 0.8" in reason.text
    assert state.decide(1, 1) is None, "its first report, sent again by a resumed trial"


def test_a_finished_trial_is_left_out_where_the_policy_says_so() -> None:
    for excluded, is_ended in ((False, False), (True, True)):
        state = IncrementalState(TruncationSelection(34, exclude_finished_jobs=excluded), "maximize")
        for trial, value in enumerate((0.1, 0.3, 0.5, 0.6)):
            state.report(trial, value)
        state.finish(0)
        assert state.finished == {0}
        assert (state.decide(1) is not None) == is_ended
