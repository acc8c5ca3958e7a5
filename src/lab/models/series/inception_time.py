"""InceptionTime (arXiv 1909.04939): modules of parallel convolutions of three lengths, then the mean over time.

As in the paper, convolutions have no bias, and a module has a bottleneck (if it has more than one input channel), a
max-pooling branch, batch norm and ReLU. Three modules form a block with a residual connection (convolution and norm).
Padding and time steps without observed values are 0 after every module, and norms and the mean skip these, so windows
of different lengths can be in one batch. Shapes: B rows, T time steps, C channels, F filters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import InceptionTime
from lab.core.batches import SeriesSpec
from lab.core.registry import SERIES_NETS
from lab.models.series.interfaces import MaskedBatchNorm, Net, mask_of, weighed_mean

MODULES_PER_BLOCK = 3


class Inception(nn.Module):
    """One module: hidden (B, C, T) -> (B, 4 F, T); time steps that are not `kept` (B, T) are 0."""

    def __init__(self, channels: int, config: InceptionTime) -> None:
        super().__init__()
        filters = config.filters
        several = channels > 1
        self.bottleneck = nn.Conv1d(channels, config.bottleneck, 1, bias=False) if several else nn.Identity()
        width = config.bottleneck if several else channels
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, filters, kernel, padding="same", bias=False) for kernel in config.kernels
        )
        self.pooled = nn.Conv1d(channels, filters, 1, bias=False)
        self.norm = MaskedBatchNorm(filters * (len(config.kernels) + 1))

    def forward(self, hidden: Tensor, kept: Tensor | None) -> Tensor:
        narrow = self.bottleneck(hidden)
        maximum = _max_of_neighbours(hidden, kept)
        branches = [*(convolution(narrow) for convolution in self.convolutions), self.pooled(maximum)]
        return functional.relu(self.norm(torch.cat(branches, 1), kept))


def _max_of_neighbours(hidden: Tensor, kept: Tensor | None) -> Tensor:
    """Maximum over each time step and its two neighbours, without time steps that are not kept."""
    if kept is None:
        return functional.max_pool1d(hidden, 3, stride=1, padding=1)
    missing = ~kept[:, None]
    maximum = functional.max_pool1d(hidden.masked_fill(missing, -torch.inf), 3, stride=1, padding=1)
    return maximum.masked_fill(missing, 0.0)


class Residual(nn.Module):
    """Three modules with a residual connection: (B, C, T) -> (B, 4 F, T)."""

    def __init__(self, channels: int, num_modules: int, config: InceptionTime) -> None:
        super().__init__()
        width = config.filters * (len(config.kernels) + 1)
        self.parts = nn.ModuleList(Inception(channels if n == 0 else width, config) for n in range(num_modules))
        self.around = nn.Conv1d(channels, width, 1, bias=False) if num_modules == MODULES_PER_BLOCK else None
        self.norm = MaskedBatchNorm(width) if self.around is not None else None

    def forward(self, hidden: Tensor, kept: Tensor | None) -> Tensor:
        out = hidden
        for part in self.parts:
            out = part(out, kept)
        if self.around is None or self.norm is None:  # a last block of fewer than three modules is not residual
            return out
        return functional.relu(out + self.norm(self.around(hidden), kept))


class InceptionTimeNet(Net):
    """One net of the ensemble. With three kernel lengths, `dimension` is four times `model.filters`."""

    takes_no_mask = True

    def __init__(self, model: InceptionTime, channels: int) -> None:
        super().__init__()
        width = model.filters * (len(model.kernels) + 1)
        counts = [min(MODULES_PER_BLOCK, model.depth - first) for first in range(0, model.depth, MODULES_PER_BLOCK)]
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

    def forward(self, values: Tensor, observed: Tensor | None) -> Tensor:
        whole = observed is None
        weights = torch.ones_like(values[..., 0], dtype=torch.bool) if observed is None else observed.any(-1)
        kept = mask_of(weights, whole)
        hidden = values.transpose(1, 2)
        for block in self.blocks:
            hidden = block(hidden, kept)
        return weighed_mean(hidden.transpose(1, 2), weights, dim=1).to(hidden.dtype)


@SERIES_NETS.register("inception_time")
def for_data(model: InceptionTime, spec: SeriesSpec) -> InceptionTimeNet:
    """The net for the channels and windows of the data."""
    return InceptionTimeNet(model, len(spec.channels))
