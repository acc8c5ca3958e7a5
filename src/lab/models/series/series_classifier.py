"""A classifier with one or several nets for series (an ensemble).

Each net of an ensemble has its own heads and its own loss; one optimizer trains all of them. Predictions and scores use
the mean of their probabilities. Shapes: B rows, T time steps, C channels, K classes, D features.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import AnyLoss
from lab.core.batches import SeriesBatch, SeriesSpec
from lab.models.classifier import Classifier, LabelledBatch
from lab.models.series.interfaces import CuttableNet, Net
from lab.models.task_module import Training

Sample = Callable[[int], SeriesBatch]
"""n -> a batch of n training windows, or of all if there are fewer. Equal seeds give equal windows."""


class TimeSeriesClassifier(Classifier):
    """Nets that map (values, observed) to features (B, D), each with a linear head per label of the data's spec.

    linear_skip: last values of each channel that the heads read beside the features.
    """

    def __init__(
        self,
        spec: SeriesSpec,
        nets: list[Net],
        loss: AnyLoss,
        dropout: float,
        training: Training,
        linear_skip: int = 0,
    ) -> None:
        super().__init__(spec.heads, loss, training)
        self.spec = spec
        self.nets = nn.ModuleList(nets)
        self.dropout = nn.Dropout(dropout)
        self.linear_skip = linear_skip
        skipped = linear_skip * len(spec.channels)
        self.heads = nn.ModuleList(
            nn.ModuleList(nn.Linear(net.dimension + skipped, head.num_classes) for head in spec.heads) for net in nets
        )

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Layer n of an ensemble is layer n of each of its nets."""
        embeddings = [part for net in self._members for part in net.embeddings]
        depths = list(zip(*(net.layers for net in self._members), strict=True))
        return embeddings, [parts[0] if len(parts) == 1 else nn.ModuleList(parts) for parts in depths]

    def forward(self, batch: SeriesBatch) -> list[Tensor]:
        """Per head (B, K): log-probabilities of an ensemble, logits of a single net."""
        return joined(self.each(batch))

    def each(self, batch: SeriesBatch) -> list[list[Tensor]]:
        """Per net and head, logits (B, K)."""
        logits = []
        for net, heads in zip(self._members, self.heads, strict=True):
            assert isinstance(heads, nn.ModuleList)
            features = _features(net, batch)
            if self.linear_skip:
                newest = last_values(batch.values, self.linear_skip)
                features = torch.cat([features, newest.to(features.dtype)], -1)
            features = self.dropout(features)
            logits.append(self.on_base([head(features) for head in heads], batch))
        return logits

    def loss(self, batch: SeriesBatch) -> Tensor:  # type: ignore[override]  # narrower: only batches of series
        return self._mean_loss(batch, self.each(batch))

    def training_step(self, batch: SeriesBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        if len(self.nets) == 1:
            return super().training_step(batch, batch_idx)
        each = self.each(batch)
        with torch.no_grad():
            self.loss_of(batch, joined(each), self.head_metric("train"))
        return self._mean_loss(batch, each) * self.num_parts

    def _mean_loss(self, batch: LabelledBatch, each: list[list[Tensor]]) -> Tensor:
        total: Tensor = torch.stack([self.loss_of(batch, logits, None) for logits in each]).mean()
        return total

    @property
    def _members(self) -> list[Net]:
        members = list(self.nets)
        assert all(isinstance(net, Net) for net in members)
        return members  # type: ignore[return-value]  # nn.ModuleList is typed as a list of modules


def _features(net: Net, batch: SeriesBatch) -> Tensor:
    """Features (B, D), computed from the batch's states of the frozen layers if it has these."""
    observed = None if batch.whole and net.takes_no_mask else batch.observed
    if batch.states is None:
        features: Tensor = net(batch.values, observed)
        return features
    assert isinstance(net, CuttableNet), f"states for a {type(net).__name__}"
    return net.forward_above(batch.states, batch.values, observed, batch.depth)


def last_values(values: Tensor, num: int) -> Tensor:
    """(B, num C) of windows (B, T, C), newest first; 0 before the window, as where a value is missing."""
    missing = max(0, num - values.shape[1])
    return functional.pad(values, (0, 0, missing, 0))[:, -num:].flip(1).flatten(1)


def joined(each: list[list[Tensor]]) -> list[Tensor]:
    """Per head (B, K): the logits of a single net, or the log of the mean probability over several nets."""
    if len(each) == 1:
        return each[0]
    per_head = zip(*each, strict=True)
    logs = (torch.stack([logits.float().log_softmax(-1) for logits in nets]) for nets in per_head)
    return [stacked.logsumexp(0) - math.log(len(each)) for stacked in logs]
