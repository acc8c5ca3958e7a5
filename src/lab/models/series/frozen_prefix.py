"""The frozen part of a net for series: a fixed function of a window, so its hidden states need computing once.

As `lab.models.text.frozen_prefix` is for texts, batches of one shape included. Windows have equally many places,
whatever their length.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lab.models.fingerprint import fingerprint
from lab.models.series.interfaces import CuttableNet, Net

PLACES_AT_ONCE = 1024
"""Tokens in a batch, as for texts."""
FORMAT = 2
"""To be raised when the same weights and windows would give other numbers for a reason in this file."""

Windows = Callable[[npt.NDArray[np.int64]], tuple[Tensor, Tensor]]
"""Rows -> their values and what was observed, both (B, T, C)."""


class SeriesPrefix:
    """The embedding and first `num_layers` layers of a net.

    autocast: the precision of a forward pass, as in training. Raises ValueError with the reason where the states would
    not be a fixed function of the window.
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
        return [*self.net.embeddings, *self.net.layers[: self.num_layers]]

    def fingerprint(self) -> str:
        """Hex digest that changes whenever the states of some window would."""
        about: list[object] = [FORMAT, "series", self.num_layers, self.places, self.net.signature()]
        return fingerprint(self.modules, about, self.autocast)

    @torch.inference_mode()
    def states(self, windows: Windows, rows: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """Batches (rows, states (B * places, width) fp32 on the CPU)."""
        for module in self.modules:
            module.eval()
        device = next(self.net.parameters()).device
        size = max(1, PLACES_AT_ONCE // self.places)
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            values, observed = _filled(*windows(batch), size + 1)
            with self.autocast():
                found = self.net.forward_below(values.to(device), observed.to(device), self.num_layers)
            yield batch, found[: len(batch)].float().cpu().flatten(0, 1)


def _filled(values: Tensor, observed: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rows of one step each behind a batch, so that its shape, and that it is masked, is the same for all windows."""
    fillers = size - len(values)
    more = torch.zeros(fillers, *observed.shape[1:], dtype=torch.bool)
    more[:, -1] = True
    return torch.cat([values, values.new_zeros(more.shape)]), torch.cat([observed, more])


def refusal(net: Net, num_layers: int) -> str | None:
    """Why hidden states above the first layers of a net cannot be kept; None where they can."""
    if not isinstance(net, CuttableNet):
        return "this net cannot be cut between layers; model=timer_xl can"
    frozen = [*net.embeddings, *net.layers[:num_layers]]
    training = sum(
        parameter.numel() for module in frozen for parameter in module.parameters() if parameter.requires_grad
    )
    return f"{training:,} parameters below layer {num_layers} train" if training else None
