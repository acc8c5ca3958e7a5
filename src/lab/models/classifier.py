"""Classification heads over any encoder or net: losses, metrics, the three steps. Shapes: B rows, K classes, H heads.

loss = sum over heads of weight * cross-entropy over the rows whose label is known. Every metric comes from the counts
per class of one head and split. A subclass says how a batch becomes logits. With a simple model as base, its logits,
which the batch has, are added to those of the network.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn
from torchmetrics.utilities import dim_zero_cat

from lab.config.schema import AnyLoss
from lab.core.batches import HeadSpec
from lab.models.extra_metrics import ExtraMetrics, Nodes
from lab.models.gathering import num_counted, of_all_processes
from lab.models.losses import HeadLosses
from lab.models.metrics import (
    MATRIX_CLASSES,
    EpochMetric,
    auroc,
    confusion_cells,
    count_cells,
    counts_of,
    mean_over_heads,
    scores,
)
from lab.models.task_module import TaskModule, Training

BASE_WEIGHT = 0.5
"""Factor of the logits of a simple model: as calibrated (1), they hold n-gram networks back (LOG.md, 2026-11-29)."""
RowWeights = Callable[[Tensor, Tensor], Tensor]
Logits = tuple[Tensor, list[Tensor], dict[str, Tensor]]
"""A batch of a prediction pass, on the CPU: rows (B,), logits (B, K) of each head in fp32, labels (B,) per head."""


class LabelledBatch(Protocol):
    """labels: per head (B,) int64; rows: (B,) int64; window_counts: per head (K,) int64; base: logits (B, K)
    of the simple model or None; is_filler, all as in `lab.core.batches`."""

    labels: dict[str, Tensor]
    rows: Tensor
    window_counts: dict[str, Tensor]
    base: dict[str, Tensor] | None
    is_filler: bool

    def __len__(self) -> int: ...


class SimpleModel(Protocol):
    """What a network may start from (`model.base`): `TextLinear` or `SeriesLinear` of `lab.models.linear`."""

    def save(self, folder: Path) -> None:
        """Write it into `folder`, from which its class loads it."""
        ...


class HeadMetric(EpochMetric):
    """Per head: the confusion matrix, summed loss and label weight; for two classes also the second's probability.

    A head of more than `MATRIX_CLASSES` classes has counts per class (3, K) instead of the matrix; the scores are the
    same. A head with one row of logits that are not finite has diverged: its scores are NaN, and so are the means over
    heads (the largest of such logits would still name a class). States stay on the device of the logits and are read
    once an epoch: reading them per batch would make a GPU wait.
    """

    sums: Tensor
    """(H, 2) summed loss and label weight."""
    diverged: Tensor

    def __init__(
        self,
        heads: tuple[HeadSpec, ...],
        total_loss: Callable[[Tensor, Tensor], Tensor],
        keep_probabilities: bool,
        extra: Nodes | None = None,
    ) -> None:
        """total_loss: as `HeadLosses.of_epoch`; keep_probabilities: for the area under the ROC curve (not in train);
        extra: nodes of further metrics."""
        super().__init__()
        self.heads, self.total_loss = heads, total_loss
        self.extra = ExtraMetrics(heads, extra or {})
        self.add_state("sums", torch.zeros(len(heads), 2, dtype=torch.double), "sum")
        self.add_state("diverged", torch.zeros(len(heads), dtype=torch.bool), "max")
        self.binary = [index for index, head in enumerate(heads) if keep_probabilities and head.num_classes == 2]
        for index, head in enumerate(heads):
            size = (head.num_classes if self.has_matrix(index) else 3, head.num_classes)
            self.add_state(f"counts_{index}", torch.zeros(size, dtype=torch.long), "sum")
        for index in self.binary:
            self.add_state(f"probabilities_{index}", [], "cat")
            self.add_state(f"labels_{index}", [], "cat")

    def update(self, index: int, logits: Tensor, labels: Tensor, summed: Tensor, weight: Tensor) -> None:
        """Add a batch of one head: logits (B, K), labels (B,), their summed loss and label weight."""
        if self.sums.device != logits.device:
            self.to(logits.device)
        cells = confusion_cells if self.has_matrix(index) else count_cells
        places, weights = cells(logits.argmax(-1), labels, self.heads[index].num_classes)
        getattr(self, f"counts_{index}").view(-1).index_add_(0, places, weights)
        self.sums[index] += torch.stack([summed, weight]).double()
        self.diverged[index] |= ~torch.isfinite(logits).all()
        if index in self.binary:
            getattr(self, f"probabilities_{index}").append(logits.float().softmax(-1)[:, 1])
            getattr(self, f"labels_{index}").append(labels)

        self.extra.update(index, logits, labels)

    def reset(self) -> None:
        super().reset()
        self.extra.reset()

    def state(self) -> dict[str, Any]:
        return super().state() | ({"extra": self.extra.state()} if any(self.extra.metrics) else {})

    def total_state(self) -> dict[str, Any]:
        with self.extra.synced():
            return super().total_state()

    def alone(self) -> Self:
        self.extra.alone()
        return super().alone()

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore({name: value for name, value in state.items() if name != "extra"})
        if "extra" in state:
            self.extra.restore(state["extra"])

    def has_matrix(self, index: int) -> bool:
        """Return whether the whole confusion matrix of a head is kept."""
        return self.heads[index].num_classes <= MATRIX_CLASSES

    def class_counts(self, index: int) -> Tensor:
        """(3, K) counts per class of a head so far, on the CPU: true, predicted, hits."""
        counts: Tensor = getattr(self, f"counts_{index}").cpu()
        return counts_of(counts) if self.has_matrix(index) else counts

    def confusion(self, index: int) -> Tensor | None:
        """(K, K) confusion matrix of a head so far, on the CPU; None above `MATRIX_CLASSES` classes."""
        return getattr(self, f"counts_{index}").cpu() if self.has_matrix(index) else None

    def compute(self) -> dict[str, float]:
        sums, diverged = self.sums.cpu(), self.diverged.tolist()
        means = sums[:, 0] / sums[:, 1]
        per_head = {}
        for index, head in enumerate(self.heads):
            values = scores(self.class_counts(index))
            labels = getattr(self, f"labels_{index}", [])
            if len(labels):
                probabilities = dim_zero_cat(getattr(self, f"probabilities_{index}")).cpu()
                values["auc"] = torch.nan if diverged[index] else auroc(probabilities, dim_zero_cat(labels).cpu())
            values |= {} if diverged[index] else self.extra.compute(index)
            values["loss"] = float(means[index])
            names = [*values, *self.extra.metrics[index]]
            per_head[head.name] = dict.fromkeys(names, torch.nan) if diverged[index] else values
        result = mean_over_heads(per_head) | {"loss": float(self.total_loss(means, sums[:, 1] > 0))}
        if any(diverged):
            result |= {name: torch.nan for name in result if "/" not in name}
        return result


class Classifier(TaskModule):
    """A task whose `forward(batch)` gives logits (B, K) of each head."""

    def __init__(self, heads: tuple[HeadSpec, ...], loss: AnyLoss, training: Training) -> None:
        super().__init__(training)
        self.head_specs = heads
        self.base: SimpleModel | None = None
        """The simple model whose logits the network's are added to."""
        self.base_dropout = 0.0
        """Share of the training rows whose logits are the network's alone."""
        self.row_weights: Mapping[str, RowWeights] = {}
        """By head: weights of training rows in its loss, from the base's logits (B, K) and the labels (B,)."""
        self.losses = HeadLosses(heads, loss)
        self.metrics = {split: self.new_metric(split) for split in ("train", "val", "test")}
        self.test_outputs: list[tuple[Tensor, list[Tensor]]] = []
        """After a test: (rows (B,), probabilities per head (B, K)) of each batch, on the CPU."""

    def start_from(self, base: SimpleModel) -> None:
        """Make the simple model the base of this new model. The heads start at zero, so the logits are those of the
        base until the first optimizer step."""
        self.base = base
        for layer in self.output_layers():
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def output_layers(self) -> list[nn.Linear]:
        """The layers that give the network's logits."""
        heads = self.get_submodule("heads")
        return [layer for layer in heads.modules() if isinstance(layer, nn.Linear)]

    def on_base(self, logits: list[Tensor], batch: LabelledBatch) -> list[Tensor]:
        """The network's logits (B, K) of each head plus those of the simple model, if there is one.

        In training a row is without those of the simple model with the probability `base_dropout`, in all heads.
        """
        if self.base is None:
            return logits
        assert batch.base is not None, "the batch has no logits of the model's base"
        weight: float | Tensor = BASE_WEIGHT
        if self.training and self.base_dropout:
            weight = BASE_WEIGHT * (torch.rand(len(logits[0]), 1, device=logits[0].device) >= self.base_dropout)
        return [own + weight * batch.base[head.name] for own, head in zip(logits, self.head_specs, strict=True)]

    def loss(self, batch: LabelledBatch) -> Tensor:
        return self.loss_of(batch, self(batch), None)

    def training_step(self, batch: LabelledBatch, batch_idx: int) -> Tensor:
        loss = self.loss_of(batch, self(batch), self.head_metric("train"))
        return loss * self.num_parts

    def validation_step(self, batch: LabelledBatch, batch_idx: int) -> None:
        self.loss_of(batch, self(batch), self.head_metric("val"))

    def on_test_epoch_start(self) -> None:
        super().on_test_epoch_start()
        self.test_outputs = []

    def test_step(self, batch: LabelledBatch, batch_idx: int) -> None:
        logits = self(batch)
        self.loss_of(batch, logits, self.head_metric("test"))
        kept = num_counted(batch)
        probabilities = [head.float().softmax(-1)[:kept].cpu() for head in logits]
        self.test_outputs.append((batch.rows[:kept].cpu(), probabilities))

    def on_test_epoch_end(self) -> None:
        self.test_outputs = of_all_processes(self.test_outputs, self.device)

    def predict_step(self, batch: LabelledBatch, batch_idx: int) -> Logits:
        """Logits with labels, for the temperatures; no metric is updated."""
        kept = num_counted(batch)
        labels = {name: each[:kept].cpu() for name, each in batch.labels.items()}
        return batch.rows[:kept].cpu(), [head.float()[:kept].cpu() for head in self(batch)], labels

    def new_metric(self, split: str) -> HeadMetric:
        """An empty metric with the names and the loss of a split."""
        extra = self.training_plan.extra_metrics
        return HeadMetric(self.head_specs, self.losses.of_epoch, split != "train", extra)

    def head_metric(self, split: str) -> HeadMetric:
        """The metric of a split."""
        metric = self.metrics[split]
        assert isinstance(metric, HeadMetric)
        return metric

    def loss_of(self, batch: LabelledBatch, logits: list[Tensor], metric: HeadMetric | None) -> Tensor:
        """The batch's part of its accumulation window's loss; `metric`, if any, is updated.

        The metric has the loss without the weights of rows, as in validation.
        """
        losses, shares = [], []
        for index, head in enumerate(self.head_specs):
            labels = batch.labels[head.name]
            rows, weight = self.losses.of_rows(index, logits[index], labels, adjusted=self.training)
            window = self.losses.window_weight(index, batch.window_counts[head.name]).clamp(min=1e-12)
            if metric is not None:
                metric.update(index, logits[index], labels, rows.sum(), weight)
            if self.training and head.name in self.row_weights:
                assert batch.base is not None, "the batch has no logits of the model's base"
                rows = rows * self.row_weights[head.name](batch.base[head.name], labels)
            losses.append(rows.sum() / window)
            shares.append(weight / window)
        total: Tensor = self.losses(torch.stack(losses), torch.stack(shares))
        return total


def predictions(outputs: list[tuple[Tensor, list[Tensor]]]) -> tuple[Tensor, list[Tensor]]:
    """Rows sorted, and per head the probabilities (N, K) in that order: predictions leave in input order."""
    rows = torch.cat([rows for rows, _ in outputs])
    order = rows.argsort()
    places = torch.empty_like(order)
    places[order] = torch.arange(len(order))
    # Each table is filled piece by piece: with many classes a second copy of it would be gigabytes.
    tables = [each.new_empty((len(rows), each.shape[1])) for each in outputs[0][1]]
    start = 0
    for some, probabilities in outputs:
        at = places[start : start + len(some)]
        start += len(some)
        for table, each in zip(tables, probabilities, strict=True):
            table[at] = each
    return rows[order], tables
