"""Extra metrics: scores of torchmetrics per head, missing labels left out, and the same after a checkpoint."""

from typing import Any

import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC

from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import RequestError
from lab.models.extra_metrics import KEPT, ExtraMetrics

HEAD = HeadSpec("cause", ("a", "b", "c"), (4, 4, 4))
NODES = {
    "auroc": {"_target_": "torchmetrics.classification.MulticlassAUROC"},
    "top2": {"_target_": "torchmetrics.classification.MulticlassAccuracy", "top_k": 2, "average": "micro"},
}


def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(8, 3, generator=random), torch.randint(3, (8,), generator=random)


def test_scores_are_torchmetrics_own_over_all_batches() -> None:
    extra, batches = ExtraMetrics((HEAD,), NODES), [batch(seed) for seed in range(KEPT + 3)]
    for logits, labels in batches:
        extra.update(0, logits, labels)
    probabilities = torch.cat([logits for logits, _ in batches]).softmax(-1)
    labels = torch.cat([labels for _, labels in batches])
    expected = {"auroc": MulticlassAUROC(3), "top2": MulticlassAccuracy(3, top_k=2, average="micro")}
    assert extra.compute(0) == {
        name: pytest.approx(float(metric(probabilities, labels))) for name, metric in expected.items()
    }


def test_missing_labels_are_left_out() -> None:
    with_gaps, without = ExtraMetrics((HEAD,), NODES), ExtraMetrics((HEAD,), NODES)
    logits, labels = batch(1)
    without.update(0, logits[2:], labels[2:])
    labels = labels.clone()
    labels[:2] = MISSING
    with_gaps.update(0, logits, labels)
    assert with_gaps.compute(0) == pytest.approx(without.compute(0))


def test_a_restored_state_continues_exactly() -> None:
    straight, first, second = (ExtraMetrics((HEAD,), NODES) for _ in range(3))
    for seed in range(KEPT + 5):
        straight.update(0, *batch(seed))
        first.update(0, *batch(seed)) if seed < KEPT + 2 else None
    second.restore(first.state())
    for seed in range(KEPT + 2, KEPT + 5):
        second.update(0, *batch(seed))
    assert second.compute(0) == straight.compute(0)


def test_rows_of_a_test_are_added_after_it() -> None:
    """Lightning empties metrics in the mode of the test, and their scores are read after it."""
    nodes = {"precision": {"_target_": "torchmetrics.classification.MulticlassAveragePrecision", "thresholds": 20}}
    tested, plain = ExtraMetrics((HEAD,), nodes), ExtraMetrics((HEAD,), nodes)
    with torch.inference_mode():
        tested.reset()
        tested.update(0, *batch(1))
    plain.update(0, *batch(1))
    assert tested.compute(0) == plain.compute(0)
    tested.reset()
    tested.update(0, *batch(2))
    assert tested.compute(0)["precision"] > 0, "and in a later epoch outside of it"


def test_no_row_is_no_number() -> None:
    assert all(value != value for value in ExtraMetrics((HEAD,), NODES).compute(0).values())


def test_a_metric_of_two_classes_needs_a_head_of_two() -> None:
    node: dict[str, Any] = {"f1": {"_target_": "torchmetrics.classification.BinaryF1Score"}}
    with pytest.raises(RequestError, match="is for two classes, and cause has 3"):
        ExtraMetrics((HEAD,), node)
    ExtraMetrics((HeadSpec("state", ("open", "done"), (1, 1)),), node)
