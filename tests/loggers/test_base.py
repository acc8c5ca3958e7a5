"""Flat numbers of an outcome, and which split a metric is of."""

from lab.core.record.fields import is_test, is_validation
from lab.loggers.base import Outcome, outcome_metrics


def test_numbers_of_an_outcome(outcome: Outcome) -> None:
    assert outcome_metrics(outcome) == {
        "test/accuracy": 0.5,
        "test/causa/f1_macro": 0.625,
        "best/val/f1_macro": 0.75,
        "best/epoch": 1.0,
        "best/step": 9.0,
    }


def test_an_objective_without_a_value_gives_none() -> None:
    objective = {"metric": "val/f1_macro", "mode": "max", "value": None, "epoch": None, "step": None}
    assert outcome_metrics(Outcome(objective=objective, test={})) == {}


def test_splits_are_distinguished() -> None:
    assert is_validation({"epoch": 1, "val/loss": 0.5})
    assert not is_validation({"train/loss": 0.5})
    assert is_test({"test/loss": 0.5})
    assert not is_test({"val/loss": 0.5})
