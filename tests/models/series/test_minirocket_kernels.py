"""Fast responses and shares are compared with their definitions."""

import numpy as np
import pytest

from lab.models.series import minirocket_kernels as kernels
from lab.models.series.minirocket_kernels import KERNELS, NUM_KERNELS


def naive(series: np.ndarray, dilation: int, number: int) -> np.ndarray:
    """A third of the response of one kernel: three weights of 2, six of -1, and zeros beyond both ends."""
    weights = np.full(9, -1.0)
    weights[list(KERNELS[number])] = 2.0
    response = np.zeros(len(series))
    for t in range(len(series)):
        for n in range(9):
            step = t + (n - 4) * dilation
            if 0 <= step < len(series):
                response[t] += weights[n] * series[step]
    return response / 3


def test_there_are_84_kernels_whose_weights_sum_to_zero() -> None:
    assert len(set(KERNELS)) == NUM_KERNELS == 84


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_responses_follow_the_definition(dilation: int, channels: int) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(2, channels, 30)).astype(np.float32)
    subsets = random.random((NUM_KERNELS, channels)) < 0.5
    out = np.empty((NUM_KERNELS, 2, 30), dtype=np.float32)
    kernels.responses(values, dilation, subsets if channels > 1 else None, out)
    for number in (0, 17, 42, 83):
        chosen = subsets[number] if channels > 1 else np.array([True])
        for row in range(2):
            np.testing.assert_allclose(out[number, row], naive(values[row, chosen].sum(0), dilation, number), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_single_response_is_equal_bit_for_bit(channels: int) -> None:
    """Otherwise a constant part of a window could exceed the bias that was computed from it."""
    random = np.random.default_rng(0)
    values = random.normal(size=(5, channels, 70)).astype(np.float32)
    values[:, :, 20:50] = 0.3
    subsets = np.ones((NUM_KERNELS, channels), dtype=bool) if channels > 1 else None
    out = np.empty((NUM_KERNELS, 5, 70), dtype=np.float32)
    kernels.responses(values, 2, subsets, out)
    for number in range(NUM_KERNELS):
        single = kernels.single_response(values, 2, number, None if subsets is None else subsets[number])
        assert np.array_equal(out[number], single)


@pytest.mark.parametrize("length", [8, 24, 2048, 2056, 5000])
def test_shares_are_counted_for_any_length(length: int) -> None:
    random = np.random.default_rng(0)
    response = random.normal(size=(3, 2, length)).astype(np.float32)
    response[0] = 9.0
    response[1, 1, 5:] = -np.inf
    biases, counted = random.normal(size=(3, 4)).astype(np.float32), np.full((2, 3), length)
    counted[1, 1], counted[1, 2] = 5, 0
    out = np.zeros((2, 3, 4), dtype=np.float32)
    kernels.share_above(response, biases, counted, np.empty(kernels.scratch_size(2, length, 4), dtype=bool), out)
    expected = (response[:, :, None] > biases[:, None, :, None]).sum(-1).transpose(1, 0, 2)
    np.testing.assert_allclose(out, np.where(counted[..., None], expected / np.maximum(counted, 1)[..., None], 0))
    assert (out[0, 0] == 1).all()


def test_dilations_cover_the_window_and_use_all_features() -> None:
    different, numbers = kernels.dilations(427, 9996, 32)
    assert different.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14, 16, 19, 21, 24, 28, 31, 36, 41, 46, 53]
    assert numbers.sum() * NUM_KERNELS == 9996
    assert kernels.dilations(9, 9996, 32)[0].tolist() == [1]
    assert kernels.dilations(100, 84, 32)[1].tolist() == [1]


def test_subsets_are_never_empty_and_depend_on_the_seed() -> None:
    drawn = kernels.drawn_subsets(12, 5, seed=1)
    sizes = np.stack(drawn).sum(-1)
    assert (sizes.min(), sizes.max()) == (1, 9)
    assert all(np.array_equal(a, b) for a, b in zip(drawn, kernels.drawn_subsets(12, 5, seed=1), strict=True))
    assert not np.array_equal(drawn[0], kernels.drawn_subsets(12, 5, seed=2)[0])


@pytest.mark.parametrize("length", [8, 2040, 2048, 10_000])
def test_true_values_are_counted(length: int) -> None:
    random = np.random.default_rng(0)
    flags = random.random((3, 2, length)) < 0.7
    flags[0] = True
    assert np.array_equal(kernels.count_true(flags), flags.sum(-1))
