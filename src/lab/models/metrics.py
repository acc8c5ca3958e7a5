"""Classification scores from counts per class, the same for train, val and test, and the base of all epoch metrics.

Shapes: N rows, K classes. Counts are (3, K): rows of each true class, of each predicted class, and hits of each class.
A confusion matrix is (K, K), row = truth, column = prediction. Definitions follow scikit-learn: macro averages run over
the classes that occur as truth or as prediction, balanced accuracy over those that occur as truth (torchmetrics' macro
recall counts classes that were only predicted). MCC: Gorodkin 2004, the K-class form. A score without any row is NaN.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor
from torchmetrics import Metric

from lab.core.batches import MISSING

MATRIX_CLASSES = 500
"""Largest number of classes whose whole confusion matrix is kept: 2 MB per head. Above it, counts per class are."""
NAMES = ("accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "f1_weighted", "mcc")


class EpochMetric(Metric, ABC):  # type: ignore[misc]  # torchmetrics is not read by mypy
    """Sums of one split over one epoch. The scores follow from them exactly, whatever the batches were.

    Several processes (DDP) add their own rows; `compute`, `total_state` and `sync_context` put them together, and every
    process has to call these.

    Subclasses add states, `update` and `compute`. Results are not cached: learned weights of heads change them.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__(compute_with_cache=False)

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Scores by name, without the split's prefix."""

    def state(self) -> dict[str, Any]:
        """Copies of the summed states on the CPU, for a checkpoint in the middle of an epoch."""
        states = self.metric_state.items()
        return {name: value.to("cpu", copy=True) for name, value in states if isinstance(value, Tensor)}

    def total_state(self) -> dict[str, Any]:
        """`state` of the sums of all processes."""
        with self.sync_context():
            return self.state()

    def alone(self) -> Self:
        """This metric, for rows that this process has and the others do not."""
        self.distributed_available_fn = _never
        return self

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        for name, value in state.items():
            setattr(self, name, value.to(self.device, copy=True))
        self._update_count += 1  # torchmetrics warns of a result without any update


def _never() -> bool:
    return False


def confusion_cells(predicted: Tensor, truth: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """(N,) cells of the flat confusion matrix that predictions (N,) fall into, and (N,) their weights, int64.

    Rows with a missing label weigh 0. They are not left out: a GPU would have to be waited for to know how many remain.
    """
    known = truth != MISSING
    return torch.where(known, truth * num_classes + predicted, 0), known.long()


def count_cells(predicted: Tensor, truth: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """(3N,) cells of the flat counts (3, K) that predictions (N,) fall into, and (3N,) their weights, int64."""
    known = truth != MISSING
    classes = torch.where(known, truth, 0)
    cells = torch.cat([classes, predicted + num_classes, classes + 2 * num_classes])
    return cells, torch.cat([known, known, known & (truth == predicted)]).long()


def class_counts(predicted: Tensor, truth: Tensor, num_classes: int) -> Tensor:
    """(3, K) int64 counts of predictions (N,) against truth (N,); rows with a missing label are not counted."""
    counts = torch.zeros(3 * num_classes, dtype=torch.long, device=truth.device)
    return counts.index_add(0, *count_cells(predicted, truth, num_classes)).reshape(3, num_classes)


def counts_of(matrix: Tensor) -> Tensor:
    """(3, K) counts per class of a confusion matrix (K, K)."""
    return torch.stack([matrix.sum(1), matrix.sum(0), matrix.diag()])


def scores(counts: Tensor) -> dict[str, float]:
    """The scores in `NAMES` from counts per class (3, K)."""
    truth, predicted, hits = counts.double()
    total = truth.sum()
    recall = hits / truth.clamp(min=1)
    precision = hits / predicted.clamp(min=1)
    f1 = 2 * hits / (truth + predicted).clamp(min=1)
    seen = (truth + predicted) > 0
    values = {
        "accuracy": hits.sum() / total,
        "balanced_accuracy": recall[truth > 0].mean(),
        "precision_macro": precision[seen].mean(),
        "recall_macro": recall[seen].mean(),
        "f1_macro": f1[seen].mean(),
        "f1_weighted": (f1 * truth).sum() / total,
        "mcc": _mcc(hits, truth, predicted, total),
    }
    return {name: float(value) for name, value in values.items()}


def _mcc(hits: Tensor, truth: Tensor, predicted: Tensor, total: Tensor) -> Tensor:
    covariance = hits.sum() * total - (truth * predicted).sum()
    spread = (total**2 - (truth**2).sum()) * (total**2 - (predicted**2).sum())
    if not total:
        return torch.tensor(torch.nan)
    return covariance / spread.sqrt() if spread > 0 else torch.zeros(())


def auroc(probability: Tensor, truth: Tensor) -> float:
    """Area under the ROC curve of the second class (N,): the chance that a positive row ranks above a negative one.

    Ties count half (Mann-Whitney U). NaN if one class is absent. Raises ValueError for scores that are NaN, which
    have no rank.
    """
    known = truth != MISSING
    if probability[known].isnan().any():
        num = int(probability[known].isnan().sum())
        raise ValueError(f"{num} of {int(known.sum())} scores are NaN: an area under the curve ranks numbers")
    score, positive = probability[known].double(), truth[known] == 1
    num_positive, num_negative = int(positive.sum()), int((~positive).sum())
    if not num_positive or not num_negative:
        return float("nan")
    _, inverse, counts = torch.unique(score, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    rank = (last - (counts - 1) / 2)[inverse]
    area = rank[positive].sum() - num_positive * (num_positive + 1) / 2
    return float(area / (num_positive * num_negative))


def mean_over_heads(per_head: dict[str, dict[str, float]]) -> dict[str, float]:
    """Flat map: with several heads `causa/f1_macro` for each and `f1_macro` as their mean; with one, its own names."""
    if len(per_head) == 1:
        return dict(next(iter(per_head.values())))
    shared = set.intersection(*(set(values) for values in per_head.values()))
    names = [name for name in next(iter(per_head.values())) if name in shared]
    means = {name: _mean([values[name] for values in per_head.values()]) for name in names}
    return means | {f"{head}/{name}": value for head, values in per_head.items() for name, value in values.items()}


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")
