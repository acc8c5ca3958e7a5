"""Temperatures find the true one, stay bounded with little to learn from, and never change a class."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torchmetrics.functional.classification import multiclass_calibration_error

from lab.core.batches import MISSING
from lab.core.record.calibration_fields import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE
from lab.models import calibration
from lab.models.calibration import AnswerRows, ClassRows, NotFitted, calibrated, fit_temperature, reliability


def drawn(temperature: float, num: int = 4000, classes: int = 4, seed: int = 0) -> ClassRows:
    """Rows whose labels follow their logits divided by `temperature`."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(num, classes)) * 3
    chances = softmax(logits / temperature, axis=1)
    labels = (random.random((num, 1)) > chances.cumsum(1)).sum(1)
    return ClassRows(logits, np.minimum(labels, classes - 1))


@pytest.mark.parametrize("temperature", [0.2, 1.0, 4.0])
def test_the_temperature_of_the_labels_is_found(temperature: float) -> None:
    rows = drawn(temperature)
    fitted = fit_temperature(rows)
    assert fitted == pytest.approx(temperature, rel=0.15)
    before, after = (reliability(*rows.best(each)).ece for each in (1.0, fitted))
    assert after < (0.03 if temperature > 0.5 else 0.02)
    assert temperature == 1.0 or (after < before / 3 and rows.brier(fitted) < rows.brier(1.0))


def test_missing_labels_do_not_count() -> None:
    rows = drawn(2.0, 500)
    labels = rows.labels.copy()
    labels[::2] = MISSING
    known = ClassRows(rows.scores[1::2], rows.labels[1::2])
    assert fit_temperature(ClassRows(rows.scores, labels)) == fit_temperature(known)


@pytest.mark.parametrize(
    ("rows", "low", "high"),
    [
        (ClassRows(np.array([[3.0, 0.0]]), np.array([0])), 0.6, 1.0),  # one row that is right
        (ClassRows(np.array([[3.0, 0.0]]), np.array([1])), 1.0, 4.0),  # one row that is wrong
        (ClassRows(np.tile([9.0, 0.0], (5000, 1)), np.zeros(5000, np.int64)), 0.3, 1.0),  # without an error, one class
        (ClassRows(np.zeros((50, 1)), np.zeros(50, np.int64)), 0.99, 1.01),  # a head of one class
        (ClassRows(np.zeros((50, 3)), np.zeros(50, np.int64)), 0.99, 1.01),  # logits that say nothing
        (ClassRows(np.tile([300.0, 0.0], (5000, 1)), np.arange(5000) % 2), 49.9, HIGHEST_TEMPERATURE),
        (ClassRows(np.tile([1e-4, 0.0], (5000, 1)), np.zeros(5000, np.int64)), LOWEST_TEMPERATURE, 0.021),
    ],
)  # fmt: skip
def test_little_to_learn_from_gives_a_bounded_temperature(rows: ClassRows, low: float, high: float) -> None:
    assert low <= fit_temperature(rows) <= high


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_fit_without_labels_or_with_logits_that_are_not_finite(value: float) -> None:
    with pytest.raises(NotFitted, match="no validation row has a label"):
        fit_temperature(ClassRows(np.zeros((3, 2)), np.full(3, MISSING)))
    with pytest.raises(NotFitted, match="not finite"):
        fit_temperature(ClassRows(np.array([[value, 0.0]]), np.array([0])))


def test_many_rows_are_fitted_on_a_part_with_the_weight_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(3.0, 3000)
    whole = fit_temperature(rows)
    monkeypatch.setattr("lab.models.calibration.MOST_ROWS", 1000)
    assert fit_temperature(rows) == pytest.approx(whole, rel=0.1)


def test_the_expected_calibration_error_is_that_of_torchmetrics() -> None:
    rows = drawn(3.0, 800)
    probabilities, labels = torch.from_numpy(softmax(rows.scores, axis=1)), torch.from_numpy(rows.labels)
    expected = multiclass_calibration_error(probabilities, labels, num_classes=4, n_bins=10, norm="l1")
    bins = reliability(*rows.best(1.0))
    assert bins.ece == pytest.approx(float(expected), abs=1e-6)
    assert bins.rows.sum() == 800
    assert (np.abs(bins.confidence - np.round(bins.confidence, 1)) <= 0.1).all()


def test_the_brier_score_by_hand() -> None:
    rows = ClassRows(np.log([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]), np.array([0, 2]))
    assert rows.brier(1.0) == pytest.approx((0.3**2 + 0.2**2 + 0.1**2 + 0.5**2 + 0.25**2 + 0.75**2) / 2)
    answers = AnswerRows(np.log([[0.7, 0.3], [0.5, 0.5]]), np.array([True, False]))
    assert answers.brier(1.0) == pytest.approx((0.3**2 + 0.5**2) / 2)


def test_the_order_of_classes_stays_at_both_bounds() -> None:
    logits = torch.tensor([[1.0, 1.0 + 1.2e-7, -40.0], [-3.0, 80.0, 79.99999], [0.0, -1e-6, 5e-7]])
    for temperature in (LOWEST_TEMPERATURE, 1.0, HIGHEST_TEMPERATURE):
        probabilities = calibrated(logits, temperature)
        assert probabilities.argmax(-1).tolist() == logits.argmax(-1).tolist()
        assert probabilities.sum(-1).tolist() == pytest.approx([1.0] * 3)


def test_answers_are_right_as_often_as_their_probability() -> None:
    random = np.random.default_rng(1)
    scores = -np.sort(random.exponential(4.0, (3000, 5)), axis=1)
    scores[::3, 3:] = -np.inf  # questions with three candidates
    right = random.random(3000) < softmax(scores / 3.0, axis=1)[:, 0]
    rows = AnswerRows(scores, right)
    fitted = fit_temperature(rows)
    assert fitted == pytest.approx(3.0, rel=0.15)
    assert reliability(*rows.best(fitted)).ece < 0.05 < reliability(*rows.best(1.0)).ece
    assert math.isfinite(fit_temperature(AnswerRows(np.zeros((20, 1)), np.zeros(20, np.bool_))))


def test_probabilities_of_many_classes_are_computed_in_pieces_and_stay_the_same(monkeypatch: Any) -> None:
    random = np.random.default_rng(3)
    logits = random.normal(size=(50, 7)).astype(np.float32)
    rows = ClassRows(logits, np.where(np.arange(50) % 5 == 0, MISSING, random.integers(0, 7, 50))).every(1)
    whole = (rows.best(2.0), rows.brier(2.0))
    monkeypatch.setattr(calibration, "MOST_CELLS", 21)
    assert [part for part, _ in rows.probabilities(2.0)] == [slice(start, start + 3) for start in range(0, 40, 3)]
    assert np.array_equal(rows.best(2.0)[0], whole[0][0])
    assert rows.brier(2.0) == whole[1]
    sizes: list[int] = []
    monkeypatch.setattr(ClassRows, "brier", lambda self, _: sizes.append(len(self.scores)) or 0.5)
    fit_temperature(rows)
    assert set(sizes) == {3}, "a fit uses as many rows as have that many scores"


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_grid_on_some_rows_gives_the_temperature_of_all(temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(3000, 4)) * 3
    labels = np.array([random.choice(4, p=row) for row in softmax(logits / temperature, axis=1)])
    rows = ClassRows(logits, labels)
    every = fit_temperature(rows)
    for few in (30, 300, 1000):
        monkeypatch.setattr(calibration, "GRID_ROWS", few)
        assert fit_temperature(rows) == every
