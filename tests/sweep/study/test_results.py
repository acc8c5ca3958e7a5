"""The winner has the best value ever reported; confirmed means have Student's interval."""

from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from scipy import stats

from lab.sweep.study.results import _winner, confirmed_trial, ranked, summary_lines, trial_row


def trial(state: TrialState, **attributes: object) -> optuna.trial.FrozenTrial:
    value = 0.0 if state is TrialState.COMPLETE else None
    return create_trial(state=state, value=value, user_attrs=attributes)


@pytest.mark.parametrize(("sign", "order"), [(1.0, [1, 0, 2]), (-1.0, [2, 0, 1])])
def test_pruned_trials_may_win_and_failed_ones_do_not(sign: float, order: list[int]) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    for frozen in (
        trial(TrialState.COMPLETE, best_value=0.5),
        trial(TrialState.PRUNED, best_value=0.75),
        trial(TrialState.COMPLETE, best_value=0.25),
        trial(TrialState.FAIL, best_value=9.0),
        trial(TrialState.PRUNED),
    ):
        study.add_trial(frozen)
    plan = SimpleNamespace(sign=sign)
    assert [trial.number for trial in ranked(study, plan)] == order  # type: ignore[arg-type]


def test_the_interval_of_a_mean_is_students() -> None:
    values = [0.5, 0.75, 1.0]
    mean_of_three = confirmed_trial(4, [1, 2, 3], values)
    low, high = stats.t.interval(0.95, 2, loc=0.75, scale=stats.sem(values))
    assert mean_of_three.mean == 0.75
    assert mean_of_three.ci95 == pytest.approx((high - low) / 2)
    assert confirmed_trial(4, [1], [0.5]).ci95 is None
    with pytest.raises(ValueError, match="no confirmed value"):
        confirmed_trial(4, [], [])


def test_a_row_and_the_last_lines() -> None:
    row = trial_row(trial(TrialState.FAIL, values={"lr": 0.1}, failure="nan", reason="not finite"), "val/f1")
    assert (row["state"], row["lr"], row["failure"], row["val/f1"]) == ("failed", 0.1, "nan", None)
    summary = {
        "study": "toy", "trials": {"total": 3, "completed": 1, "failed": 1}, "ended": "stopped by Ctrl-C",
        "confirmed": [], "winner": None, "objective": {"metric": "val/f1"},
    }  # fmt: skip
    assert summary_lines(summary) == [
        "study toy: 1 completed, 1 failed of 3",
        "ended early: stopped by Ctrl-C; the same command resumes it",
        "no trial has a value",
    ]


def test_a_configuration_under_fewer_seeds_does_not_win_by_a_lucky_one() -> None:
    order: Any = [SimpleNamespace(number=number) for number in (3, 7, 9)]
    plan: Any = SimpleNamespace(sign=1.0, confirm=SimpleNamespace(seeds=3))
    lucky, complete = confirmed_trial(3, [43], [0.91]), confirmed_trial(7, [43, 44, 45], [0.89, 0.88, 0.90])
    assert _winner(order, plan, [lucky, complete]).number == 7  # type: ignore[union-attr]
    better = confirmed_trial(9, [43, 44, 45], [0.90, 0.90, 0.90])
    assert _winner(order, plan, [lucky, complete, better]).number == 9  # type: ignore[union-attr]
    assert _winner(order, plan, [lucky]).number == 3, "none under all seeds: the search's own"  # type: ignore[union-attr]


def test_a_configuration_that_does_not_compete_is_named() -> None:
    few = vars(confirmed_trial(3, [43], [0.91])) | {"whole": False}
    summary = {
        "study": "toy", "trials": {"total": 3, "completed": 3}, "ended": None, "confirmed": [few], "winner": None,
        "objective": {"metric": "val/f1"},
    }  # fmt: skip
    assert summary_lines(summary)[1:3] == [
        "confirmed trial 3: mean 0.9100 over 1 seed alone, so it does not compete",
        "no configuration is confirmed under every seed: the winner is the search's",
    ]


def test_the_last_lines_clip_intervals_and_say_how_the_winner_stands() -> None:
    mean = vars(confirmed_trial(3, [43, 44], [0.9, 0.99])) | {"whole": True}
    part = {"baseline": "linear", "chosen_on": "val", "metric": "f1_macro", "own": 0.9, "other": 0.92, "rows": 80}
    part |= {"difference": -0.02, "interval": [-0.05, 0.01], "verdict": "no_better"}
    winner = {"trial": 3, "value": 0.9, "command": None, "retrain": None}
    winner |= {"baseline_comparison": {"confidence": 0.95, "overall": part, "heads": {"y": part}}}
    summary = {
        "study": "toy", "trials": {"total": 3, "completed": 3}, "ended": None, "confirmed": [mean], "winner": winner,
        "objective": {"metric": "val/f1_macro"},
    }  # fmt: skip
    assert summary_lines(summary)[1:] == [
        "confirmed trial 3: mean 0.9450 [0.3732, 1.0000] (95 %) over 2 seeds",
        "winner: trial 3, val/f1_macro 0.9000",
        "  No better than linear: macro-F1 .900 against .920, difference -.020 [-.050, +.010] "
        "(95 % interval, 80 test rows).",
    ]
