"""Losses of heads: class weights, smoothing, focal loss, and the weights of the heads."""

import pytest
import torch
from torch.nn import functional

from lab.config.schema import LossConfig
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import RequestError
from lab.models.losses import HeadLosses, class_weights, label_weights, log_shares, row_losses

HEADS = (HeadSpec("modo", ("a", "b", "c"), (8, 2, 0)), HeadSpec("causa", ("x", "y"), (5, 5)))


def head_loss(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, smoothing: float, gamma: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sums that a head has of its rows."""
    return row_losses(logits, labels, weights, smoothing, gamma).sum(), label_weights(labels, weights).sum()


def config(**changes: object) -> LossConfig:
    plain = {"head_weights": {}, "label_smoothing": 0.0, "class_weights": "none", "head_weighting": "fixed",
             "kind": "cross_entropy", "gamma": 2.0}  # fmt: skip
    return LossConfig.model_validate(plain | changes)


def test_balanced_weights_give_every_class_with_rows_the_same_total() -> None:
    weights = class_weights((8, 2, 0), "balanced")
    assert (weights * torch.tensor([8, 2, 0])).tolist() == [5.0, 5.0, 0.0]
    assert class_weights((8, 2, 0), "none").tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_head_loss_divided_by_its_weight_equals_torchs_mean(smoothing: float) -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, MISSING, 0, 1, 0])
    weights = class_weights((8, 2, 0), "balanced")
    summed, weight = head_loss(logits, labels, weights, smoothing)
    expected = functional.cross_entropy(logits, labels, weights, ignore_index=MISSING, label_smoothing=smoothing)
    assert torch.allclose(summed / weight, expected)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_a_row_has_the_loss_that_it_has_alone(gamma: float) -> None:
    torch.manual_seed(0)
    logits, labels, weights = torch.randn(3, 4), torch.tensor([3, MISSING, 0]), torch.tensor([2.0, 1.0, 1.0, 0.5])
    each = [head_loss(logits[[row]], labels[[row]], weights, 0.1, gamma)[0] for row in range(3)]
    assert torch.allclose(row_losses(logits, labels, weights, 0.1, gamma), torch.stack(each))
    assert each[1] == 0


def test_label_smoothing_raises_the_loss() -> None:
    logits, labels = torch.tensor([[4.0, 0.0, 0.0]]), torch.tensor([0])
    plain, smooth = (head_loss(logits, labels, torch.ones(3), smoothing)[0] for smoothing in (0.0, 0.1))
    assert smooth > plain


def test_head_weights_multiply_the_losses() -> None:
    losses = HeadLosses(HEADS, config(head_weights={"modo": 0.1, "causa": 0.6}))
    assert losses(torch.tensor([2.0, 3.0]), torch.ones(2)).item() == pytest.approx(0.1 * 2 + 0.6 * 3)


def test_uncertainty_weighting_learns_the_variance_of_each_head() -> None:
    losses = HeadLosses(HEADS, config(head_weighting="uncertainty"))
    optimizer = torch.optim.SGD(losses.parameters(), lr=0.1)
    for _ in range(500):
        optimizer.zero_grad()
        losses(torch.tensor([2.0, 0.1]), torch.ones(2)).backward()
        optimizer.step()
    # d/ds (exp(-s) L + s / 2) = 0 at exp(s) = 2 L
    assert losses.log_variance is not None
    assert torch.exp(losses.log_variance).tolist() == pytest.approx([4.0, 0.2], rel=1e-3)


def test_a_checkpoint_has_learned_weights_and_not_those_of_the_config() -> None:
    assert list(HeadLosses(HEADS, config()).state_dict()) == []
    assert list(HeadLosses(HEADS, config(head_weighting="uncertainty")).state_dict()) == ["log_variance"]


def test_all_unknown_heads_are_reported() -> None:
    with pytest.raises(RequestError) as caught:
        HeadLosses(HEADS, config(head_weights={"mode": 1.0, "zzz": 1.0}, class_weights={"cauza": "balanced"}))
    assert [mistake.key for mistake in caught.value.mistakes] == [
        "loss.head_weights",
        "loss.head_weights",
        "loss.class_weights",
    ]
    remedies = [mistake.remedy for mistake in caught.value.mistakes]
    assert remedies == ["'loss.head_weights={modo: 1.0}'"] * 2 + ["'loss.class_weights={causa: balanced}'"]


def test_focal_loss_follows_its_formula() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 3, requires_grad=True), torch.tensor([0, 1, MISSING, 0, 1, 2])
    alpha = torch.tensor([0.2, 0.5, 1.0])
    summed, weight = head_loss(logits, labels, alpha, 0.0, gamma=2.0)
    known = labels != MISSING
    probability = logits.softmax(-1)[known].gather(1, labels[known, None]).squeeze(1)
    torch.testing.assert_close(summed, (alpha[labels[known]] * (1 - probability) ** 2 * -probability.log()).sum())
    assert weight == head_loss(logits, labels, alpha, 0.0)[1]
    summed.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_focal_loss_of_a_certain_row_has_a_finite_gradient() -> None:
    logits = torch.tensor([[90.0, 0.0]], requires_grad=True)
    head_loss(logits, torch.tensor([0]), torch.ones(2), 0.0, gamma=2.0)[0].backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_gamma_has_an_effect_only_with_focal_loss_and_alpha_is_per_class() -> None:
    logits, labels = torch.tensor([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]), torch.tensor([0, 1])
    entropy, focal, weighted = (
        HeadLosses(HEADS, config(**changes)).of_head(0, logits, labels)[0].item()
        for changes in ({}, {"kind": "focal"}, {"kind": "focal", "class_weights": "balanced"})
    )
    assert focal < entropy
    assert weighted / focal == pytest.approx((0.625 + 2.5) / 2)


def test_logit_adjustment_is_of_training_and_follows_its_formula() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, MISSING, 0, 1, 0])
    losses, plain = HeadLosses(HEADS, config(logit_adjustment=0.5)), HeadLosses(HEADS, config())
    shares = torch.tensor([8.0, 2.0, 0.5]) / 10.5  # a class without rows counts as half a row
    assert torch.allclose(log_shares((8, 2, 0)), shares.log())
    expected = functional.cross_entropy(logits + 0.5 * shares.log(), labels, ignore_index=MISSING, reduction="sum")
    assert torch.allclose(losses.of_head(0, logits, labels, adjusted=True)[0], expected)
    assert torch.equal(losses.of_head(0, logits, labels)[0], plain.of_head(0, logits, labels, adjusted=True)[0])


def test_the_gradient_of_a_rare_class_is_larger_with_logit_adjustment() -> None:
    gradients = []
    for tau in (0.0, 1.0):
        logits = torch.zeros(1, 3, requires_grad=True)
        HeadLosses(HEADS, config(logit_adjustment=tau)).of_head(0, logits, torch.tensor([1]), adjusted=True)[
            0
        ].backward()
        assert logits.grad is not None
        gradients.append(logits.grad[0, 1].abs().item())
    assert gradients[1] > gradients[0]
