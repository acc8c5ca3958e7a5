"""How much a label counts: by its probability under a model that did not see its row, against that of its class."""

from pathlib import Path

import pytest
import torch

import lab
from lab.core.batches import MISSING
from lab.training.residual.confidence import ConfidenceWeights, self_confidence

PROBABILITIES = torch.tensor([[0.8, 0.1, 0.1], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [0.2, 0.2, 0.6]])
LABELS = torch.tensor([0, 0, 1, MISSING])
LOGITS = PROBABILITIES.log() + 3


def test_self_confidence_is_the_probability_of_the_label() -> None:
    assert torch.allclose(self_confidence(LOGITS, LABELS)[:3], torch.tensor([0.8, 0.4, 0.05]))


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_an_improbable_label_counts_less_than_others_of_its_class(power: float) -> None:
    weights = ConfidenceWeights(LOGITS, LABELS, power)(LOGITS, LABELS)
    doubtful = (0.4 / 0.6) ** power  # 0.6: the mean of the class; 0.8 / 0.6 counts as 1
    expected = torch.tensor([1.0, doubtful]) / ((1 + doubtful) / 2)
    assert torch.allclose(weights, torch.tensor([*expected.tolist(), 1.0, 1.0]))


def test_each_class_keeps_its_share_of_the_loss() -> None:
    torch.manual_seed(0)
    logits, labels = 3 * torch.randn(300, 4), torch.randint(3, (300,))  # no row of the last class
    weights = ConfidenceWeights(logits, labels, 1.0)(logits, labels)
    assert torch.allclose(torch.stack([weights[labels == label].mean() for label in range(3)]), torch.ones(3))
    assert ConfidenceWeights(logits, labels, 1.0)(logits[:1], torch.tensor([3])).isfinite().all()


def test_labels_of_probability_zero_give_no_nan() -> None:
    certain, impossible = torch.tensor([[1000.0, 0.0], [1000.0, 0.0]]), torch.tensor([1, 1])
    assert (ConfidenceWeights(certain, impossible, 1.0)(certain, impossible) == 0).all()


def test_a_run_weights_the_rows_by_the_out_of_fold_logits_of_its_base(tmp_path: Path) -> None:
    words = ["model=ngram", "model.base=linear", "model.buckets=512", "model.dimension=8", "data.num_rows=200",
             "logger=csv", "callbacks.curves.png=false", "baselines.enabled=false", "trainer.threads=1",
             "trainer.max_epochs=1", f"cache.dir={tmp_path / 'cache'}"]  # fmt: skip
    weighted = lab.train([*words, "model.confidence_weighting=1"], tmp_path / "weighted")
    plain = lab.train(words, tmp_path / "plain")
    first, other = (run.history.set_index("epoch") for run in (weighted, plain))
    assert first.loc[-1, "val/loss"] == other.loc[-1, "val/loss"]  # the base alone
    assert first.loc[0, "val/loss"] != other.loc[0, "val/loss"]
    # a loss without weights, as of validation: with them it would be lower by a tenth
    assert first.loc[0, "train/loss"] == pytest.approx(other.loc[0, "train/loss"], rel=0.02)
