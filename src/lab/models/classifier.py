"""Classification heads over any encoder or net: losses, tallies, the three steps. Shapes: B rows, K classes, H heads.

loss = sum over heads of weight * cross-entropy over the rows whose label is known. Every metric comes from one
confusion matrix per head and split. A subclass says how a batch becomes logits.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from lab.config.schema import LossConfig
from lab.core.batches import HeadSpec
from lab.models.losses import HeadLosses
from lab.models.metrics import auroc, confusion, mean_over_heads, scores
from lab.models.task_module import Tally, TaskModule, Training


class LabelledBatch(Protocol):
    """labels: per head (B,) int64; rows: (B,) int64; window_counts: per head (K,) int64, as in `lab.core.batches`."""

    labels: dict[str, Tensor]
    rows: Tensor
    window_counts: dict[str, Tensor]

    def __len__(self) -> int: ...


class HeadTally(Tally):
    """Per head: confusion matrix, summed loss and label weight; for two classes also the second's probability.

    A model that has diverged has no scores: one row whose logits are no numbers, and all of its head's are NaN, and so
    are the means over heads. The largest of such logits would still name a class.
    Sums stay on the device of the logits and are read once an epoch: reading them for each batch would make a GPU wait.
    """

    def __init__(self, heads: tuple[HeadSpec, ...], losses: HeadLosses, ranked: bool) -> None:
        self.heads, self.losses = heads, losses
        self.ranked = ranked
        """Whether probabilities are kept for the area under the ROC curve (not for training rows)."""
        self.reset()

    def reset(self) -> None:
        self.matrices = [torch.zeros(head.num_classes, head.num_classes, dtype=torch.long) for head in self.heads]
        self.sums = torch.zeros(len(self.heads), 2, dtype=torch.double)
        self.diverged = torch.zeros(len(self.heads), dtype=torch.bool)
        self.binary: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self.heads]

    @torch.no_grad()
    def add(self, index: int, logits: Tensor, labels: Tensor, summed: Tensor, weight: Tensor) -> None:
        self._follow(logits.device)
        num_classes = self.heads[index].num_classes
        self.matrices[index] += confusion(logits.argmax(-1), labels, num_classes)
        self.sums[index] += torch.stack([summed, weight]).double()
        self.diverged[index] |= ~torch.isfinite(logits).all()
        if self.ranked and num_classes == 2:
            self.binary[index].append((logits.float().softmax(-1)[:, 1], labels))

    def scores(self) -> dict[str, float]:
        sums, diverged = self.sums.cpu(), self.diverged.tolist()
        means = sums[:, 0] / sums[:, 1]
        per_head = {}
        for index, head in enumerate(self.heads):
            values = scores(self.matrices[index].cpu())
            if self.binary[index]:
                probabilities, labels = (torch.cat(parts).cpu() for parts in zip(*self.binary[index], strict=True))
                values["auc"] = torch.nan if diverged[index] else auroc(probabilities, labels)
            values["loss"] = float(means[index])
            per_head[head.name] = dict.fromkeys(values, torch.nan) if diverged[index] else values
        found = mean_over_heads(per_head) | {"loss": float(self.total(means, sums[:, 1] > 0))}
        if any(diverged):
            found |= {name: torch.nan for name in found if "/" not in name}
        return found

    @torch.no_grad()
    def total(self, means: Tensor, known: Tensor) -> Tensor:
        """Mean losses of the heads (H,) as one, weighed as in training; those not `known` (H,) bool are left out."""
        device = self.losses.head_weights.device
        total: Tensor = self.losses(torch.where(known, means, 0.0).float().to(device), known.float().to(device))
        return total

    def state(self) -> dict[str, Any]:
        return {
            "matrices": [matrix.to("cpu", copy=True) for matrix in self.matrices],
            "sums": self.sums.to("cpu", copy=True),
            "diverged": self.diverged.to("cpu", copy=True),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.matrices = [matrix.clone() for matrix in state["matrices"]]
        self.sums = state["sums"].clone()
        if "diverged" in state:  # not yet kept by runs of older versions
            self.diverged = state["diverged"].clone()

    def _follow(self, device: torch.device) -> None:
        """To the device of the logits, once an epoch or after a resume."""
        if self.sums.device != device:
            self.matrices = [matrix.to(device) for matrix in self.matrices]
            self.sums, self.diverged = self.sums.to(device), self.diverged.to(device)


class Classifier(TaskModule):
    """A task whose `forward(batch)` gives logits (B, K) of each head."""

    def __init__(self, heads: tuple[HeadSpec, ...], loss: LossConfig, training: Training) -> None:
        super().__init__(training)
        self.head_specs = heads
        self.losses = HeadLosses(heads, loss)
        self.tallies = {split: HeadTally(heads, self.losses, split != "train") for split in ("train", "val", "test")}
        self.test_outputs: list[tuple[Tensor, list[Tensor]]] = []
        """After a test: (rows (B,), probabilities per head (B, K)) of each batch, on the CPU."""

    def loss(self, batch: LabelledBatch) -> Tensor:
        return self.loss_of(batch, self(batch), None)

    def training_step(self, batch: LabelledBatch, batch_idx: int) -> Tensor:
        loss = self.loss_of(batch, self(batch), self._tally("train"))
        # Lightning divides by the number of accumulated batches; the parts already add up.
        return loss * self.trainer.accumulate_grad_batches

    def validation_step(self, batch: LabelledBatch, batch_idx: int) -> None:
        self.loss_of(batch, self(batch), self._tally("val"))

    def on_test_epoch_start(self) -> None:
        super().on_test_epoch_start()
        self.test_outputs = []

    def test_step(self, batch: LabelledBatch, batch_idx: int) -> None:
        logits = self(batch)
        self.loss_of(batch, logits, self._tally("test"))
        self.test_outputs.append((batch.rows.cpu(), [head.float().softmax(-1).cpu() for head in logits]))

    def _tally(self, split: str) -> HeadTally:
        tally = self.tallies[split]
        assert isinstance(tally, HeadTally)
        return tally

    def loss_of(self, batch: LabelledBatch, logits: list[Tensor], tally: HeadTally | None) -> Tensor:
        losses, shares = [], []
        for index, head in enumerate(self.head_specs):
            labels = batch.labels[head.name]
            summed, weight = self.losses.of_head(index, logits[index], labels)
            window = self.losses.window_weight(index, batch.window_counts[head.name]).clamp(min=1e-12)
            losses.append(summed / window)
            shares.append(weight / window)
            if tally is not None:
                tally.add(index, logits[index], labels, summed, weight)
        total: Tensor = self.losses(torch.stack(losses), torch.stack(shares))
        return total


def predictions(outputs: list[tuple[Tensor, list[Tensor]]]) -> tuple[Tensor, list[Tensor]]:
    """Rows sorted, and per head the probabilities (N, K) in that order: predictions leave in input order."""
    rows = torch.cat([rows for rows, _ in outputs])
    order = rows.argsort()
    heads = range(len(outputs[0][1]))
    return rows[order], [torch.cat([probabilities[head] for _, probabilities in outputs])[order] for head in heads]
