"""A text that is longer than the encoder's input: mean logits over its windows (`data.max_windows`).

The mean of the logits of linear heads is the logit of the mean of the windows' pooled vectors. All texts of a batch
have as many windows as the longest of them; those that a text does not need are computed and not counted, so that no
number of windows is read from a GPU. Shapes: B rows, L tokens, W tokens of a window, K classes.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from lab.core.batches import SPECIALS, TextBatch, TextWindows


def mean_over_windows(
    batch: TextBatch, windows: TextWindows, pad_id: int, logits_of: Callable[[TextBatch], list[Tensor]]
) -> list[Tensor]:
    """Mean logits (B, K) of each head in fp32. logits_of: the logits of a batch that is as wide as a window."""
    content = batch.mask.sum(1, keepdim=True) - SPECIALS
    sums: list[Tensor] = []
    counts = torch.zeros_like(content)
    for number in range(windows.number(batch.ids.shape[1])):
        needed = content > windows.content + (number - 1) * windows.step if number else torch.ones_like(content) > 0
        logits = logits_of(window(batch, windows, pad_id, number))
        own = [torch.where(needed, each.float(), 0.0) for each in logits]
        sums = [total + part for total, part in zip(sums, own, strict=True)] if sums else own
        counts = counts + needed.long()
    return [total / counts for total in sums]


def window(batch: TextBatch, windows: TextWindows, pad_id: int, number: int) -> TextBatch:
    """The window with a number from 0 of each text, (B, W). A later one than the last of a text equals the last."""
    lengths = batch.mask.sum(1, keepdim=True)
    content = lengths - SPECIALS
    start = (content - windows.content).clamp(min=0).clamp(max=number * windows.step)
    place = torch.arange(windows.size, device=batch.ids.device)
    taken = content.clamp(max=windows.content)
    source = torch.where(place == 0, 0, start + place)
    source = torch.where(place == taken + 1, lengths - 1, source).clamp(max=batch.ids.shape[1] - 1)
    mask = place < taken + SPECIALS
    ids = torch.where(mask, batch.ids.gather(1, source), pad_id)
    return replace(batch, ids=ids, mask=mask, whole=False)
