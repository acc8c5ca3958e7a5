"""Baselines that need no fit, by hand."""

import numpy as np
import pytest

from lab.core.batches import MISSING, HeadSpec
from lab.data.series.panel import Cut
from lab.training.baselines.label_rules import label_scores, majority, persistence

HEAD = HeadSpec("place", ("a", "b"), (3, 2))


def cut(labels: list[int], current: list[int] | None) -> Cut:
    num = len(labels)
    newest = None if current is None else np.array(current, np.int16)
    return Cut(np.arange(num, dtype=np.int32), np.full(num, 4, np.int32), np.array(labels, np.int16), newest)


def test_majority_answers_the_most_frequent_training_class_in_each_split() -> None:
    truth = {"val": {"place": np.array([0, 1])}, "test": {"place": np.array([0, 1, 1, 1, MISSING])}}
    baseline = majority(truth, (HEAD,))
    assert {split: scores["accuracy"] for split, scores in baseline.scores.items()} == {"val": 0.5, "test": 0.25}
    assert baseline.predicted["test"]["place"].tolist() == [0] * 5


def test_persistence_answers_the_current_class_or_the_most_frequent_one() -> None:
    (baseline,) = persistence({"test": cut([1, 0, 1, 0], [1, 1, MISSING, 0])}, HEAD)
    assert baseline.predicted["test"]["place"].tolist() == [1, 1, 0, 0]
    assert baseline.scores["test"]["accuracy"] == 0.5
    assert baseline.scores["test"]["auc"] == 0.5


def test_there_is_no_persistence_without_a_rule_of_labels() -> None:
    assert persistence({"val": cut([1, 0], None), "test": cut([1], None)}, HEAD) == ()


def test_only_two_classes_have_an_area_under_the_curve() -> None:
    guess, truth = np.array([0, 1, 1]), np.array([0, 1, 0])
    assert label_scores(guess, truth, HEAD)["auc"] == pytest.approx(0.75)
    assert "auc" not in label_scores(guess, truth, HeadSpec("place", ("a", "b", "c"), (1, 1, 1)))
