"""A classifier over any net for series, and its building from a request.

The nets of an ensemble each have heads of their own and are trained on their own loss, side by side in one optimizer;
what is told, counted and tested is the mean of their probabilities. A net's module is imported when it is asked for.
Shapes: B rows, T time steps, C channels, K classes, D features.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lab.config.schema import LossConfig
from lab.core.batches import SeriesBatch, SeriesSpec
from lab.models.classifier import Classifier, LabelledBatch
from lab.models.series.interfaces import CuttableNet, Net
from lab.models.task_module import Training

Sample = Callable[[int], SeriesBatch]
"""n -> n training windows as one batch, all of them where there are fewer; equal for equal seeds."""


class TimeSeriesClassifier(Classifier):
    """Nets (values, observed) -> (B, D) with a linear head for each label of the data's spec."""

    def __init__(self, spec: SeriesSpec, nets: list[Net], loss: LossConfig, dropout: float, training: Training) -> None:
        super().__init__(spec.heads, loss, training)
        self.spec = spec
        self.nets = nn.ModuleList(nets)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(
            nn.ModuleList(nn.Linear(net.dimension, head.num_classes) for head in spec.heads) for net in nets
        )

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """A layer of an ensemble is that layer of each of its nets."""
        embeddings = [part for net in self._members for part in net.embeddings]
        depths = list(zip(*(net.layers for net in self._members), strict=True))
        return embeddings, [parts[0] if len(parts) == 1 else nn.ModuleList(parts) for parts in depths]

    def forward(self, batch: SeriesBatch) -> list[Tensor]:
        """Log-probabilities, or for a single net logits, (B, K) of each head."""
        return joined(self.each(batch))

    def each(self, batch: SeriesBatch) -> list[list[Tensor]]:
        """Per net, logits (B, K) of each head."""
        found = []
        for net, heads in zip(self._members, self.heads, strict=True):
            assert isinstance(heads, nn.ModuleList)
            features = self.dropout(_features(net, batch))
            found.append([head(features) for head in heads])
        return found

    def loss(self, batch: SeriesBatch) -> Tensor:  # type: ignore[override]  # of all labelled batches it reads series
        return self._mean_loss(batch, self.each(batch))

    def training_step(self, batch: SeriesBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        if len(self.nets) == 1:
            return super().training_step(batch, batch_idx)
        each = self.each(batch)
        with torch.no_grad():
            self.loss_of(batch, joined(each), self.head_metric("train"))
        return self._mean_loss(batch, each) * self.trainer.accumulate_grad_batches

    def _mean_loss(self, batch: LabelledBatch, each: list[list[Tensor]]) -> Tensor:
        total: Tensor = torch.stack([self.loss_of(batch, logits, None) for logits in each]).mean()
        return total

    @property
    def _members(self) -> list[Net]:
        members = list(self.nets)
        assert all(isinstance(net, Net) for net in members)
        return members  # type: ignore[return-value]  # nn.ModuleList knows modules only


def _features(net: Net, batch: SeriesBatch) -> Tensor:
    """(B, D); from the states of the frozen layers where the batch brings them."""
    if batch.states is None:
        features: Tensor = net(batch.values, batch.observed)
        return features
    assert isinstance(net, CuttableNet), f"states for a {type(net).__name__}"
    return net.forward_above(batch.states, batch.values, batch.observed, batch.depth)


def joined(each: list[list[Tensor]]) -> list[Tensor]:
    """Logits of one net as they are; of several the log of their mean probabilities, (B, K) of each head."""
    if len(each) == 1:
        return each[0]
    per_head = zip(*each, strict=True)
    logs = (torch.stack([logits.float().log_softmax(-1) for logits in nets]) for nets in per_head)
    return [stacked.logsumexp(0) - torch.log(torch.tensor(len(each))) for stacked in logs]
