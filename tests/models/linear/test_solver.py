"""A linear head: candidates are chosen on validation rows, scores are calibrated, odd labels give constant scores."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.svm import LinearSVC

from lab.core.batches import MISSING
from lab.models.calibration import ClassRows
from lab.models.linear.solver import (
    SVM,
    Choice,
    LinearHead,
    Rows,
    SupportVectorMachine,
    fit_head,
    folds,
    out_of_fold,
    tempered,
)


def rows(num: int, num_classes: int, seed: int, noise: float = 0.5) -> Rows:
    random = np.random.default_rng(seed)
    labels = random.integers(num_classes, size=num)
    features = random.normal(scale=noise, size=(num, 8)).astype(np.float32)
    features[np.arange(num), labels] += 1
    return Rows(sparse.csr_matrix(features), labels)


def test_weights_are_those_of_scikit_learn() -> None:
    train = rows(200, 3, 0)
    head = SVM.solve(train, 4, Choice(1.0, 8), None, 0)
    machine = LinearSVC(C=1.0, random_state=0, tol=1e-3, max_iter=2000).fit(train.features, train.labels)
    np.testing.assert_allclose(head.weight[:3], machine.coef_, rtol=1e-5)
    assert (head.weight[3] == 0).all()
    assert (head.logits(train.features).argmax(1) == machine.predict(train.features)).all()
    assert (head.logits(train.features)[:, 3] == -2).all()


def test_two_classes_have_opposite_scores() -> None:
    train = rows(100, 2, 1)
    head = SVM.solve(train, 2, Choice(1.0, 8), None, 0)
    logits = head.logits(train.features)
    np.testing.assert_allclose(logits[:, 0], -logits[:, 1], atol=1e-6)
    assert (logits.argmax(1) == train.labels).mean() > 0.8


def test_equal_seeds_give_equal_weights() -> None:
    train, val = rows(150, 3, 2), rows(60, 3, 3)
    first, second = (fit_head(train, val, 3, [8]) for _ in range(2))
    assert (first.weight == second.weight).all()


def test_validation_rows_choose_the_columns() -> None:
    """The last four columns say the label in training and nothing in validation."""
    train, val = rows(120, 3, 4, 0.8), rows(120, 3, 5, 0.8)
    misleading = train.features.toarray()
    misleading[:, 4:] = 0
    misleading[np.arange(120), 4 + train.labels % 4] = 3
    head = fit_head(Rows(sparse.csr_matrix(misleading), train.labels), val, 3, [4, 8])
    assert head.choice.num_columns == 4


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[Choice]:
    """The candidates that are fitted."""
    made: list[Choice] = []
    solve = SupportVectorMachine.solve

    def counted(self: SupportVectorMachine, train: Rows, num_classes: int, choice: Choice, *rest: Any) -> LinearHead:
        made.append(choice)
        return solve(self, train, num_classes, choice, *rest)

    monkeypatch.setattr(SupportVectorMachine, "solve", counted)
    return made


def test_much_data_are_fitted_for_two_penalties_and_more_once(
    fits: list[Choice], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, val = rows(150, 3, 21), rows(60, 3, 22)
    fit_head(train, val, 3, [4, 8])
    assert len(fits) == 10
    fits.clear()
    monkeypatch.setattr(SupportVectorMachine, "most_searched", 10)
    fit_head(train, val, 3, [4, 8])
    assert fits == [Choice(0.3, 8), Choice(1.0, 8)]
    fits.clear()
    monkeypatch.setattr(SupportVectorMachine, "most_compared", 10)
    head = fit_head(train, val, 3, [4, 8])
    assert fits == [Choice(0.3, 8)]
    assert head.temperature != 1.0, "validation rows calibrate all the same"
    fits.clear()
    fit_head(train, val, 3, [4, 8], (3.0, 9.0))
    assert fits == [Choice(9.0, 8)]


def test_scores_are_calibrated_on_validation_rows() -> None:
    train, val = rows(300, 3, 6, 0.9), rows(300, 3, 7, 0.9)
    head = fit_head(train, val, 3, [8])
    scored = ClassRows(head.logits(val.features).astype(np.float64), val.labels)
    assert scored.brier(1.0) <= min(scored.brier(0.5), scored.brier(2.0))
    assert head.temperature != 1.0


def test_without_validation_rows_training_rows_calibrate_out_of_fold() -> None:
    train = rows(300, 3, 8, 0.9)
    head = fit_head(train, None, 3, [4, 8])
    assert head.choice == Choice(0.3, 8)
    unseen = ClassRows(head.logits(rows(300, 3, 9, 0.9).features).astype(np.float64), rows(300, 3, 9, 0.9).labels)
    assert unseen.brier(1.0) < min(unseen.brier(0.3), unseen.brier(3.0))


def test_rows_without_a_label_do_not_count() -> None:
    train, val = rows(120, 3, 10), rows(60, 3, 11)
    labels = np.concatenate([train.labels, np.full(50, MISSING)])
    more = Rows(sparse.vstack([train.features, rows(50, 3, 12).features]).tocsr(), labels)
    assert (fit_head(more, val, 3, [8]).weight == fit_head(train, val, 3, [8]).weight).all()


@pytest.mark.parametrize(
    ("labels", "note", "best"),
    [(np.full(10, MISSING), "no training row has a label", 0), (np.full(10, 2), "all training rows have one class", 2)],
)
def test_fewer_than_two_classes_give_constant_scores(labels: np.ndarray, note: str, best: int) -> None:
    train = rows(10, 3, 13)
    head = fit_head(Rows(train.features, labels), rows(10, 3, 14), 3, [8])
    assert head.note == note
    logits = head.logits(train.features)
    assert (logits == logits[0]).all()
    assert int(logits[0].argmax()) == best


def test_class_weights_act() -> None:
    train, val = rows(200, 2, 15, 1.5), rows(200, 2, 16, 1.5)
    plain = fit_head(train, val, 2, [8], (1.0,))
    weighted = fit_head(train, val, 2, [8], (1.0,), np.array([1.0, 20.0], np.float32))
    assert (weighted.logits(val.features).argmax(1) == 1).sum() > (plain.logits(val.features).argmax(1) == 1).sum()


def test_folds_keep_groups_together_and_cover_every_row_once() -> None:
    groups = np.array([0, 0, 1, 2, 3, 4, 5, 6, 6, 7])
    masks = list(folds(groups, 0))
    assert (np.sum(masks, 0) == 1).all()
    for value in np.unique(groups):
        assert sum(bool(mask[groups == value].any()) for mask in masks) == 1
    assert len(list(folds(np.zeros(4, np.int64), 0))) == 1


def test_out_of_fold_logits_do_not_know_their_row() -> None:
    """Labels that are noise: in-fold scores know them, out-of-fold scores do not."""
    random = np.random.default_rng(17)
    features = sparse.csr_matrix(random.normal(size=(120, 200)).astype(np.float32))
    train = Rows(features, random.integers(2, size=120))
    head = SVM.solve(train, 2, Choice(3.0, 200), None, 0)
    unseen = out_of_fold(train, head, 2, np.arange(120), None, 0)
    assert (head.logits(features).argmax(1) == train.labels).mean() > 0.95
    assert abs((unseen.argmax(1) == train.labels).mean() - 0.5) < 0.15


def test_a_temperature_needs_labels() -> None:
    head = LinearHead(np.ones((2, 8), np.float32), np.zeros(2, np.float32), Choice(1.0, 8))
    assert tempered(head, np.zeros((3, 2), np.float32), np.full(3, MISSING)) is head
