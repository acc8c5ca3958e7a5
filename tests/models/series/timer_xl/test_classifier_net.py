"""Timer-XL as a net for classification: poolings, patches and channel statistics."""

from typing import Any

import pytest
import torch

from lab.models.series.timer_xl.classifier_net import TimerNet, prepared


@pytest.mark.parametrize("time", ["mean", "last", "attention"])
@pytest.mark.parametrize(("channels", "width"), [("mean", 32), ("attention", 32), ("concat", 96)])
@torch.no_grad()
def test_every_pooling_ignores_patches_without_values(time: str, channels: str, width: int, small_net: Any) -> None:
    torch.manual_seed(0)
    net = TimerNet(small_net("timer_xl", time_pooling=time, channel_pooling=channels), 3, 21).eval()
    values, observed = torch.randn(2, 21, 3), torch.ones(2, 21, 3, dtype=torch.bool)
    assert net(values, observed).shape == (2, width + 6)
    states, kept = torch.randn(2, 3, 4, 32), torch.ones(2, 3, 4, dtype=torch.bool)
    kept[:, :, 0], kept[:, 1] = False, False
    filled = torch.where(kept[..., None], states, 99.0)
    statistics = torch.randn(2, 6)
    torch.testing.assert_close(net.pooled(states, kept, statistics), net.pooled(filled, kept, statistics))


@torch.no_grad()
def test_the_last_state_is_that_of_the_newest_patch_with_values(small_net: Any) -> None:
    net = TimerNet(small_net("timer_xl", time_pooling="last"), 1, 32)
    states = torch.arange(4.0).view(1, 1, 4, 1).expand(1, 1, 4, 32)
    kept = torch.tensor([[[False, True, True, False]]])
    assert net._over_time(states, kept)[0, 0, 0] == 2


def test_the_newest_values_are_in_the_last_patch_and_the_first_is_padded(small_net: Any) -> None:
    values = torch.arange(21.0).view(1, 21, 1)
    patches, kept, statistics = prepared(
        values, torch.ones(1, 21, 1, dtype=torch.bool), small_net("timer_xl", normalise=False)
    )
    assert patches[0, 0, -1].tolist() == list(range(13, 21))
    assert patches[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 2, 3, 4]
    assert kept.all()
    assert statistics.shape == (1, 0)


def test_the_mean_and_deviation_of_each_channel_are_kept(small_net: Any) -> None:
    values = torch.randn(2, 16, 2) * 3 + 5
    observed = torch.ones_like(values, dtype=torch.bool)
    observed[1, :, 1] = False
    _, _, statistics = prepared(values * observed, observed, small_net("timer_xl"))
    torch.testing.assert_close(statistics[0, :2], values[0].mean(0))
    torch.testing.assert_close(statistics[0, 2:], values[0].std(0, correction=0).log(), atol=1e-4, rtol=1e-4)
    assert statistics[1, [1, 3]].tolist() == [0, 0]
