"""Baselines that need no fit: the most frequent class, and the class of the newest sample."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from lab.core.batches import MISSING, HeadSpec
from lab.core.record.baseline_comparison import MAJORITY
from lab.data.series.panel import Cut
from lab.models.metrics import auroc, class_counts, mean_over_heads, scores
from lab.training.baselines.base import Baseline, Labels

Ints = npt.NDArray[np.int64]
Heads = tuple[HeadSpec, ...]


def score_labels(predicted: Labels, truth: Labels, heads: Heads) -> dict[str, float]:
    """Scores of given predictions per head (N,), in the names of the record."""
    return mean_over_heads({head.name: scores(_counts(predicted, truth, head)) for head in heads})


def majority(truth: Mapping[str, Labels], heads: Heads) -> Baseline:
    """Always each head's most frequent training class. truth: labels (N,) per split and head."""
    predicted = {
        split: {head.name: np.full(len(labels[head.name]), int(np.argmax(head.counts))) for head in heads}
        for split, labels in truth.items()
    }
    by_split = {split: score_labels(each, truth[split], heads) for split, each in predicted.items()}
    return Baseline(MAJORITY, by_split, predicted)


def persistence(cuts: Mapping[str, Cut], head: HeadSpec) -> tuple[Baseline, ...]:
    """The current class, or the most frequent one where it is unobserved. cuts: the windows of each split.

    Empty where the data have no current class, because the labels follow no rule.
    """
    predicted, by_split = {}, {}
    for split, cut in cuts.items():
        if cut.current_labels is None:
            return ()
        guess = np.where(cut.current_labels == MISSING, int(np.argmax(head.counts)), cut.current_labels)
        predicted[split] = {head.name: guess.astype(np.int64)}
        by_split[split] = label_scores(predicted[split][head.name], cut.labels.astype(np.int64), head)
    return (Baseline("persistence", by_split, predicted),)


def label_scores(guess: Ints, truth: Ints, head: HeadSpec) -> dict[str, float]:
    """Scores of predicted classes (N,) of one head; for two classes with the area under the ROC curve of the labels."""
    values = score_labels({head.name: guess}, {head.name: truth}, (head,))
    if head.num_classes != 2:
        return values
    return values | {"auc": auroc(torch.from_numpy(guess).double(), torch.from_numpy(truth))}


def _counts(predicted: Labels, truth: Labels, head: HeadSpec) -> torch.Tensor:
    return class_counts(torch.from_numpy(predicted[head.name]), torch.from_numpy(truth[head.name]), head.num_classes)
