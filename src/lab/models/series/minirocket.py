"""MiniRocket features (arXiv 2012.08791) as a net without trainable parameters: up to 9,996 shares of positive values
per window.

Biases are quantiles of the responses to random training windows. Each kernel and dilation reads a random subset of the
channels. Time steps without observed values do not count, and windows may differ in length: a kernel that fits nowhere
in a window gives 0. Features are always computed on the CPU. Shapes: B rows, T time steps, C channels, K = 84 kernels.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lab.config.schema import MiniRocket
from lab.core.batches import SeriesSpec
from lab.core.errors import Mistake, RequestError
from lab.models.series import minirocket_kernels as kernels
from lab.models.series.interfaces import Net
from lab.models.series.minirocket_kernels import NUM_KERNELS, Bools, Floats
from lab.models.series.series_classifier import Sample

MAX_SAMPLED_WINDOWS = 2048
"""The biases are computed from at most this many training windows."""


class MiniRocketNet(Net):
    """values, observed (B, T, C) -> (B, num_features rounded down to a multiple of 84), without gradient."""

    biases: Tensor
    subsets: Tensor

    def __init__(self, model: MiniRocket, spec: SeriesSpec, seed: int) -> None:
        super().__init__()
        self.dilations, self.numbers = kernels.dilations(spec.length, model.num_features, model.max_dilations)
        self.dimension = NUM_KERNELS * int(self.numbers.sum())
        num_channels = len(spec.channels)
        subsets = kernels.drawn_subsets(num_channels, len(self.dilations), seed)
        self.register_buffer("subsets", torch.from_numpy(np.stack(subsets)))
        self.register_buffer("biases", torch.zeros(NUM_KERNELS, int(self.numbers.sum())))

    @classmethod
    def fitted(cls, model: MiniRocket, spec: SeriesSpec, seed: int, sample: Sample | None) -> "MiniRocketNet":
        """A net with biases from `sample`; with None the biases are left to a checkpoint.

        Raises RequestError for too few features or too short windows.
        """
        mistakes = []
        if model.num_features < NUM_KERNELS:
            problem = f"must be at least {NUM_KERNELS}, because there are {NUM_KERNELS} kernels"
            mistakes.append(Mistake("model.num_features", problem, "model.num_features=9996", model.num_features))
        if spec.length < kernels.SIZE:
            problem = f"needs windows of at least {kernels.SIZE} time steps, but the longest window has {spec.length}"
            mistakes.append(Mistake("model", problem, "a longer data.window, or model=inception_time", model.name))
        if mistakes:
            raise RequestError(mistakes)
        net = cls(model, spec, seed)
        if sample is not None:
            batch = sample(MAX_SAMPLED_WINDOWS)
            net.fit(*_arrays(batch.values, batch.observed), seed)
        return net

    def fit(self, values: Floats, observed: Bools, seed: int) -> None:
        """Set the biases of each kernel and dilation to quantiles of its response to one random window.

        values (B, C, T), observed (B, T).
        """
        random = np.random.default_rng(seed)
        quantiles = kernels.low_discrepancy(self.dimension)
        biases = np.zeros((NUM_KERNELS, self.biases.shape[1]), dtype=np.float32)
        first = 0
        for number, dilation in enumerate(self.dilations.tolist()):
            rows, subsets = random.integers(len(values), size=NUM_KERNELS), self._subsets(number)
            count = int(self.numbers[number])
            spread = quantiles[NUM_KERNELS * first :][: NUM_KERNELS * count].reshape(NUM_KERNELS, count)
            columns = slice(first, first := first + count)
            for kernel, row in enumerate(rows.tolist()):
                subset = None if subsets is None else subsets[kernel]
                response = kernels.single_response(values[row, None], dilation, kernel, subset)[0, observed[row]]
                biases[kernel, columns] = np.quantile(response, spread[kernel]) if len(response) else 0.0
        self.biases.copy_(torch.from_numpy(biases))

    @torch.no_grad()
    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        series, has_values = _arrays(values, observed)
        size = kernels.rows_per_chunk(series.shape[-1])
        parts = [slice(start, start + size) for start in range(0, len(series), size)]
        biases = self.biases.cpu().numpy()
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            features = list(pool.map(lambda part: self._features(series[part], has_values[part], biases), parts))
        return torch.from_numpy(np.concatenate(features)).to(values.device)

    def _features(self, values: Floats, observed: Bools, biases: Floats) -> Floats:
        num_rows, _, length = values.shape
        width = kernels.round_to_words(length)
        response = np.full((NUM_KERNELS, num_rows, width), -np.inf, dtype=np.float32)
        scratch = np.empty(kernels.scratch_size(num_rows, width, int(self.numbers.max())), dtype=bool)
        inside = response[..., :length]
        features = np.zeros((num_rows, NUM_KERNELS, biases.shape[1]), dtype=np.float32)
        first = 0
        for number, dilation in enumerate(self.dilations.tolist()):
            kernels.responses(values, dilation, self._subsets(number), inside)
            counted = _exclude(inside, observed, 4 * dilation, list(kernels.unpadded(number)))
            part = slice(first, first := first + int(self.numbers[number]))
            kernels.share_above(response, np.ascontiguousarray(biases[:, part]), counted, scratch, features[..., part])
        return features.reshape(num_rows, -1)

    def _subsets(self, number: int) -> Bools | None:
        return None if self.subsets.shape[-1] == 1 else self.subsets[number].cpu().numpy()


def _arrays(values: Tensor, observed: Tensor) -> tuple[Floats, Bools]:
    """Values (B, C, T), and whether any channel is observed (B, T)."""
    return values.float().cpu().transpose(1, 2).contiguous().numpy(), observed.any(-1).cpu().numpy()


def _exclude(response: Floats, observed: Bools, reach: int, unpadded: list[int]) -> npt.NDArray[np.int64]:
    """Set a response (K, B, T) to -inf at time steps that do not count, and return how many count (B, K).

    A window begins at its first observed time step. A kernel without padding counts where it is inside the window.
    """
    num_rows, length = observed.shape
    starts = np.where(observed.any(1), observed.argmax(1), length)
    steps = np.arange(length)
    inside = (steps >= (starts + reach)[:, None]) & (steps < length - reach)
    if not observed.all():
        np.copyto(response, -np.inf, where=~observed)
        inside &= observed
    counted = np.empty((num_rows, NUM_KERNELS), dtype=np.int64)
    counted[:] = observed.sum(1)[:, None]
    counted[:, unpadded] = inside.sum(1)[:, None]
    if (starts == 0).all():
        response[unpadded[0] :: 2, :, :reach] = -np.inf
        response[unpadded[0] :: 2, :, max(0, length - reach) :] = -np.inf
    else:
        for kernel in unpadded:
            np.copyto(response[kernel], -np.inf, where=~inside)
    return counted
