"""The frozen part of an encoder: a fixed function of a text's ids, so its hidden states need computing once.

What names that function: every weight below the cut, the architecture, the number of layers, and the arithmetic they
run in (precision, device, attention, versions of torch and transformers). Dropout is off in it, as `Freeze` has it in
training. A multiplication may round otherwise for other sizes, so each text goes through in a batch whose shape its own
length decides: width from a grid, always as many rows, always a mask. Which other texts are to be computed, and in what
order, then changes nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import numpy.typing as npt
import torch
import transformers
from torch import Tensor, nn

from lab.core.batches import Ids
from lab.models.fingerprint import fingerprint
from lab.models.text.interfaces import CuttableEncoder, TextEncoder, is_adapter

TOKENS_AT_ONCE, ROWS_AT_ONCE = 1024, 8
"""Padded tokens in a batch, and texts in one of long texts: enough to keep two cores busy and to make little of the
filler, and little enough that filling batches up costs little."""
FORMAT = 3
"""To be raised when the same weights and ids would give other numbers for a reason in this file."""


class FrozenPrefix:
    """The embeddings and first `num_layers` layers of an encoder.

    autocast: the precision of a forward pass, as in training. Raises ValueError with the reason where the states would
    not be a fixed function of the ids: an encoder that cannot be cut, or weights below the cut that train.
    """

    def __init__(
        self, encoder: TextEncoder, num_layers: int, autocast: Callable[[], AbstractContextManager[object]]
    ) -> None:
        reason = refusal(encoder, num_layers)
        if reason:
            raise ValueError(reason)
        assert isinstance(encoder, CuttableEncoder)
        self.encoder, self.num_layers, self.autocast = encoder, num_layers, autocast
        self.width = encoder.dimension

    @property
    def modules(self) -> list[nn.Module]:
        return [*self.encoder.embeddings, *self.encoder.layers[: self.num_layers]]

    def fingerprint(self) -> str:
        """Hex digest that changes whenever the states of some text would by more than another chip of the same
        instructions may round otherwise. Cost: about 1 s per GiB of weights."""
        about = [FORMAT, self.num_layers, transformers.__version__, self.encoder.signature()]
        return fingerprint(self.modules, about, self.autocast)

    @torch.inference_mode()
    def states(
        self, ids: Callable[[int], Ids], lengths: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], pad_id: int
    ) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """Batches (rows, states (sum of their lengths, width) fp32 on the CPU), from the longest rows to the shortest.

        ids: row -> its ids; lengths: of all rows.
        """
        for module in self.modules:
            module.eval()
        longest = self.encoder.longest(pad_id)
        for batch in _batches(lengths, rows, longest):
            width = int(_widths(lengths[batch[:1]], longest)[0])
            padded = torch.full((_num_rows(width) + 1, width), pad_id)  # the last is a filler, so that there is a mask
            mask = torch.zeros(padded.shape, dtype=torch.bool)
            mask[:, 0] = True
            for place, row in enumerate(batch.tolist()):
                padded[place, : lengths[row]] = torch.from_numpy(ids(row).astype(np.int64))
                mask[place, : lengths[row]] = True
            with self.autocast():
                found = self.encoder.forward_below(padded.to(self._device), mask.to(self._device), self.num_layers)
            yield batch, found.float().cpu()[: len(batch)][mask[: len(batch)]]

    @property
    def _device(self) -> torch.device:
        return next(self.encoder.parameters()).device


def refusal(encoder: TextEncoder, num_layers: int) -> str | None:
    """Why hidden states above the first layers of an encoder cannot be kept; None where they can.

    Asked once what is frozen is.
    """
    if not isinstance(encoder, CuttableEncoder):
        return "the model has no layers"
    if encoder.whole:
        return f"this encoder cannot be cut between layers: {encoder.whole}"
    frozen = [*encoder.embeddings, *encoder.layers[:num_layers]]
    if any(is_adapter(name) for module in frozen for name, _ in module.named_parameters()):
        return f"there are adapters below layer {num_layers}"
    training = sum(
        parameter.numel() for module in frozen for parameter in module.parameters() if parameter.requires_grad
    )
    return f"{training:,} parameters below layer {num_layers} train" if training else None


def _batches(
    lengths: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], longest: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of one width at a time, from the widest."""
    order = rows[np.argsort(-lengths[rows], kind="stable")]
    widths = _widths(lengths[order], longest)
    for width in np.unique(widths)[::-1].tolist():
        same = order[widths == width]
        for start in range(0, len(same), _num_rows(width)):
            yield same[start : start + _num_rows(width)]


def _num_rows(width: int) -> int:
    return max(ROWS_AT_ONCE, TOKENS_AT_ONCE // width)


def _widths(lengths: npt.NDArray[np.int64], longest: int) -> npt.NDArray[np.int64]:
    """Each length up to the next of a grid with 4 steps between powers of two, as far as the encoder has positions."""
    wide = np.maximum(lengths, 2)
    step = 2 ** np.maximum(np.floor(np.log2(wide)).astype(np.int64) - 2, 0)
    top = -(-wide // step) * step
    found: npt.NDArray[np.int64] = np.maximum(np.minimum(top, longest), lengths)
    return found
