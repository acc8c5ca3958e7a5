"""The frozen part of a net for time series. It is a fixed function of a window, so its hidden states are computed once.

It works as `lab.models.text.frozen_prefix` does for texts, with one difference: windows of any length have the same
number of positions. Every batch has the same number of rows, because a matrix product may round differently for other
sizes. Shapes: B rows, T time steps, C channels.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lab.models.parameters import fingerprint, trainable_below
from lab.models.series.interfaces import CuttableNet, Net

TOKENS_PER_BATCH = 1024
"""Positions in a batch, as for texts."""
FORMAT = 2
"""Raise it when a change in this file gives other states for the same weights and windows."""

Windows = Callable[[npt.NDArray[np.int64]], tuple[Tensor, Tensor]]
"""Row numbers -> their values (B, T, C) and which of these were observed (B, T, C)."""


class SeriesPrefix:
    """The embedding and first `num_layers` layers of a net.

    autocast: opens the precision of a forward pass, the same as in training. Raises ValueError with the reason if the
    states are not a fixed function of the window.
    """

    def __init__(self, net: Net, num_layers: int, autocast: Callable[[], AbstractContextManager[object]]) -> None:
        reason = refusal(net, num_layers)
        if reason:
            raise ValueError(reason)
        assert isinstance(net, CuttableNet)
        self.net, self.num_layers, self.autocast = net, num_layers, autocast
        self.width, self.places = net.width, net.places

    @property
    def modules(self) -> list[nn.Module]:
        """The modules of the frozen part, from the input up."""
        return [*self.net.embeddings, *self.net.layers[: self.num_layers]]

    def fingerprint(self) -> str:
        """Hex digest that changes whenever the states of any window would change."""
        settings: list[object] = [FORMAT, "series", self.num_layers, self.places, self.net.signature()]
        return fingerprint(self.modules, settings, self.autocast)

    @torch.inference_mode()
    def states(self, windows: Windows, rows: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """Yield batches of (row numbers, their states (B * places, width) in fp32 on the CPU)."""
        for module in self.modules:
            module.eval()
        device = next(self.net.parameters()).device
        size = max(1, TOKENS_PER_BATCH // self.places)
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            values, observed = _filled(*windows(batch), size + 1)
            with self.autocast():
                states = self.net.forward_below(values.to(device), observed.to(device), self.num_layers)
            yield batch, states[: len(batch)].float().cpu().flatten(0, 1)


def _filled(values: Tensor, observed: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The batch with filler rows up to `size` rows.

    A filler row has one observed time step. So every batch has the same shape, and every batch is masked.
    """
    num_fillers = size - len(values)
    filler_observed = torch.zeros(num_fillers, *observed.shape[1:], dtype=torch.bool)
    filler_observed[:, -1] = True
    return torch.cat([values, values.new_zeros(filler_observed.shape)]), torch.cat([observed, filler_observed])


def refusal(net: Net, num_layers: int) -> str | None:
    """Why the hidden states above the first layers of a net cannot be kept; None if they can."""
    if not isinstance(net, CuttableNet):
        return "this net cannot be cut between layers; model=timer_xl can"
    return trainable_below([*net.embeddings, *net.layers[:num_layers]], num_layers)
