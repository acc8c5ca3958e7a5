import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from lab.core.batches import MISSING
from lab.models.metrics import NAMES, auroc, class_counts, confusion_cells, counts_of, mean_over_heads, scores


@pytest.mark.parametrize("num_classes", [2, 3, 12])
@pytest.mark.parametrize("seed", range(5))
def test_every_score_equals_scikit_learn(num_classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.choice(num_classes, 80, p=random.dirichlet(np.full(num_classes, 0.5)))
    predicted = np.where(random.random(80) < 0.5, truth, random.integers(0, num_classes, 80))
    got = scores(class_counts(torch.tensor(predicted), torch.tensor(truth), num_classes))
    none = {"zero_division": 0}
    present = np.unique(truth)
    recalls = [np.mean(predicted[truth == label] == label) for label in present]
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": np.mean(recalls),
        "precision_macro": metrics.precision_score(truth, predicted, average="macro", **none),
        "recall_macro": metrics.recall_score(truth, predicted, average="macro", **none),
        "f1_macro": metrics.f1_score(truth, predicted, average="macro", **none),
        "f1_weighted": metrics.f1_score(truth, predicted, average="weighted", **none),
        "mcc": metrics.matthews_corrcoef(truth, predicted),
    }
    assert got == pytest.approx(expected, abs=1e-9)


def test_missing_labels_are_counted_nowhere() -> None:
    counts = class_counts(torch.tensor([0, 1, 1]), torch.tensor([0, MISSING, 1]), 2)
    assert counts.tolist() == [[1, 1], [1, 1], [1, 1]]


def test_counts_per_class_are_those_of_the_matrix() -> None:
    random = np.random.default_rng(0)
    truth, predicted = (torch.tensor(random.integers(0, 7, 50)) for _ in range(2))
    truth[:5] = MISSING
    matrix = torch.zeros(49, dtype=torch.long).index_add(0, *confusion_cells(predicted, truth, 7)).reshape(7, 7)
    assert matrix.tolist() == metrics.confusion_matrix(truth[5:], predicted[5:], labels=range(7)).tolist()
    assert torch.equal(counts_of(matrix), class_counts(predicted, truth, 7))


def test_area_under_the_curve_equals_scikit_learn_with_ties() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 200)
    probability = np.round(random.random(200) * 0.5 + truth * 0.3, 1)
    expected = metrics.roc_auc_score(truth, probability)
    assert auroc(torch.tensor(probability), torch.tensor(truth)) == pytest.approx(expected, abs=1e-12)


def test_a_score_without_rows_is_not_a_number() -> None:
    empty = scores(torch.zeros(3, 3, dtype=torch.long))
    assert {name: value for name, value in empty.items() if not math.isnan(value)} == {}
    assert set(empty) == set(NAMES)
    assert math.isnan(auroc(torch.tensor([0.1, 0.2]), torch.tensor([1, 1])))


@pytest.mark.parametrize("wrong", [[0], [3], [0, 1, 2, 3]])
def test_scores_that_are_no_numbers_have_no_area(wrong: list[int]) -> None:
    probability = torch.tensor([0.1, 0.9, 0.2, 0.8])
    probability[wrong] = torch.nan
    with pytest.raises(ValueError, match=f"{len(wrong)} of 4 scores are NaN"):
        auroc(probability, torch.tensor([0, 1, 0, 1]))
    assert auroc(torch.tensor([0.1, torch.nan, 0.9]), torch.tensor([0, MISSING, 1])) == 1.0


def test_one_head_keeps_its_names_several_are_prefixed_and_averaged() -> None:
    assert mean_over_heads({"label": {"accuracy": 0.5}}) == {"accuracy": 0.5}
    two = mean_over_heads({"modo": {"accuracy": 0.5, "auc": 0.9}, "causa": {"accuracy": 1.0}})
    assert two == {"accuracy": 0.75, "modo/accuracy": 0.5, "modo/auc": 0.9, "causa/accuracy": 1.0}
