"""Explanations of windows of series by occlusion (Zeiler and Fergus 2014, arXiv 1311.2901), for any net.

A window is divided into up to `PARTS` parts of time per channel. The attribution of a part is how much the logit
of the predicted class falls when the values of the part are replaced: by the mean of the training data (0) where the
run scales its columns, else by the channel's mean over the window. Such attributions do not sum to a difference of
logits, because parts act together. Cost: parts x channels + 1 windows for each.
Shapes: B windows, T steps, C channels, P parts.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from lab.core.batches import SeriesBatch
from lab.inference.explain.interface import Explainer, Explanation
from lab.inference.predictor import Row
from lab.inference.series import PLACE, SeriesPredictor

PARTS = 12
"""Most parts of time of a channel."""


class SeriesExplainer(Explainer):
    """Explains the predicted class of a window. channels: names of the inputs of the net (C)."""

    method = "occlusion: how much the logit falls without a part of the window"

    def __init__(self, predictor: SeriesPredictor, channels: Sequence[str]) -> None:
        self.predictor, self.channels = predictor, channels
        self.heads = (predictor.head.name,)

    def explain(self, rows: Sequence[Row]) -> list[list[Explanation]]:
        return [[self._explained(*row[PLACE])] for row in rows]

    def _explained(self, file: int, window: int) -> Explanation:
        arrays = self.predictor.windows[file].rows.arrays(np.array([window], np.int64))
        values, observed = map(torch.from_numpy, arrays)
        logits = self._logits(values, observed)[0]
        target = int(self.predictor.chosen(logits[None])[0])
        times = time_parts(values.shape[1])
        falls = logits[target] - self._occluded(values, observed, times, target)
        names = [f"{channel} {part_name(part, values.shape[1])}" for channel in self.channels for part in times]
        words = tuple(zip(names, falls.tolist(), strict=True))
        label = self.predictor.head.classes[target]
        return Explanation(self.heads[0], label, words, None, num_times=len(times))

    def _occluded(self, values: Tensor, observed: Tensor, times: Sequence[slice], target: int) -> Tensor:
        """Logits (C * P,) of a class without each part, channel by channel. values, observed: (1, T, C)."""
        scaled = self.predictor.scaling is not None
        kept = observed.sum(1).clamp(min=1)
        fill = torch.zeros_like(values[:, 0]) if scaled else (values * observed).sum(1) / kept
        parts = [(channel, time) for channel in range(values.shape[2]) for time in times]
        logits = []
        for start in range(0, len(parts), self.predictor.batch_size):
            chosen = parts[start : start + self.predictor.batch_size]
            changed = values.repeat(len(chosen), 1, 1)
            for row, (channel, time) in enumerate(chosen):
                seen = observed[0, time, channel]
                changed[row, time, channel] = torch.where(seen, fill[0, channel], changed[row, time, channel])
            logits.append(self._logits(changed, observed.expand_as(changed))[:, target])
        return torch.cat(logits)

    @torch.inference_mode()
    def _logits(self, values: Tensor, observed: Tensor) -> Tensor:
        base = self.predictor.base_logits(values.numpy(), observed.numpy())
        batch = SeriesBatch(values, observed, {}, torch.arange(len(values)), {}, base=base).to(self.predictor.device)
        logits: Tensor = self.predictor.model(batch)[0].float().cpu()
        return logits


def time_parts(steps: int) -> list[slice]:
    """Return up to `PARTS` parts of a window of so many steps, of nearly the same length.

    >>> time_parts(3)
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    bounds = np.linspace(0, steps, min(PARTS, steps) + 1).round().astype(int).tolist()
    return [slice(start, end) for start, end in pairwise(bounds)]


def part_name(part: slice, steps: int) -> str:
    """Return the name of a part: its first and last step, where 0 is the newest step of the window.

    >>> part_name(slice(0, 2), 24), part_name(slice(23, 24), 24)
    ('-23..-22', '0..0')
    """
    return f"{part.start - steps + 1}..{part.stop - steps}"
