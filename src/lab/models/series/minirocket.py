"""MiniRocket features (arXiv 2012.08791) as a net that has nothing to train: 9,996 shares of positive values a window.

Biases are quantiles of the responses of training windows, drawn once from the seed; several channels are read in random
subsets, one for each kernel and dilation. Steps without any sample count in no share and windows may differ in length:
a kernel that fits into no place of a window gives 0. Features are computed on the CPU, wherever the head is.
Shapes: B rows, T time steps, C channels, K = 84 kernels.
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

SAMPLED = 2048
"""Training windows that biases are drawn from, at most."""


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
        """sample None: the biases come from a checkpoint. Raises RequestError for too few features or too short
        windows."""
        mistakes = []
        if model.num_features < NUM_KERNELS:
            problem = f"there are {NUM_KERNELS} kernels, each with at least one feature"
            mistakes.append(Mistake("model.num_features", problem, "model.num_features=9996", model.num_features))
        if spec.length < kernels.SIZE:
            problem = f"reads windows of at least {kernels.SIZE} time steps, and the longest here has {spec.length}"
            mistakes.append(Mistake("model", problem, "a longer data.window, or model=inception_time", model.name))
        if mistakes:
            raise RequestError(mistakes)
        net = cls(model, spec, seed)
        if sample is not None:
            net.fit(*_arrays((batch := sample(SAMPLED)).values, batch.observed), seed)
        return net

    def fit(self, values: Floats, observed: Bools, seed: int) -> None:
        """Biases: of each kernel and dilation, quantiles of its response to one window, drawn by the seed.

        values (B, C, T), observed (B, T).
        """
        random = np.random.default_rng(seed)
        quantiles = kernels.low_discrepancy(self.dimension)
        found = np.zeros((NUM_KERNELS, self.biases.shape[1]), dtype=np.float32)
        first = 0
        for number, dilation in enumerate(self.dilations.tolist()):
            rows, subsets = random.integers(len(values), size=NUM_KERNELS), self._subsets(number)
            count = int(self.numbers[number])
            spread = quantiles[NUM_KERNELS * first :][: NUM_KERNELS * count].reshape(NUM_KERNELS, count)
            wanted = slice(first, first := first + count)
            for kernel, row in enumerate(rows.tolist()):
                subset = None if subsets is None else subsets[kernel]
                seen = kernels.single_response(values[row, None], dilation, kernel, subset)[0, observed[row]]
                found[kernel, wanted] = np.quantile(seen, spread[kernel]) if len(seen) else 0.0
        self.biases.copy_(torch.from_numpy(found))

    @torch.no_grad()
    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        series, seen = _arrays(values, observed)
        size = kernels.rows_at_once(series.shape[-1])
        parts = [slice(start, start + size) for start in range(0, len(series), size)]
        biases = self.biases.cpu().numpy()
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            found = list(pool.map(lambda part: self._features(series[part], seen[part], biases), parts))
        return torch.from_numpy(np.concatenate(found)).to(values.device)

    def _features(self, values: Floats, observed: Bools, biases: Floats) -> Floats:
        num_rows, _, length = values.shape
        width = kernels.words(length)
        response = np.full((NUM_KERNELS, num_rows, width), -np.inf, dtype=np.float32)
        scratch = np.empty(kernels.scratch_size(num_rows, width, int(self.numbers.max())), dtype=bool)
        inside = response[..., :length]
        features = np.zeros((num_rows, NUM_KERNELS, biases.shape[1]), dtype=np.float32)
        first = 0
        for number, dilation in enumerate(self.dilations.tolist()):
            kernels.responses(values, dilation, self._subsets(number), inside)
            counted = _mark(inside, observed, 4 * dilation, list(kernels.unpadded(number)))
            part = slice(first, first := first + int(self.numbers[number]))
            kernels.share_above(response, np.ascontiguousarray(biases[:, part]), counted, scratch, features[..., part])
        return features.reshape(num_rows, -1)

    def _subsets(self, number: int) -> Bools | None:
        return None if self.subsets.shape[-1] == 1 else self.subsets[number].cpu().numpy()


def _arrays(values: Tensor, observed: Tensor) -> tuple[Floats, Bools]:
    """(B, C, T) and whether any channel was observed (B, T)."""
    return values.float().cpu().transpose(1, 2).contiguous().numpy(), observed.any(-1).cpu().numpy()


def _mark(response: Floats, observed: Bools, reach: int, unpadded: list[int]) -> npt.NDArray[np.int64]:
    """-inf where a response (K, B, T) does not count; how many steps do, (B, K).

    Windows begin at their first sample. A kernel without padding counts where it lies inside the window.
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
