"""InceptionTime (arXiv 1909.04939): modules of parallel convolutions of three lengths, residual every third, mean over
time.

As in the paper: no bias, a bottleneck of width 1 where more than one channel comes in, a max-pool branch, batch norm
and ReLU behind each module, a residual block of three modules with a convolution and a norm on the way around. Padding
and steps without any sample are 0 after every module and are left out of norms and of the mean, so windows of unequal
length can share a batch. Shapes: B rows, T time steps, C channels, F filters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import InceptionTime
from lab.models.series.interfaces import MaskedBatchNorm, Net, weighed_mean

MODULES_A_BLOCK = 3


class Inception(nn.Module):
    """hidden (B, C, T) -> (B, 4 F, T), time steps not `kept` (B, T) are 0."""

    def __init__(self, channels: int, config: InceptionTime) -> None:
        super().__init__()
        filters = config.filters
        narrow = channels > 1
        self.bottleneck = nn.Conv1d(channels, config.bottleneck, 1, bias=False) if narrow else nn.Identity()
        width = config.bottleneck if narrow else channels
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, filters, kernel, padding="same", bias=False) for kernel in config.kernels
        )
        self.pooled = nn.Conv1d(channels, filters, 1, bias=False)
        self.norm = MaskedBatchNorm(filters * (len(config.kernels) + 1))

    def forward(self, hidden: Tensor, kept: Tensor | None) -> Tensor:
        narrow = self.bottleneck(hidden)
        highest = _highest(hidden, kept)
        branches = [*(convolution(narrow) for convolution in self.convolutions), self.pooled(highest)]
        return functional.relu(self.norm(torch.cat(branches, 1), kept))


def _highest(hidden: Tensor, kept: Tensor | None) -> Tensor:
    """Maximum of three neighbouring steps; what is not kept is no neighbour."""
    if kept is None:
        return functional.max_pool1d(hidden, 3, stride=1, padding=1)
    missing = ~kept[:, None]
    found = functional.max_pool1d(hidden.masked_fill(missing, -torch.inf), 3, stride=1, padding=1)
    return found.masked_fill(missing, 0.0)


class Residual(nn.Module):
    """Three modules with a way around them: (B, C, T) -> (B, 4 F, T)."""

    def __init__(self, channels: int, num_modules: int, config: InceptionTime) -> None:
        super().__init__()
        width = config.filters * (len(config.kernels) + 1)
        self.parts = nn.ModuleList(Inception(channels if n == 0 else width, config) for n in range(num_modules))
        self.around = nn.Conv1d(channels, width, 1, bias=False) if num_modules == MODULES_A_BLOCK else None
        self.norm = MaskedBatchNorm(width) if self.around is not None else None

    def forward(self, hidden: Tensor, kept: Tensor | None) -> Tensor:
        out = hidden
        for part in self.parts:
            out = part(out, kept)
        if self.around is None or self.norm is None:  # a rest of fewer than three modules has no way around
            return out
        return functional.relu(out + self.norm(self.around(hidden), kept))


class InceptionTimeNet(Net):
    """One network of the ensemble; dimension is four times `model.filters`, with three kernel lengths."""

    def __init__(self, model: InceptionTime, channels: int) -> None:
        super().__init__()
        width = model.filters * (len(model.kernels) + 1)
        counts = [min(MODULES_A_BLOCK, model.depth - first) for first in range(0, model.depth, MODULES_A_BLOCK)]
        self.blocks = nn.ModuleList(
            Residual(channels if number == 0 else width, count, model) for number, count in enumerate(counts)
        )
        self.dimension = width
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.xavier_uniform_(module.weight)

    @property
    def layers(self) -> list[nn.Module]:
        return list(self.blocks)

    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        kept: Tensor | None = observed.any(-1)
        assert kept is not None
        weights: Tensor = kept
        if bool(kept.all()):
            kept = None
        hidden = values.transpose(1, 2)
        for block in self.blocks:
            hidden = block(hidden, kept)
        return weighed_mean(hidden.transpose(1, 2), weights, dim=1).to(hidden.dtype)
