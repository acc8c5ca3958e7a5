"""MiniRocket features: range, padding, missing values, chunks and checkpoints."""

from typing import Any

import numpy as np
import pytest
import torch

from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec
from lab.core.errors import RequestError
from lab.models.series.minirocket import MiniRocketNet

LENGTH = 40


def spec(channels: int = 1, length: int = LENGTH) -> SeriesSpec:
    return SeriesSpec((HeadSpec("class", ("a", "b"), (1, 1)),), tuple("abcdefgh"[:channels]), length)


def series(num_rows: int = 6, channels: int = 1, length: int = LENGTH) -> SeriesBatch:
    values = torch.randn(num_rows, length, channels, generator=torch.Generator().manual_seed(0)).cumsum(1)
    return SeriesBatch(values, torch.ones_like(values, dtype=torch.bool), {}, torch.arange(num_rows), {})


def fitted(small_net: Any, channels: int = 1, seed: int = 0, **changes: Any) -> MiniRocketNet:
    return MiniRocketNet.fitted(
        small_net("minirocket", **changes), spec(channels), seed, lambda n: series(channels=channels)
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_shares_are_between_zero_and_one_and_half_on_average(channels: int, small_net: Any) -> None:
    net = fitted(small_net, channels, num_features=840)
    given = series(channels=channels)
    features = net(given.values, given.observed)
    assert features.shape == (6, 840)
    assert 0 <= features.min() < 0.1
    assert 0.9 < features.max() <= 1
    assert 0.4 < features.mean() < 0.6


@pytest.mark.parametrize("channels", [1, 3])
def test_padding_on_the_left_changes_nothing(channels: int, small_net: Any) -> None:
    net = fitted(small_net, channels, num_features=840)
    given = series(channels=channels, length=29)
    alone = net(given.values, given.observed)
    padding = torch.zeros(6, 11, channels)
    padded = net(torch.cat([padding, given.values], 1), torch.cat([padding.bool(), given.observed], 1))
    torch.testing.assert_close(alone, padded, atol=0, rtol=0)


def test_unobserved_steps_do_not_count(small_net: Any) -> None:
    net = fitted(small_net)
    given = series(2)
    given.observed[0, 10:20] = False
    given.observed[1] = False
    features = net(given.values * given.observed, given.observed)
    assert features.isfinite().all()
    assert not features[1].any()
    steps = features[0, 0] * 30
    assert steps.round().item() == pytest.approx(steps.item(), abs=1e-4)


def test_rows_do_not_depend_on_their_chunk_or_on_threads(small_net: Any) -> None:
    net = fitted(small_net)
    given = series(200)
    whole = net(given.values, given.observed)
    assert torch.equal(whole[150:153], net(given.values[150:153], given.observed[150:153]))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(whole, net(given.values, given.observed))
    finally:
        torch.set_num_threads(threads)


def test_a_checkpoint_restores_biases_and_subsets(small_net: Any) -> None:
    net, given = fitted(small_net, channels=3), series(channels=3)
    again = MiniRocketNet.fitted(small_net("minirocket"), spec(3), 0, None)
    assert not np.array_equal(again.biases, net.biases)
    again.load_state_dict(net.state_dict())
    assert torch.equal(net(given.values, given.observed), again(given.values, given.observed))
    other = fitted(small_net, channels=3, seed=1)
    assert not torch.equal(other.biases, net.biases)


def test_too_few_features_and_too_short_windows_are_both_reported(small_net: Any) -> None:
    with pytest.raises(RequestError) as error:
        MiniRocketNet.fitted(small_net("minirocket", num_features=50), spec(1, 8), 0, None)
    assert [mistake.key for mistake in error.value.mistakes] == ["model.num_features", "model"]


def test_biases_of_a_kernel_cover_its_whole_response(small_net: Any) -> None:
    """Neighbouring quantiles of the sequence are far apart; quantiles that are 84 places apart are not."""
    values = torch.arange(1000.0)[None, :, None].sin() * torch.arange(1000.0)[None, :, None]
    given = SeriesBatch(values, torch.ones_like(values, dtype=torch.bool), {}, torch.arange(1), {})
    net = MiniRocketNet.fitted(
        small_net("minirocket", num_features=840, max_dilations=2), spec(1, 1000), 0, lambda n: given
    )
    features = net(given.values, given.observed).view(84, -1)[:, : int(net.numbers[0])]
    whole = torch.cat([torch.zeros(84, 1), features, torch.ones(84, 1)], 1)
    assert whole.sort(1).values.diff(dim=1).max() < 0.45
