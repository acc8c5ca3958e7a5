"""Truncation selection: the compared trials, finished trials, ties and the rounding of the number."""

from lab.early_termination.policies.truncation_selection import TruncationSelection

from ..conftest import decide, ended


def test_truncation_after_a_delay() -> None:
    rule = TruncationSelection(20, delay_evaluation=4)
    assert ended(rule, "maximize", {trial: [0.1 * trial] * 3 for trial in range(5)}) == set()
    assert ended(rule, "maximize", {trial: [0.1 * trial] * 4 for trial in range(5)}) == {0}
    assert ended(rule, "maximize", {trial: [0.1 * trial] * 4 for trial in range(4)}) == set()


def test_truncation_compares_with_trials_that_reached_the_interval() -> None:
    histories = {0: [0.1], 1: [0.1, 0.3], 2: [0.2, 0.5], 3: [0.2, 0.6]}
    assert decide(TruncationSelection(34), "maximize", histories, 1, frozenset())
    assert decide(TruncationSelection(33), "maximize", histories, 1, frozenset()) is None  # .99 of three trials


def test_truncation_can_leave_finished_trials_out() -> None:
    histories = {0: [0.1, 0.1], 1: [0.3, 0.3], 2: [0.5, 0.5], 3: [0.6, 0.6]}
    finished = frozenset({0})
    assert decide(TruncationSelection(34), "maximize", histories, 1, finished) is None
    assert decide(TruncationSelection(34, exclude_finished_jobs=True), "maximize", histories, 1, finished)


def test_of_equal_values_the_younger_trial_ends_and_the_best_never() -> None:
    assert ended(TruncationSelection(25), "maximize", {0: [0.1], 1: [0.1], 2: [0.5], 3: [0.6]}) == {1}
    assert ended(TruncationSelection(75), "maximize", {0: [0.6], 1: [0.6], 2: [0.6], 3: [0.5]}) == {3}
