"""The frozen part of an encoder. It is a fixed function of a text's ids, so its hidden states are computed once.

The fingerprint covers all that decides this function: the weights of these layers, the architecture, the number of
layers and the arithmetic (precision, device, attention, versions of torch and transformers). Dropout is off, as
`Freeze` switches it off in training. A matrix product may round differently for other sizes. So the length of a text
alone decides the shape of its batch: a width from a grid, a fixed number of rows, and always a mask. The other texts
and their order change nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import numpy.typing as npt
import torch
import transformers
from torch import Tensor, nn

from lab.core.batches import Ids
from lab.models.parameters import fingerprint, trainable_below
from lab.models.pooling import pool
from lab.models.text.interfaces import CuttableEncoder, TextEncoder, is_adapter

TOKENS_PER_BATCH, MIN_ROWS_PER_BATCH = 1024, 8
"""Padded tokens in a batch, and the fewest texts in a batch of long texts. Larger batches keep two cores busy; smaller
batches waste less time on filler rows."""
FORMAT = 3
"""Raise it when a change in this file gives other states for the same weights and ids."""


class FrozenPrefix:
    """The embeddings and first `num_layers` layers of an encoder.

    autocast: opens the precision of a forward pass, the same as in training. pooling: one without weights, which is
    applied to the states, so that a text has one vector; None: a state for each token. Raises ValueError with the
    reason if the states are not a fixed function of the ids: the encoder cannot be cut, or weights below the cut train.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        num_layers: int,
        autocast: Callable[[], AbstractContextManager[object]],
        pooling: str | None = None,
    ) -> None:
        reason = refusal(encoder, num_layers)
        if reason:
            raise ValueError(reason)
        assert isinstance(encoder, CuttableEncoder)
        self.encoder, self.num_layers, self.autocast, self.pooling = encoder, num_layers, autocast, pooling
        self.width = encoder.dimension

    @property
    def modules(self) -> list[nn.Module]:
        """The modules of the frozen part, from the input up."""
        return [*self.encoder.embeddings, *self.encoder.layers[: self.num_layers]]

    def fingerprint(self) -> str:
        """Hex digest that changes whenever the states of any text would change.

        It does not cover the small rounding differences between chips that have the same instructions. Cost: about 1 s
        per GiB of weights.
        """
        settings: list[object] = [FORMAT, self.num_layers, transformers.__version__, self.encoder.signature()]
        settings += [] if self.pooling is None else [self.pooling]
        return fingerprint(self.modules, settings, self.autocast)

    @torch.inference_mode()
    def states(
        self, ids: Callable[[int], Ids], lengths: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], pad_id: int
    ) -> Iterator[tuple[npt.NDArray[np.int64], Tensor]]:
        """Yield batches of (row numbers, their states), from the longest rows to the shortest.

        ids: row number -> ids of the text. lengths: number of ids of every row. States are (sum of the batch's lengths,
        width), or (texts of the batch, width) if they are pooled, in fp32 on the CPU.
        """
        for module in self.modules:
            module.eval()
        longest = self.encoder.longest(pad_id)
        for batch in _batches(lengths, rows, longest):
            width = int(_widths(lengths[batch[:1]], longest)[0])
            padded = torch.full(
                (_num_rows(width) + 1, width), pad_id
            )  # the last row is a filler, so the batch has a mask
            mask = torch.zeros(padded.shape, dtype=torch.bool)
            mask[:, 0] = True
            for place, row in enumerate(batch.tolist()):
                padded[place, : lengths[row]] = torch.from_numpy(ids(row).astype(np.int64))
                mask[place, : lengths[row]] = True
            kept = mask.to(self._device)
            with self.autocast():
                states = self.encoder.forward_below(padded.to(self._device), kept, self.num_layers).float()
            if self.pooling is not None:
                yield batch, pool(states, kept, self.pooling).cpu()[: len(batch)]
            else:
                yield batch, states.cpu()[: len(batch)][mask[: len(batch)]]

    @property
    def _device(self) -> torch.device:
        return next(self.encoder.parameters()).device


def refusal(encoder: TextEncoder, num_layers: int) -> str | None:
    """Why the hidden states above the first layers of an encoder cannot be kept; None if they can.

    Call it after the layers are frozen.
    """
    if not isinstance(encoder, CuttableEncoder):
        return "the model has no layers"
    if encoder.whole:
        return f"this encoder cannot be cut between layers: {encoder.whole}"
    frozen = [*encoder.embeddings, *encoder.layers[:num_layers]]
    if any(is_adapter(name) for module in frozen for name, _ in module.named_parameters()):
        return f"there are adapters below layer {num_layers}"
    return trainable_below(frozen, num_layers)


def _batches(
    lengths: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], longest: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield batches of rows of one width, from the widest to the narrowest."""
    order = rows[np.argsort(-lengths[rows], kind="stable")]
    widths = _widths(lengths[order], longest)
    for width in np.unique(widths)[::-1].tolist():
        same = order[widths == width]
        for start in range(0, len(same), _num_rows(width)):
            yield same[start : start + _num_rows(width)]


def _num_rows(width: int) -> int:
    return max(MIN_ROWS_PER_BATCH, TOKENS_PER_BATCH // width)


def _widths(lengths: npt.NDArray[np.int64], longest: int) -> npt.NDArray[np.int64]:
    """Each length rounded up to a grid with 4 steps between powers of two, at most the longest input (`longest`)."""
    at_least_two = np.maximum(lengths, 2)
    step = 2 ** np.maximum(np.floor(np.log2(at_least_two)).astype(np.int64) - 2, 0)
    rounded_up = -(-at_least_two // step) * step
    widths: npt.NDArray[np.int64] = np.maximum(np.minimum(rounded_up, longest), lengths)
    return widths
