"""The fixed convolutions of MiniRocket (arXiv 2012.08791) and shares of positive values, fast on a CPU.

84 kernels of length 9 with weights -1, three of them 2: a response is 3 (x_i + x_j + x_k) - sum of all nine shifted
copies. The nine copies are made once a dilation, sums of two of them (with a third of the last term) once for all
kernels that share them, so a response costs one addition; it is compared with a third of each bias, and the counts are
of bytes added eight at a time inside 64-bit words. Chunks of rows are sized to a core's second cache and go to threads,
which numpy lets run side by side. What is not valid is -inf: it exceeds no bias. Shapes: B rows, C channels, T time
steps, K = 84 kernels, Q biases a kernel.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

SIZE = 9
KERNELS: tuple[tuple[int, int, int], ...] = tuple(combinations(range(SIZE), 3))
NUM_KERNELS = len(KERNELS)
WORD = 8
LARGEST_BYTE = 255
EVEN_BYTES = np.uint64(0x00FF00FF00FF00FF)
ONE_A_PAIR = np.uint64(0x0001000100010001)
ANSWERS_AT_ONCE = 2**19
"""Comparisons of a group of kernels, a byte each."""
FLOATS_AT_ONCE = 6144
"""Time steps of all rows of a chunk: responses of 84 kernels then take 2 MiB, a large second cache."""


def rows_at_once(length: int) -> int:
    return max(1, FLOATS_AT_ONCE // length)


def words(length: int) -> int:
    """The least multiple of 8 that holds `length`."""
    return -(-length // WORD) * WORD


def responses(values: Floats, dilation: int, subsets: Bools | None, out: Floats) -> None:
    """A third of every kernel's response into out (K, B, T).

    values (B, C, T); zeros beyond both ends. subsets (K, C): channels whose responses are added up for a kernel; None
    where there is one channel.
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
    """What `responses` gives for one kernel, to the last bit: (B, C, T) -> (B, T). subset (C,)."""
    reach, length = 4 * dilation, values.shape[-1]
    series = values[:, 0] if subset is None else values[:, subset].sum(1)
    return _single(np.pad(series, ((0, 0), (reach, reach))), dilation, number, length)


def _single(padded: Floats, dilation: int, number: int, length: int) -> Floats:
    shifted = [padded[:, n * dilation : n * dilation + length] for n in range(SIZE)]
    third = sum(shifted[1:], start=shifted[0]) * np.float32(-1 / 3)
    i, j, k = KERNELS[number]
    return ((shifted[i] + shifted[j]) + third) + shifted[k]


def share_above(response: Floats, biases: Floats, counted: Counts, scratch: Bools, out: Floats) -> None:
    """Share of valid time steps at which each response exceeds each bias, into out (B, K, Q).

    response (K, B, T8) with -inf where nothing is to be counted, T8 a multiple of 8; biases (K, Q); counted (B, K) how
    many steps are; 0 where none. scratch: room for `scratch_size`. A group of kernels meets all its biases in one
    comparison, which keeps a response in a core's first cache and the answers in its second.
    """
    num_kernels, num_rows, length = response.shape
    num_biases = biases.shape[1]
    size = max(1, ANSWERS_AT_ONCE // (num_biases * num_rows * length))
    for first in range(0, num_kernels, size):
        group = slice(first, min(num_kernels, first + size))
        shape = (group.stop - first, num_biases, num_rows, length)
        above = scratch[: np.prod(shape)].reshape(shape)
        np.greater(response[group, None], biases[group, :, None, None], out=above)
        total, steps = number_true(above).transpose(2, 0, 1), counted[:, group, None]
        np.divide(total, steps, out=out[:, group], where=steps > 0, casting="unsafe")


def scratch_size(num_rows: int, length: int, num_biases: int) -> int:
    """Answers that `share_above` holds at once: one kernel's at least."""
    return max(ANSWERS_AT_ONCE, num_biases * num_rows * length)


def number_true(answers: Bools) -> Counts:
    """How many of the last dimension (a multiple of 8) are true.

    Eight bytes are added at a time as one word, 255 words at most or a byte would overflow; then the bytes of the sum,
    in pairs (a mask and a shift) and all four pairs (a product whose top lane is their sum).
    """
    words_of = answers.view(np.uint64)
    total: Counts = np.zeros(answers.shape[:-1], dtype=np.int64)
    for start in range(0, words_of.shape[-1], LARGEST_BYTE):
        word = np.add.reduce(words_of[..., start : start + LARGEST_BYTE], axis=-1)
        pairs = (word & EVEN_BYTES) + ((word >> np.uint64(8)) & EVEN_BYTES)
        total += ((pairs * ONE_A_PAIR) >> np.uint64(48)).astype(np.int64)
    return total


def dilations(length: int, num_features: int, max_dilations: int) -> tuple[Counts, Counts]:
    """Dilations and how many biases each has in every kernel, as the paper spreads them: 2^u, u uniform in
    [0, log2((T - 1) / 8)], equal ones taken together; what is left over goes to the first ones."""
    per_kernel = num_features // NUM_KERNELS
    wanted = min(per_kernel, max_dilations)
    highest = np.log2(max(1.0, (length - 1) / (SIZE - 1)))
    found, counts = np.unique(np.logspace(0, highest, wanted, base=2).astype(np.int64), return_counts=True)
    numbers = (counts * (per_kernel / wanted)).astype(np.int64)
    numbers[np.arange(per_kernel - numbers.sum()) % len(numbers)] += 1
    return found, numbers


def low_discrepancy(count: int) -> npt.NDArray[np.float64]:
    """Multiples of the golden ratio modulo 1: evenly spread quantiles for any count."""
    found: npt.NDArray[np.float64] = np.arange(1, count + 1) * ((np.sqrt(5) + 1) / 2) % 1
    return found


def drawn_subsets(num_channels: int, count: int, seed: int) -> list[Bools]:
    """Channels of every kernel for `count` dilations, (K, C) each: 2^u of them, u uniform in
    [0, log2(min(C, 9) + 1)]."""
    random = np.random.default_rng(seed)
    most = np.log2(min(num_channels, SIZE) + 1)
    found = []
    for _ in range(count):
        subsets = np.zeros((NUM_KERNELS, num_channels), dtype=bool)
        sizes = (2 ** random.uniform(0, most, NUM_KERNELS)).astype(int)
        for number, size in enumerate(sizes):
            subsets[number, random.choice(num_channels, size, replace=False)] = True
        found.append(subsets)
    return found


def unpadded(number: int) -> Sequence[int]:
    """Kernels that see no zeros beyond the ends at the dilation of this number: every other one, in turns."""
    return range(1 - number % 2, NUM_KERNELS, 2)
