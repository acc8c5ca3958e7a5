"""Temperatures per head with scores of every split, and reasons for heads without one."""

import numpy as np
import pytest

from lab.core.batches import MISSING
from lab.core.record.calibration_fields import calibration_faults
from lab.models.calibration import AnswerRows, ClassRows
from lab.training.doubt.calibrate import Calibration, fitted, outcome_lines


def rows(num: int, wrong: float, seed: int) -> ClassRows:
    """Rows of two classes with a probability of .99, of which a share is wrong."""
    labels = (np.random.default_rng(seed).random(num) < wrong).astype(np.int64)
    return ClassRows(np.tile(np.log([0.99, 0.01]), (num, 1)), labels)


def test_scores_improve_on_rows_that_were_not_fitted() -> None:
    unknown = ClassRows(np.zeros((5, 2)), np.full(5, MISSING))
    splits = {
        "val": {"cause": rows(2000, 0.2, 0), "state": unknown},
        "test": {"cause": rows(500, 0.2, 1), "state": unknown},
    }
    done = fitted(splits)
    assert done.not_fitted == {"state": "no validation row has a label"}
    assert done.temperatures["cause"] == pytest.approx(np.log(99) / np.log(4), rel=0.1)
    scores = done.scores["test"]["cause"]
    assert scores["rows"] == 500
    assert scores["ece_after"] < 0.05 < 0.15 < scores["ece_before"]
    assert scores["brier_after"] < scores["brier_before"]
    assert list(calibration_faults(vars(done))) == []
    assert sum(row[0] for row in done.reliability["test"]["cause"]["after"]) == 500
    lines = outcome_lines(done)
    assert lines[0].startswith("cause: temperature 3.")
    assert lines[1:] == ["state is not calibrated: no validation row has a label"]


def test_a_split_without_a_label_has_no_scores() -> None:
    done = fitted(
        {"val": {"cause": rows(200, 0.2, 0)}, "test": {"cause": ClassRows(np.zeros((3, 2)), np.full(3, MISSING))}}
    )
    assert list(done.scores) == ["val"]
    assert outcome_lines(done)[0].count(";") == 0


def test_answers_and_a_task_without_probabilities(tmp_path: object) -> None:
    scores = np.tile([0.0, -4.0], (300, 1))
    right = np.arange(300) % 2 == 0
    done = fitted({"val": {"answer": AnswerRows(scores, right)}, "test": {"answer": AnswerRows(scores, right)}})
    assert done.temperatures["answer"] > 5
    assert outcome_lines(Calibration()) == []
