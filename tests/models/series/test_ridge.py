"""The solver gives the same weights as scikit-learn, and the classifier is solved in one pass."""

from typing import Any

import pytest
import torch

from lab.core.batches import MISSING
from lab.core.errors import RequestError
from lab.models.series import ridge as module
from lab.models.series.ridge import RidgeClassifier, ridge

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*", "ignore:.*smaller than the logging interval.*"
)
ALPHAS = tuple(10.0**power for power in range(-3, 4))


@pytest.mark.parametrize(("rows", "features"), [(30, 80), (80, 30)])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_solution_equals_that_of_scikit_learn(rows: int, features: int, classes: int) -> None:
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.preprocessing import StandardScaler

    torch.manual_seed(0)
    labels = torch.arange(rows) % classes
    given = torch.randn(rows, features) + 0.5 * labels[:, None] * torch.randn(features)
    given[:, 3] = 1.0
    weights, biases, _ = ridge(given, labels, classes, torch.ones(classes), ALPHAS)
    scaler = StandardScaler(with_mean=False).fit(given)
    theirs = RidgeClassifierCV(alphas=ALPHAS).fit(scaler.transform(given), labels)
    decision = torch.from_numpy(theirs.decision_function(scaler.transform(given))).float()
    ours = given @ weights.T + biases
    torch.testing.assert_close(ours[:, 1] if classes == 2 else ours, decision, atol=1e-3, rtol=1e-3)


def test_the_penalty_has_the_least_leave_one_out_error() -> None:
    torch.manual_seed(0)
    labels = torch.arange(24) % 2
    given = torch.randn(24, 6) + labels[:, None] * 0.4
    targets = labels.double() * 2 - 1
    errors = {}
    for alpha in ALPHAS:
        squared = []
        for row in range(24):
            rest = torch.arange(24) != row
            spread = given.std(0, correction=0)  # features are scaled by all rows
            weights, biases, _ = ridge(given[rest] / spread, labels[rest], 2, torch.ones(2), [alpha])
            own = (given[rest] / spread).std(0, correction=0)
            assert own.shape == (6,)
            squared.append(float((given[row] / spread) @ weights[1] + biases[1] - targets[row]) ** 2)
        errors[alpha] = sum(squared)
    best = min(errors, key=lambda alpha: errors[alpha])
    chosen, _, _ = ridge(given, labels, 2, torch.ones(2), ALPHAS)
    expected, _, _ = ridge(given, labels, 2, torch.ones(2), [best])
    torch.testing.assert_close(chosen, expected)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.6, 3.0)])
def test_a_left_out_score_is_that_of_a_head_fitted_without_the_row(weights: tuple[float, float]) -> None:
    torch.manual_seed(0)
    labels = torch.arange(12) % 2
    given = torch.randn(12, 20) + labels[:, None] * 0.4
    given /= given.std(0, correction=0)
    left_out = ridge(given, labels, 2, torch.tensor(weights), [1.0]).left_out
    root, targets = torch.tensor(weights)[labels].sqrt().double(), torch.eye(2).double()[labels] * 2 - 1
    for row in range(12):
        rest = torch.arange(12) != row
        design = torch.cat([torch.ones(12, 1), given], 1).double()
        penalty = torch.eye(21).double()
        penalty[0, 0] = 0.0
        own = design[rest] * root[rest, None]
        solved = torch.linalg.solve(own.T @ own + penalty, own.T @ (targets[rest] * root[rest, None]))
        torch.testing.assert_close(left_out[row], (design[row] @ solved).float(), atol=1e-4, rtol=1e-4)


def test_missing_labels_are_ignored_and_class_weights_have_an_effect() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0] * 20 + [1] * 4)
    given = torch.randn(24, 5) + labels[:, None]
    plain = ridge(given, labels, 2, torch.ones(2), [1.0])
    more = torch.cat([given, torch.full((2, 5), 50.0)])
    unknown = ridge(more, torch.cat([labels, torch.tensor([MISSING] * 2)]), 2, torch.ones(2), [1.0])
    torch.testing.assert_close(unknown[:2], plain[:2])
    torch.testing.assert_close(unknown.left_out[:24], plain.left_out)
    weighted = ridge(given, labels, 2, torch.tensor([0.6, 3.0]), [1.0])
    ones = [(given @ weights.T + biases).argmax(1).sum() for weights, biases, _ in (plain, weighted)]
    assert ones[1] > ones[0]
    doubled = ridge(given, labels, 2, torch.tensor([2.0, 2.0]), [2.0])
    torch.testing.assert_close(doubled, plain, atol=1e-4, rtol=1e-4)


@pytest.fixture
def classifier(classifier_of: Any) -> RidgeClassifier:
    model = classifier_of("minirocket")
    assert isinstance(model, RidgeClassifier)
    return model


def test_the_order_of_rows_and_batches_does_not_matter(classifier: RidgeClassifier, windows: Any, fit: Any) -> None:
    fit(classifier, 1, windows(), windows(seed=1))
    first = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    early, late = windows(), windows(seed=1)
    late.rows += len(early)
    fit(classifier, 1, late, early)
    for name, tensor in classifier.state_dict().items():
        torch.testing.assert_close(tensor, first[name], atol=1e-4, rtol=1e-3)
    assert classifier.metrics["train"].compute()["accuracy"] == 1.0


def test_validation_scores_training_rows_without_themselves(
    classifier: RidgeClassifier, windows: Any, fit: Any
) -> None:
    fit(classifier, 1, windows(), windows(seed=1))
    plain = classifier.predict_step(windows(), 0)[1][0]
    classifier.leave_one_out = True
    left_out = classifier.predict_step(windows(), 0)[1][0]
    assert not torch.allclose(left_out, plain, atol=1e-3)
    others = windows()
    others.rows += 1000
    torch.testing.assert_close(classifier.predict_step(others, 0)[1][0], plain)
    checkpoint: dict[str, Any] = {}
    classifier.on_save_checkpoint(checkpoint)
    classifier._left_out = {}
    classifier.on_load_checkpoint(checkpoint)
    torch.testing.assert_close(classifier.predict_step(windows(), 0)[1][0], left_out)


def test_a_checkpoint_has_the_features_of_an_unfinished_pass(classifier: RidgeClassifier, windows: Any) -> None:
    classifier.training_step(windows(), 0)
    checkpoint: dict[str, Any] = {}
    classifier.on_save_checkpoint(checkpoint)
    classifier._gathered = []
    classifier.on_load_checkpoint(checkpoint)
    assert [len(part["rows"]) for part in classifier._gathered] == [20]


def test_too_large_features_are_refused(
    classifier: RidgeClassifier, monkeypatch: pytest.MonkeyPatch, windows: Any
) -> None:
    monkeypatch.setattr(module, "MAX_GIB", 1e-6)
    with pytest.raises(RequestError, match=r"model\.head=logistic"):
        classifier.training_step(windows(), 0)


def test_a_logistic_head_is_trained_by_the_optimizer(classifier_of: Any, windows: Any, fit: Any) -> None:
    model = classifier_of("minirocket", lr=0.05, head="logistic")
    assert not isinstance(model, RidgeClassifier)
    fit(model, 8, windows())
    assert model.metrics["train"].compute()["accuracy"] == 1.0
