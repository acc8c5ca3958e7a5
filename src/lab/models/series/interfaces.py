"""The interface of nets for series: they read windows, give one vector per window, and name the parts that freezing
acts on.

The module also has what nets with masks share: a batch norm that skips padding and missing values, and padding on the
left, where the oldest samples are. Shapes: B rows, T time steps, C channels, F filters, D features.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.models.gathering import Sum, is_shared


class Net(nn.Module, ABC):
    """values (B, T, C) float32, 0 where `observed` (B, T, C) bool is False -> features (B, dimension).

    Values that are not observed have no influence. So a window gets the same features in any batch, with any padding.
    """

    dimension: int
    takes_no_mask = False
    """Whether `observed` may be None for a batch in which every value is observed."""

    @abstractmethod
    def forward(self, values: Tensor, observed: Tensor) -> Tensor: ...

    @property
    def embeddings(self) -> list[nn.Module]:
        """Modules below the first layer, and modules that layers share."""
        return []

    @property
    def layers(self) -> list[nn.Module]:
        """Layers from the input up; empty if there are none."""
        return []


class CuttableNet(Net):
    """A net that can be cut above any layer: `forward_above(forward_below(v, o, n), v, o, n)` is `forward(v, o)`.

    States have the same number of positions for windows of any length.
    """

    width: int
    """Size of the state at one position."""
    places: int
    """Number of positions."""

    @abstractmethod
    def signature(self) -> str:
        """Text with all settings that decide, besides the weights, what the layers compute."""

    @abstractmethod
    def forward_below(self, values: Tensor, observed: Tensor, num_layers: int) -> Tensor:
        """States (B, places, width) above the first `num_layers` layers."""

    @abstractmethod
    def forward_above(self, states: Tensor, values: Tensor, observed: Tensor | None, num_layers: int) -> Tensor:
        """The output of `forward`, from the states (B, places, width) after the first `num_layers` layers."""


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch norm of (B, F, T) over the time steps in `kept` (B, T) bool; the output of the other time steps is 0.

    If all time steps are kept, it equals torch's batch norm. The running variance is updated with the unbiased
    variance, as in torch.
    """

    is_synced = False
    """Whether statistics in training are of all processes (DDP), as with `trainer.sync_batchnorm`."""

    def forward(self, hidden: Tensor, kept: Tensor | None = None) -> Tensor:
        """Normalise hidden (B, C, T) where kept (B, T) is true, and return 0 elsewhere; None keeps everything."""
        if kept is None and not (self.training and self.is_synced and is_shared()):
            return super().forward(hidden)
        if kept is None:
            kept = torch.ones_like(hidden[:, 0], dtype=torch.bool)
        weight = kept[:, None].to(hidden.dtype)
        if not self.training:
            return super().forward(hidden) * weight
        mean, variance = self._batch_statistics(hidden.float(), kept[:, None].float())
        normal = (hidden - mean[:, None]) * (variance[:, None] + self.eps).rsqrt()
        return (normal * self.weight[:, None] + self.bias[:, None]) * weight

    def _batch_statistics(self, hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        sums = self._of_all(torch.cat([(hidden * weight).sum((0, 2)), weight.sum()[None]]))
        mean, count = sums[:-1] / sums[-1].clamp(min=1), sums[-1].detach().clamp(min=1)
        variance = self._of_all(((hidden - mean[:, None]).square() * weight).sum((0, 2))) / count
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.num_batches_tracked += 1
            unbiased = variance * count / (count - 1).clamp(min=1)
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        return mean, variance

    def _of_all(self, sums: Tensor) -> Tensor:
        if not (self.is_synced and is_shared()):
            return sums
        total: Tensor = Sum.apply(sums)  # type: ignore[no-untyped-call]  # torch has no types for it
        return total


def mask_of(kept: Tensor, whole: bool) -> Tensor | None:
    """`kept` (bool) as a mask, or None if it is True everywhere: attention and norms without a mask are faster.

    whole: it is known to be True everywhere. Otherwise it is read, but only on a CPU: a GPU must be waited for. An
    exported graph always has the mask, because its operations cannot depend on values.
    """
    if torch.compiler.is_exporting():
        return kept
    return None if whole or (kept.device.type == "cpu" and bool(kept.all())) else kept


def padded_left(values: Tensor, observed: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Both tensors (B, T, C), padded with unobserved zeros at the start to `length` time steps."""
    padding = length - values.shape[1]
    assert padding >= 0, f"{values.shape[1]} time steps do not fit in {length}"
    if not padding:
        return values, observed
    return functional.pad(values, (0, 0, padding, 0)), functional.pad(observed, (0, 0, padding, 0))


def normalised(values: Tensor, observed: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor, Tensor]:
    """Scale each channel of a window to mean 0 and (biased) variance 1 over its observed values, in fp32.

    Returns values (B, T, C), 0 where not observed; mean (B, 1, C); standard deviation (B, 1, C), the root of variance +
    eps. Mean and deviation have no gradient. A channel without observed values has mean 0 and deviation sqrt(eps).
    """
    kept = observed.float()
    count = kept.sum(1, keepdim=True).clamp(min=1)
    mean = ((values * kept).sum(1, keepdim=True) / count).detach()
    centred = (values - mean) * kept
    spread = (centred.square().sum(1, keepdim=True) / count + eps).sqrt().detach()
    return centred / spread, mean, spread


def weighed_mean(hidden: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Weighted mean over `dim`, in fp32; weights have the shape of hidden without its last dimension.

    The mean is 0 where all weights are 0.
    """
    weights = weights.float().unsqueeze(-1)
    total: Tensor = (hidden.float() * weights).sum(dim) / weights.sum(dim).clamp(min=1e-12)
    return total
