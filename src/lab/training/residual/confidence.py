"""How much a training row counts in the loss of a network on a simple model (`model.confidence_weighting`).

A label's self-confidence is its probability under a model that did not see the row; its mean over the rows with a label
is the threshold of the class in confident learning (arXiv 1911.00068). A row counts as its self-confidence divided by
the threshold of its class, at most 1, to a power. Shapes: B or N rows, K classes.
"""

import torch
from torch import Tensor

from lab.core.batches import MISSING


class ConfidenceWeights:
    """The weights of the rows of one head.

    Each class keeps its share of the loss: the weights of its training rows have the mean 1, so that class weights and
    head weights act as they do without.
    """

    def __init__(self, logits: Tensor, labels: Tensor, power: float) -> None:
        """logits (N, K): of the training rows, each from a model that did not see it; labels (N,)."""
        self.power = power
        num_classes, known = logits.shape[1], labels != MISSING
        confidence = self_confidence(logits, labels)
        self._thresholds = _mean_of_classes(confidence[known], labels[known], num_classes)
        self._means = torch.ones(num_classes)
        self._means = _mean_of_classes(self(logits, labels)[known], labels[known], num_classes)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Weights (B,) of rows with the labels (B,) and the simple model's logits (B, K); 1 for a missing label."""
        known = labels != MISSING
        classes = torch.where(known, labels, 0)
        self._thresholds, self._means = self._thresholds.to(labels.device), self._means.to(labels.device)
        shares = self_confidence(logits, labels) / self._thresholds[classes]
        return torch.where(known, shares.clamp(max=1) ** self.power / self._means[classes], 1.0)


def self_confidence(logits: Tensor, labels: Tensor) -> Tensor:
    """The probability (B,) of each row's label (B,), of the first class where it is missing. logits (B, K)."""
    own = torch.where(labels == MISSING, 0, labels)[:, None]
    return logits.float().log_softmax(1).gather(1, own)[:, 0].exp()


def _mean_of_classes(values: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The mean (K,) of the values (N,) of each class, 1 for a class without rows; never 0."""
    sums = torch.zeros(num_classes).index_add(0, labels, values)
    counts = torch.bincount(labels, minlength=num_classes)
    return torch.where(counts > 0, sums / counts.clamp(min=1), 1.0).clamp(min=1e-12)
