"""The fixed convolutions of MiniRocket (arXiv 2012.08791) and shares of positive values, fast on a CPU.

The 84 kernels have length 9 and weights -1, except three weights of 2. A third of a response is x_i + x_j + x_k minus a
third of the sum of all nine shifted copies. The copies are made once per dilation and the sums of two once per pair, so
each response costs one addition. True values are counted eight at a time as bytes of 64-bit words. Chunks of rows fit
into a core's second-level cache and run in threads. An invalid response is -inf, which exceeds no bias.
Shapes: B rows, C channels, T time steps, K = 84 kernels, Q biases per kernel.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

SIZE = 9
"""Length of a kernel."""
KERNELS: tuple[tuple[int, int, int], ...] = tuple(combinations(range(SIZE), 3))
"""The positions of the three weights of 2, for each kernel."""
NUM_KERNELS = len(KERNELS)
WORD_BYTES = 8
LARGEST_BYTE = 255
EVEN_BYTES = np.uint64(0x00FF00FF00FF00FF)
ONE_PER_PAIR = np.uint64(0x0001000100010001)
COMPARISONS_PER_GROUP = 2**19
"""Comparisons for one group of kernels; each takes a byte."""
STEPS_PER_CHUNK = 6144
"""Time steps of all rows of a chunk. The responses of 84 kernels then take 2 MiB, a large second-level cache."""


def rows_per_chunk(length: int) -> int:
    """Rows of `length` time steps in a chunk, at least 1."""
    return max(1, STEPS_PER_CHUNK // length)


def round_to_words(length: int) -> int:
    """`length`, rounded up to a multiple of 8."""
    return -(-length // WORD_BYTES) * WORD_BYTES


def responses(values: Floats, dilation: int, subsets: Bools | None, out: Floats) -> None:
    """Write a third of every kernel's response to out (K, B, T).

    values (B, C, T), padded with zeros at both ends. subsets (K, C): the channels whose responses are added up for each
    kernel; None if there is one channel.
    """
    reach, length = 4 * dilation, values.shape[-1]
    padded = np.pad(values, ((0, 0), (0, 0), (reach, reach)))
    if subsets is not None:
        _mixed(padded, dilation, subsets, out)
        return
    shifted = [np.ascontiguousarray(padded[:, 0, n * dilation : n * dilation + length]) for n in range(SIZE)]
    third = sum(shifted[1:], start=shifted[0]) * np.float32(-1 / 3)
    pair = np.empty_like(third)
    number = 0
    for i, j in combinations(range(SIZE - 1), 2):
        np.add(shifted[i], shifted[j], out=pair)
        pair += third
        for k in range(j + 1, SIZE):
            np.add(pair, shifted[k], out=out[number])
            number += 1


def _mixed(padded: Floats, dilation: int, subsets: Bools, out: Floats) -> None:
    for number in range(NUM_KERNELS):
        out[number] = _single(padded[:, subsets[number]].sum(1), dilation, number, out.shape[-1])


def single_response(values: Floats, dilation: int, number: int, subset: Bools | None) -> Floats:
    """The same numbers as `responses`, bit for bit, for one kernel: (B, C, T) -> (B, T). subset (C,)."""
    reach, length = 4 * dilation, values.shape[-1]
    series = values[:, 0] if subset is None else values[:, subset].sum(1)
    return _single(np.pad(series, ((0, 0), (reach, reach))), dilation, number, length)


def _single(padded: Floats, dilation: int, number: int, length: int) -> Floats:
    shifted = [padded[:, n * dilation : n * dilation + length] for n in range(SIZE)]
    third = sum(shifted[1:], start=shifted[0]) * np.float32(-1 / 3)
    i, j, k = KERNELS[number]
    return ((shifted[i] + shifted[j]) + third) + shifted[k]


def share_above(response: Floats, biases: Floats, counted: Counts, scratch: Bools, out: Floats) -> None:
    """Write the share of valid time steps at which each response exceeds each bias to out (B, K, Q).

    response (K, B, T8): -inf at time steps that are not valid, T8 a multiple of 8. biases (K, Q). counted (B, K): the
    number of valid time steps; without any the share is 0. scratch: an array of `scratch_size`. A group of kernels is
    compared with all its biases at once, so that a response stays in the first-level cache of a core.
    """
    num_kernels, num_rows, length = response.shape
    num_biases = biases.shape[1]
    size = max(1, COMPARISONS_PER_GROUP // (num_biases * num_rows * length))
    for first in range(0, num_kernels, size):
        group = slice(first, min(num_kernels, first + size))
        shape = (group.stop - first, num_biases, num_rows, length)
        above = scratch[: np.prod(shape)].reshape(shape)
        np.greater(response[group, None], biases[group, :, None, None], out=above)
        total, steps = count_true(above).transpose(2, 0, 1), counted[:, group, None]
        np.divide(total, steps, out=out[:, group], where=steps > 0, casting="unsafe")


def scratch_size(num_rows: int, length: int, num_biases: int) -> int:
    """Number of comparisons that `share_above` has in memory at once, at least those of one kernel."""
    return max(COMPARISONS_PER_GROUP, num_biases * num_rows * length)


def count_true(flags: Bools) -> Counts:
    """Number of true values along the last dimension, whose size is a multiple of 8.

    Eight bytes are added at once as a 64-bit word, at most 255 words, so that no byte overflows. Then the bytes of the
    sum are added: first in pairs (a mask and a shift), then all four pairs (a product whose top 16 bits are their sum).
    """
    words = flags.view(np.uint64)
    total: Counts = np.zeros(flags.shape[:-1], dtype=np.int64)
    for start in range(0, words.shape[-1], LARGEST_BYTE):
        word = np.add.reduce(words[..., start : start + LARGEST_BYTE], axis=-1)
        pairs = (word & EVEN_BYTES) + ((word >> np.uint64(8)) & EVEN_BYTES)
        total += ((pairs * ONE_PER_PAIR) >> np.uint64(48)).astype(np.int64)
    return total


def dilations(length: int, num_features: int, max_dilations: int) -> tuple[Counts, Counts]:
    """The different dilations, and the number of biases per kernel for each of them.

    As in the paper, dilations are 2^u with u evenly spaced in [0, log2((T - 1) / 8)]. Equal dilations are merged, and
    the first dilations get the remaining biases.
    """
    per_kernel = num_features // NUM_KERNELS
    num_spaced = min(per_kernel, max_dilations)
    highest = np.log2(max(1.0, (length - 1) / (SIZE - 1)))
    different, counts = np.unique(np.logspace(0, highest, num_spaced, base=2).astype(np.int64), return_counts=True)
    numbers = (counts * (per_kernel / num_spaced)).astype(np.int64)
    numbers[np.arange(per_kernel - numbers.sum()) % len(numbers)] += 1
    return different, numbers


def low_discrepancy(count: int) -> npt.NDArray[np.float64]:
    """Multiples of the golden ratio modulo 1: quantiles that are evenly spread for any count."""
    quantiles: npt.NDArray[np.float64] = np.arange(1, count + 1) * ((np.sqrt(5) + 1) / 2) % 1
    return quantiles


def drawn_subsets(num_channels: int, count: int, seed: int) -> list[Bools]:
    """Random channels of every kernel, (K, C) for each of `count` dilations.

    A kernel reads 2^u channels with u uniform in [0, log2(min(C, 9) + 1)].
    """
    random = np.random.default_rng(seed)
    highest = np.log2(min(num_channels, SIZE) + 1)
    all_subsets = []
    for _ in range(count):
        subsets = np.zeros((NUM_KERNELS, num_channels), dtype=bool)
        sizes = (2 ** random.uniform(0, highest, NUM_KERNELS)).astype(int)
        for number, size in enumerate(sizes):
            subsets[number, random.choice(num_channels, size, replace=False)] = True
        all_subsets.append(subsets)
    return all_subsets


def unpadded(number: int) -> Sequence[int]:
    """Kernels without padding at the dilation of this number: the odd or the even kernels, in alternation."""
    return range(1 - number % 2, NUM_KERNELS, 2)
