"""What every net for series is to the rest: windows in, one vector a window out, and the parts freezing acts on.

Also the two things that nets with masks share: a norm over batch and time that leaves padding and gaps out, and padding
on the left, where the oldest samples are. Shapes: B rows, T time steps, C channels, F filters, D features.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional


class Net(nn.Module, ABC):
    """values (B, T, C) float32, 0 where `observed` (B, T, C) bool is False -> features (B, dimension).

    What is not observed has no influence, so a window scores the same in whatever company it is padded.
    """

    dimension: int

    @abstractmethod
    def forward(self, values: Tensor, observed: Tensor) -> Tensor: ...

    @property
    def embeddings(self) -> list[nn.Module]:
        """All that stands below the first layer or is shared by layers."""
        return []

    @property
    def layers(self) -> list[nn.Module]:
        """Blocks from the input up; empty where there are none."""
        return []


class CuttableNet(Net):
    """A net that can be cut above any layer: `forward_above(forward_below(v, o, n), v, o, n)` is `forward(v, o)`.

    States have the same number of places for windows of any length.
    """

    width: int
    """Numbers of a state at one place."""
    places: int

    @abstractmethod
    def signature(self) -> str:
        """What decides, besides the weights, what the layers compute."""

    @abstractmethod
    def forward_below(self, values: Tensor, observed: Tensor, num_layers: int) -> Tensor:
        """States (B, places, width) above the first `num_layers` layers."""

    @abstractmethod
    def forward_above(self, states: Tensor, values: Tensor, observed: Tensor, num_layers: int) -> Tensor:
        """What `forward` makes of states that have been through `num_layers` layers."""


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch norm of (B, F, T) whose statistics are of the time steps in `kept` (B, T) bool; the others come out as 0.

    Equal to torch's own where all are kept. Unbiased variance goes into the running one, as torch does.
    """

    def forward(self, hidden: Tensor, kept: Tensor | None = None) -> Tensor:
        if kept is None:
            return super().forward(hidden)
        weight = kept[:, None].to(hidden.dtype)
        if not self.training:
            return super().forward(hidden) * weight
        mean, variance = self._seen(hidden.float(), kept[:, None].float())
        normal = (hidden - mean[:, None]) * (variance[:, None] + self.eps).rsqrt()
        return (normal * self.weight[:, None] + self.bias[:, None]) * weight

    def _seen(self, hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        count = weight.sum().clamp(min=1)
        mean = (hidden * weight).sum((0, 2)) / count
        variance = ((hidden - mean[:, None]).square() * weight).sum((0, 2)) / count
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


def padded_left(values: Tensor, observed: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Both (B, T, C) with unobserved zeros in front, `length` time steps in all; no sample is lost."""
    missing = length - values.shape[1]
    assert missing >= 0, f"{values.shape[1]} time steps do not fit in {length}"
    if not missing:
        return values, observed
    return functional.pad(values, (0, 0, missing, 0)), functional.pad(observed, (0, 0, missing, 0))


def normalised(values: Tensor, observed: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor, Tensor]:
    """Each channel of a window to mean 0 and (biased) variance 1 over what is observed, in fp32.

    Gives (values (B, T, C), 0 where unobserved; mean (B, 1, C); standard deviation (B, 1, C), from variance + eps).
    Mean and deviation are constants to the gradient. A channel without any sample has mean 0 and deviation sqrt(eps).
    """
    kept = observed.float()
    count = kept.sum(1, keepdim=True).clamp(min=1)
    mean = ((values * kept).sum(1, keepdim=True) / count).detach()
    centred = (values - mean) * kept
    spread = (centred.square().sum(1, keepdim=True) / count + eps).sqrt().detach()
    return centred / spread, mean, spread


def weighed_mean(hidden: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Mean over `dim`, in fp32; weights as hidden without its last dimension. Zeros where all weights are 0."""
    weights = weights.float().unsqueeze(-1)
    total: Tensor = (hidden.float() * weights).sum(dim) / weights.sum(dim).clamp(min=1e-12)
    return total
